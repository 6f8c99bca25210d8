package server

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

	used atomic.Bool  // a request has begun on it
	idle atomic.Int64 // since when none is under way, as epoch tells; 0: one is
}

// epoch is what idle counts from, 1 and more, so that no moment is 0.
var epoch = time.Now().Add(-1)

func newConn(c net.Conn, of *Connections, from netip.Prefix, s *sender) *conn {
	counted := &conn{Conn: c, of: of, from: from, sender: s}
	counted.idle.Store(int64(time.Since(epoch)))
	return counted
}

// unused orders connections by how soon they may be closed, those that were never used first; MaxInt64: not now.
func (c *conn) unused() int64 {
	since := c.idle.Load()
	switch {
	case since == 0:
		return math.MaxInt64
	case c.used.Load():
		return since
	}
	return since - math.MaxInt64/2
}

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

// begin says that a request has begun.
func (c *conn) begin() {
	c.idle.Store(0)
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

// enter counts an HTTP/2 request, which takes as much memory as a connection, within the same limits: all together, and
// its sender's share. It returns false of one too many. A nil conn counts nothing.
func (c *conn) enter() bool {
	if c == nil {
		return true
	}
	own, all := c.sender.streams.Add(1), c.of.streams.Add(1)
	if own > int64(c.of.limits.PerAddress) || all > int64(c.of.limits.Connections) {
		c.leave()
		return false
	}
	return true
}

// leave is the end of enter.
func (c *conn) leave() {
	if c != nil {
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

// note is the http.Server.ConnState of HTTP.
func note(c net.Conn, s http.ConnState) {
	own := counted(c)
	if own == nil {
		return
	}
	switch s {
	case http.StateActive:
		own.begin()
	case http.StateIdle:
		own.idle.Store(int64(time.Since(epoch)))
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
