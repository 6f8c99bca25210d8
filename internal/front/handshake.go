package front

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"slices"
	"time"
)

// handshake does that of TLS, and says what came of it; nil of plain HTTP. It takes no longer than net/http would let it.
func (c *conn) handshake() (*tls.ConnectionState, error) {
	t, ok := c.net.(*tls.Conn)
	if !ok {
		return nil, nil
	}
	if d := c.front.shaking(); d > 0 {
		_ = t.SetDeadline(time.Now().Add(d))
	}
	err := t.HandshakeContext(context.Background())
	if err != nil {
		c.front.logf("http: TLS handshake error from %s: %v", t.RemoteAddr(), err)
		misdirected(err)
		return nil, err
	}
	_ = t.SetDeadline(time.Time{})
	state := t.ConnectionState()
	return &state, nil
}

// shaking is how long a handshake may take; 0: without end.
func (f *Server) shaking() (d time.Duration) {
	for _, limit := range []time.Duration{f.http.ReadHeaderTimeout, f.http.ReadTimeout, f.http.WriteTimeout} {
		if limit > 0 && (d == 0 || limit < d) {
			d = limit
		}
	}
	return d
}

// misdirected tells who speaks plain HTTP to a port of TLS, as net/http does.
func misdirected(err error) {
	e, ok := errors.AsType[tls.RecordHeaderError](err)
	if !ok || e.Conn == nil {
		return
	}
	if slices.Contains([]string{"GET /", "HEAD ", "POST ", "PUT /", "OPTIO"}, string(e.RecordHeader[:])) {
		_, _ = io.WriteString(e.Conn, "HTTP/1.0 400 Bad Request\r\n\r\nClient sent an HTTP request to an HTTPS server.\n")
	}
}
