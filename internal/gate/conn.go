package gate

import (
	"context"
	"errors"
	"math"
	"net"
	"net/http"
	"net/netip"
	"sync/atomic"
	"time"
)

// A conn is a connection that is counted.
type conn struct {
	net.Conn
	of     *Connections
	from   netip.Prefix
	sender *sender

	used atomic.Bool  // a request has come on it, as a whole
	idle atomic.Int64 // since when none is under way, as epoch tells; 0: one is

	whole, partial atomic.Int64 // requests with the handler: those that have come, and those whose bodies have not
	stalled        atomic.Int64 // since when there are partial ones
	streams        atomic.Int64 // HTTP/2 requests under way
}

// epoch is what idle counts from, 1 and more, so that no moment is 0.
var epoch = time.Now().Add(-1)

func now() int64 { return int64(time.Since(epoch)) }

func newConn(c net.Conn, of *Connections, from netip.Prefix, s *sender) *conn {
	counted := &conn{Conn: c, of: of, from: from, sender: s}
	counted.idle.Store(now())
	return counted
}

// unused orders connections by how soon they may be closed, those that were never used first; MaxInt64: not now. Whoever has sent
// a header and holds the body back has used it for nothing yet: such connections would otherwise be kept for as
// long as a request may take, and a few addresses could take all places.
func (c *conn) unused() int64 {
	since, first := c.idle.Load(), !c.used.Load()
	if since == 0 {
		if !c.stalls() {
			return math.MaxInt64
		}
		since, first = c.stalled.Load(), true
	}
	if first {
		since -= math.MaxInt64 / 2
	}
	return since
}

// stalls reports whether all that is under way are requests whose bodies have not come.
func (c *conn) stalls() bool { return c.partial.Load() > 0 && c.whole.Load() == 0 }

// Close implements net.Conn.
func (c *conn) Close() error {
	c.of.mu.Lock()
	c.of.forget(c)
	c.of.mu.Unlock()
	return c.Conn.Close()
}

// CloseWrite says goodbye while the client still sends: a socket that is closed with bytes unread resets the connection, and
// the client loses the answer that refuses them (RFC 9112 §9.6).
func (c *conn) CloseWrite() error {
	if half, ok := c.Conn.(interface{ CloseWrite() error }); ok {
		return half.CloseWrite()
	}
	return errors.ErrUnsupported
}

// begin says that a request has come as a whole, and end that the handler is done with it.
func (c *conn) begin() {
	c.whole.Add(1)
	if c.used.Load() {
		return
	}
	c.of.mu.Lock()
	defer c.of.mu.Unlock()
	if c.used.Swap(true) {
		return
	}
	if _, counted := c.of.open[c]; counted {
		c.of.fresh--
	}
}

func (c *conn) end() { c.whole.Add(-1) }

// stall says that there is a request whose body has not come.
func (c *conn) stall() {
	if c.partial.Add(1) == 1 {
		c.stalled.Store(now())
	}
}

// enter counts an HTTP/2 request, which takes as much memory as a connection, within the same limits: all together, and
// its sender's share. It returns false of one too many: of all together, only when there is no connection whose requests wait for their
// bodies, which is closed instead. A nil conn counts nothing.
func (c *conn) enter() bool {
	if c == nil {
		return true
	}
	c.streams.Add(1)
	own, all := c.sender.streams.Add(1), c.of.streams.Add(1)
	if own > int64(c.of.limits.PerAddress) || all > int64(c.of.limits.Connections) && !c.of.dropStalled() {
		c.leave()
		return false
	}
	return true
}

// leave is the end of enter.
func (c *conn) leave() {
	if c != nil {
		c.streams.Add(-1)
		c.sender.streams.Add(-1)
		c.of.streams.Add(-1)
	}
}

// counted is the conn below c, nil if it is not from Connections.Listen.
func counted(c net.Conn) *conn {
	for {
		above, ok := c.(interface{ NetConn() net.Conn }) // TLS, or what package front gives to net/http
		if !ok {
			own, _ := c.(*conn)
			return own
		}
		c = above.NetConn()
	}
}

// note is the http.Server.ConnState of HTTP. Active is no request: net/http says so of an HTTP/2 connection that has sent none, and
// of one whose body has not come.
func note(c net.Conn, s http.ConnState) {
	own := counted(c)
	if own == nil {
		return
	}
	switch s {
	case http.StateActive:
		own.idle.Store(0)
	case http.StateIdle:
		own.idle.Store(now())
	}
}

type connKey struct{}

// known is the http.Server.ConnContext of HTTP: requests know their connection.
func known(ctx context.Context, c net.Conn) context.Context {
	return context.WithValue(ctx, connKey{}, counted(c))
}

func connOf(ctx context.Context) *conn {
	c, _ := ctx.Value(connKey{}).(*conn)
	return c
}
