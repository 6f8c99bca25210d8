package wire

import (
	"bytes"
	"crypto/tls"
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

// A Message is one request as it arrived. Whatever the service later verifies, decodes or records, it
// takes from here, so that all of it is about the same bytes.
type Message struct {
	Operation  string // empty unless it is one of shape.Operations
	Method     string
	Path       string // as sent, still escaped
	RawQuery   string
	Host       string // as sent, with case and port
	Header     http.Header
	Body       []byte
	RemoteAddr string // IP address only; empty if the transport has none
	TLS        *tls.ConnectionState
}

// Read reads the request. If it is refused the Message is still returned, with what is known so far,
// because refusals are recorded too; the error goes to Refuse.
//
// In this order it refuses: requests that are not of this API at all, with the XML of the shared front
// end (access.md §1.6 P1, P2); an unknown target (P3); a body longer than MaxBody.
func Read(w http.ResponseWriter, r *http.Request) (*Message, error) {
	m := &Message{
		Method:     r.Method,
		Path:       r.URL.EscapedPath(),
		RawQuery:   r.URL.RawQuery,
		Host:       r.Host,
		Header:     r.Header,
		RemoteAddr: address(r.RemoteAddr),
		TLS:        r.TLS,
	}
	if !ours(r) {
		return m, misdirected(r)
	}
	if m.Operation = operation(r.Header); m.Operation == "" {
		return m, fault.UnknownTarget()
	}
	var err error
	m.Body, err = body(w, r)
	return m, err
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

// body reads the body, however it is framed.
func body(w http.ResponseWriter, r *http.Request) ([]byte, error) {
	if r.ContentLength > MaxBody {
		return nil, fault.BodyTooLarge(MaxBody)
	}
	// Not all of the promised length at once: a promise costs the client nothing.
	const promised = 64 << 10
	buf := bytes.NewBuffer(make([]byte, 0, min(max(r.ContentLength, 0), promised)+bytes.MinRead))
	_, err := buf.ReadFrom(http.MaxBytesReader(w, r.Body, MaxBody))
	if _, over := errors.AsType[*http.MaxBytesError](err); over {
		return nil, fault.BodyTooLarge(MaxBody).Because(err)
	}
	if err != nil {
		return nil, fault.Malformed("The request body could not be read to its end.").Because(err)
	}
	return buf.Bytes(), nil
}

// Peer is the IP address a request came from, or "".
func Peer(r *http.Request) string { return address(r.RemoteAddr) }

// address is the IP address of a peer in the form "address:port".
func address(peer string) string {
	ap, err := netip.ParseAddrPort(peer)
	if err != nil {
		return ""
	}
	return ap.Addr().Unmap().WithZone("").String()
}
