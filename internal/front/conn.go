package front

import (
	"bytes"
	"context"
	"crypto/tls"
	"io"
	"net"
	"net/http"
	"runtime/debug"
	"sync/atomic"
	"time"
)

// The ways a connection can be, for who wants to end it.
const (
	idle   = int32(iota) // between requests, or before the first
	busy                 // with a request
	closed               // since the server ends
)

// A conn is a connection while it is served here. It belongs to one goroutine, but for what retire and abort use.
type conn struct {
	front *Server
	net   net.Conn
	is    atomic.Int32

	buf    []byte // own, or a large one
	n      int    // bytes of buf that came and are not served
	pieces int    // that the present request came in
	served bool   // a request, at least
	until  time.Time
	sendBy time.Time // the write deadline that is set

	head    head
	request request
	answer  answer

	own [small]byte
}

// retire closes the connection unless it is busy; its last answer then says that it was.
func (c *conn) retire() {
	if c.is.CompareAndSwap(idle, closed) {
		_ = c.net.Close()
	}
}

// abort closes the connection.
func (c *conn) abort() {
	c.is.Store(closed)
	_ = c.net.Close()
}

// serve is the life of a connection.
func (c *conn) serve() {
	defer c.front.forget(c)
	c.front.state(c.net, http.StateNew)
	if c.talk() {
		_ = c.net.Close()
		c.front.state(c.net, http.StateClosed)
	}
}

// talk answers requests. It returns false when the connection is net/http's.
func (c *conn) talk() (over bool) {
	defer c.wipe()
	defer c.rescue(&over)
	state, err := c.handshake()
	if err != nil {
		return true
	}
	if state != nil && state.NegotiatedProtocol == "h2" {
		c.front.door.hand(c.net)
		return false
	}
	c.begin(state)
	for c.await() {
		switch c.next() {
		case foreign:
			c.hand(state)
			return false
		case none:
			return true
		}
		if !c.exchange() {
			return true
		}
	}
	return true
}

// rescue does of a panic in the handler what net/http does.
func (c *conn) rescue(over *bool) {
	p := recover()
	c.answer.end()
	if p == nil {
		return
	}
	*over = true
	if p != http.ErrAbortHandler { //nolint:errorlint // it is that value that handlers panic with
		c.front.logf("http: panic serving %v: %v\n%s", c.net.RemoteAddr(), p, debug.Stack())
	}
}

// begin makes ready for requests.
func (c *conn) begin(state *tls.ConnectionState) {
	ctx := context.WithValue(context.Background(), http.ServerContextKey, c.front.http)
	ctx = context.WithValue(ctx, http.LocalAddrContextKey, c.net.LocalAddr())
	if c.front.http.ConnContext != nil {
		ctx = c.front.http.ConnContext(ctx, c.net)
	}
	remote := ""
	if a := c.net.RemoteAddr(); a != nil {
		remote = a.String()
	}
	c.request.begin(ctx, remote, state)
	c.until = after(time.Now(), c.front.first)
	_ = c.net.SetReadDeadline(c.until)
}

// after is d after now; no time for no d.
func after(now time.Time, d time.Duration) time.Time {
	if d <= 0 {
		return time.Time{}
	}
	return now.Add(d)
}

// exchange has a request answered that is whole. It returns whether there may be another.
func (c *conn) exchange() bool {
	end := c.head.size + c.request.length
	c.request.content(c.buf[c.head.size:end])
	c.front.state(c.net, http.StateActive)
	c.answer.begin()
	c.front.http.Handler.ServeHTTP(&c.answer, &c.request.http)
	c.request.done()
	c.discard(end)
	if !c.send() {
		return false
	}
	c.served = true
	c.front.state(c.net, http.StateIdle)
	return c.is.CompareAndSwap(busy, idle) && !c.front.ending.Load() // in this order: retire may have found it busy
}

// send sends the answer. It returns false when it was the last.
func (c *conn) send() bool {
	defer c.answer.end()
	now := time.Now()
	text := c.answer.finish(now, c.front.ending.Load())
	// What is left of an earlier answer's time is enough if it is half of it: so a connection in use costs one such call in
	// that time, and not one for each answer.
	if d := c.front.answering; d > 0 && c.sendBy.Sub(now) < d/2 {
		c.sendBy = now.Add(d)
		_ = c.net.SetWriteDeadline(c.sendBy)
	}
	if _, err := c.net.Write(text); err != nil {
		return false
	}
	c.until = after(now, c.front.idle)
	if c.answer.close {
		c.linger()
	}
	return !c.answer.close
}

// linger lets the client read the last answer: what it still sends would otherwise meet a closed socket, and the reset that
// it is told so by would take the answer away from it (RFC 9112 §9.6).
func (c *conn) linger() {
	half, ok := c.net.(interface{ CloseWrite() error })
	if !ok || half.CloseWrite() != nil {
		return
	}
	_ = c.net.SetReadDeadline(time.Now().Add(500 * time.Millisecond))
	_, _ = io.CopyN(io.Discard, c.net, maxLinger)
}

const maxLinger = 256 << 10 // bytes

// hand gives the connection to net/http, with what came of it.
func (c *conn) hand(state *tls.ConnectionState) {
	_ = c.net.SetDeadline(time.Time{})
	h := handed{c.net, bytes.Clone(c.buf[:c.n])}
	c.wipe()
	if state != nil {
		c.front.door.hand(&secret{h, *state})
		return
	}
	c.front.door.hand(&h)
}
