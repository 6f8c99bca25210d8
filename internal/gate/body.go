package gate

import (
	"io"
	"net/http"

	"qkms/internal/fault"
)

// Limits of bodies that are large: no request that clients make of themselves has one, but for attestation documents
// and long policies. Only they can make a request cost more memory than the connection it came by.
const (
	largeBody = 64 << 10 // bytes that came: what was promised takes no memory
	mostLarge = 256      // at once: 256 MiB
)

// arrivals is the handler of HTTP: it tells a connection of its requests when they have come, body and all.
type arrivals struct{ next http.Handler }

// ServeHTTP implements http.Handler.
func (h arrivals) ServeHTTP(w http.ResponseWriter, hr *http.Request) {
	c := connOf(hr.Context())
	if c != nil && hr.ProtoMajor == 1 && c.partial.Load() > 0 {
		c.partial.Store(0) // of the request before, whose body was left unread
	}
	switch {
	case c == nil:
		h.next.ServeHTTP(w, hr)
	case here(hr.Body):
		c.begin()
		defer c.end()
		h.next.ServeHTTP(w, hr)
	default:
		b := newBody(c, hr)
		defer b.end()
		h.next.ServeHTTP(w, &b.request)
	}
}

// here reports whether a body has come before its handler is called, as package front has it.
func here(body io.ReadCloser) bool {
	b, ok := body.(interface{ Whole() bool })
	return body == http.NoBody || ok && b.Whole()
}

// A body is one that comes while it is read. It belongs to the goroutine that serves its request.
type body struct {
	io.ReadCloser
	conn    *conn
	request http.Request // with this body: net/http looks at that of its own afterwards
	read    int64        // bytes
	whole   bool
	large   bool // and counted as such
}

func newBody(c *conn, hr *http.Request) *body {
	c.stall()
	b := &body{ReadCloser: hr.Body, conn: c, request: *hr}
	b.request.Body = b
	return b
}

// Read implements io.Reader. A large body for which there is no place ends with a *fault.Error.
func (b *body) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	b.read += int64(n)
	if !b.whole && (err == io.EOF || b.read == b.request.ContentLength) { //nolint:errorlint // io.Reader has it unwrapped
		b.whole = true
		b.conn.begin()
		b.conn.partial.Add(-1)
	}
	if b.read > largeBody && !b.large {
		if b.large = b.conn.enlarge(); !b.large {
			return n, fault.Throttled()
		}
	}
	return n, err
}

// end says that the handler is done. What it left unread of a body net/http waits for, in HTTP/1, before anything
// else is done with the connection.
func (b *body) end() {
	if b.large {
		b.conn.shrink()
	}
	switch {
	case b.whole:
		b.conn.end()
	case b.request.ProtoMajor > 1:
		b.conn.partial.Add(-1)
	}
}

// enlarge counts a request with a large body, within two limits: all together, and the sender's share, which is that of connections.
// It returns false of one too many.
func (c *conn) enlarge() bool {
	share := max(1, mostLarge*c.of.limits.PerAddress/c.of.limits.Connections)
	own, all := c.sender.large.Add(1), c.of.large.Add(1)
	if own > int64(share) || all > mostLarge {
		c.shrink()
		return false
	}
	return true
}

// shrink is the end of enlarge.
func (c *conn) shrink() {
	c.sender.large.Add(-1)
	c.of.large.Add(-1)
}
