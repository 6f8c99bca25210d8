package front

import (
	"context"
	"crypto/tls"
	"io"
	"net/http"
	"net/url"
)

// A request is what the handler sees: one http.Request, one header and one array of values for each connection, which
// the next request gets again. Nothing of them may be used once the handler has returned; strings may.
type request struct {
	http   http.Request
	blank  *http.Request // what is the same of all
	url    url.URL
	header http.Header
	values [maxFields]string
	body   body
	length int // of the body
}

func (r *request) begin(ctx context.Context, remote string, state *tls.ConnectionState) {
	r.header = make(http.Header, 16)
	r.blank = (&http.Request{
		Method: http.MethodPost, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		URL: &r.url, RequestURI: "/", Header: r.header, RemoteAddr: remote, TLS: state,
	}).WithContext(ctx)
}

// fill makes the request of a header that is whole, in b. It returns false of one that is for net/http.
//
// There is one string for all of it. What keeps a part, as the record of a refusal may, keeps as much as maxHeader.
func (r *request) fill(h *head, b []byte) bool {
	text := string(b[:h.size])
	clear(r.header)
	host := ""
	for i := range h.fields[:h.count] {
		f := &h.fields[i]
		name, value := text[f.name:f.colon], text[f.value:f.end]
		if !f.canonical {
			name = http.CanonicalHeaderKey(name)
		}
		switch name {
		case "Host":
			host = value
		case "Connection":
			if value != "keep-alive" {
				return false
			}
		case "Content-Length", "Transfer-Encoding", "Trailer", "Te", "Upgrade", "Http2-Settings", "Expect", "Pragma", "Keep-Alive", "Proxy-Connection":
			if name != "Content-Length" { // Pragma: net/http adds a Cache-Control
				return false
			}
		}
		r.values[i] = value
		r.header[name] = r.values[i : i+1 : i+1]
	}
	if len(r.header) != h.count || !plainHost(host) { // a name twice
		return false
	}
	delete(r.header, "Host")
	var ok bool
	if r.length, ok = digits(r.only("Content-Length")); !ok {
		return false
	}
	r.url = url.URL{Path: "/"}
	r.http = *r.blank
	r.http.Host, r.http.ContentLength = host, int64(r.length)
	return true
}

// only is the value of the field with this name, or "".
func (r *request) only(name string) string {
	if v := r.header[name]; len(v) == 1 {
		return v[0]
	}
	return ""
}

// content gives the request its body.
func (r *request) content(b []byte) {
	r.body.rest = b
	r.http.Body = &r.body
	if len(b) == 0 {
		r.http.Body = http.NoBody // as net/http has it
	}
}

// done takes back what must not be used any more. A connection between requests keeps nothing of the last one.
func (r *request) done() {
	r.body.rest = nil
	r.http.Host = ""
	clear(r.header)
	clear(r.values[:])
}

// A body is all there already.
type body struct{ rest []byte }

// Whole says so to handlers that would wait for others otherwise.
func (b *body) Whole() bool { return true }

// Read implements io.Reader.
func (b *body) Read(p []byte) (int, error) {
	if len(b.rest) == 0 {
		return 0, io.EOF
	}
	n := copy(p, b.rest)
	b.rest = b.rest[n:]
	return n, nil
}

// Close implements io.Closer.
func (b *body) Close() error {
	b.rest = nil
	return nil
}
