package wire

import (
	"errors"
	"net/http"
	"net/netip"
	"strings"

	"qkms/internal/fault"
	"qkms/internal/wire/shape"
)

// MaxBody is the largest request body in bytes. The largest legal member, an attestation document of
// 262,144 bytes, needs about 350,000 in base64 (operations.md §1.1).
const MaxBody = 1 << 20

// targetPrefix stands before the operation in X-Amz-Target [M].
const targetPrefix = "TrentService."

// A Message is one request as it arrived. Whatever the service later verifies, decodes or records of its body, it
// takes from here, so that all of it is about the same bytes.
type Message struct {
	Operation string // empty unless it is one of shape.Operations
	Body      []byte // good until Release

	kept *buffer // of Body
}

// Read reads the request into m. If it is refused m still holds what is known so far,
// because refusals are recorded too; the error goes to Refuse.
//
// In this order it refuses: requests that are not of this API at all, with the XML of the shared front
// end (access.md §1.6 P1, P2); an unknown target (P3); a body longer than MaxBody.
func (m *Message) Read(w http.ResponseWriter, r *http.Request) error {
	if !ours(r) {
		return misdirected(r)
	}
	if m.Operation = operation(r.Header); m.Operation == "" {
		return fault.UnknownTarget()
	}
	return m.read(w, r)
}

// Release wipes the body, which may hold a plaintext, and lets another request have its memory. What was decoded from
// it is a copy.
func (m *Message) Release() {
	m.Body = nil
	if m.kept != nil {
		m.kept.release()
		m.kept = nil
	}
}

// ours reports whether the request has the form that all requests of this API have.
//
// The target must be the path alone. An absolute one ("POST http://other/ HTTP/1.1") would replace
// the Host header, so that what the client signed and what a proxy routed by could differ.
func ours(r *http.Request) bool {
	path, _, _ := strings.Cut(r.RequestURI, "?")
	return r.Method == http.MethodPost && path == "/" && jsonType(r.Header["Content-Type"])
}

// jsonType accepts the media type of the protocol with any parameters, and plain JSON from
// hand-written clients [U].
func jsonType(values []string) bool {
	if len(values) != 1 {
		return false
	}
	media, _, _ := strings.Cut(values[0], ";")
	switch strings.ToLower(strings.TrimSpace(media)) {
	case contentType, "application/json":
		return true
	}
	return false
}

// operation is the operation the target names, or "". Two targets are none: the one a proxy authorized
// need not be the one we would pick.
func operation(h http.Header) string {
	targets := h["X-Amz-Target"]
	if len(targets) != 1 {
		return ""
	}
	name, found := strings.CutPrefix(targets[0], targetPrefix)
	if !found || shape.Find(name) == nil {
		return ""
	}
	return name
}

// read reads the body, however it is framed.
func (m *Message) read(w http.ResponseWriter, r *http.Request) error {
	if r.ContentLength > MaxBody {
		return fault.BodyTooLarge(MaxBody)
	}
	body := r.Body
	if r.ContentLength < 0 {
		body = http.MaxBytesReader(w, r.Body, MaxBody)
	}
	m.kept = bufferOf(smallSize) // whatever was promised: a promise costs the client nothing
	err := m.kept.fill(body, r.ContentLength)
	m.Body = m.kept.bytes
	if _, over := errors.AsType[*http.MaxBytesError](err); over {
		return fault.BodyTooLarge(MaxBody).Because(err)
	}
	if refused, is := errors.AsType[*fault.Error](err); is { // by who counts large bodies
		return refused
	}
	if err != nil {
		return fault.Malformed("The request body could not be read to its end.").Because(err)
	}
	return nil
}

// Peer is the IP address a request came from, or "" if the transport has none.
func Peer(r *http.Request) string {
	peer := r.RemoteAddr
	ap, err := netip.ParseAddrPort(peer)
	if err != nil {
		return ""
	}
	if ap.Addr().Is4() { // which has one spelling
		return peer[:strings.LastIndexByte(peer, ':')]
	}
	return ap.Addr().Unmap().WithZone("").String()
}
