package front

import (
	"crypto/tls"
	"errors"
	"net"
	"sync"
	"time"
)

// A handed connection is one that net/http serves, after the bytes of it that came to us first. They are wiped as they are read.
type handed struct {
	net.Conn
	first []byte
}

// Read implements net.Conn.
func (c *handed) Read(p []byte) (int, error) {
	if len(c.first) == 0 {
		return c.Conn.Read(p)
	}
	n := copy(p, c.first)
	clear(c.first[:n])
	c.first = c.first[n:]
	return n, nil
}

// NetConn is the connection below, as of a tls.Conn.
func (c *handed) NetConn() net.Conn { return c.Conn }

// CloseWrite lets net/http say goodbye while the client still sends.
func (c *handed) CloseWrite() error {
	if half, ok := c.Conn.(interface{ CloseWrite() error }); ok {
		return half.CloseWrite()
	}
	return errors.ErrUnsupported
}

// A secret connection is a handed one with TLS, which is what net/http asks about it.
type secret struct {
	handed
	state tls.ConnectionState
}

// ConnectionState makes net/http set Request.TLS.
func (c *secret) ConnectionState() tls.ConnectionState { return c.state }

// A door is the net.Listener from which net/http has its connections.
type door struct {
	net.Listener // below; for its address
	through      chan net.Conn
	once         sync.Once
	closed       chan struct{}
}

func newDoor(ln net.Listener) *door {
	return &door{Listener: ln, through: make(chan net.Conn), closed: make(chan struct{})}
}

// Accept implements net.Listener.
func (d *door) Accept() (net.Conn, error) {
	select {
	case c := <-d.through:
		return c, nil
	case <-d.closed:
		return nil, net.ErrClosed
	}
}

// Close implements net.Listener.
func (d *door) Close() error {
	d.once.Do(func() { close(d.closed) })
	return nil
}

// hand gives c to net/http, unless that has ended.
func (d *door) hand(c net.Conn) {
	select {
	case d.through <- c:
	case <-d.closed:
		_ = c.Close()
	}
}

// pause waits, until the door is closed if that comes first.
func (d *door) pause(long time.Duration) {
	select {
	case <-time.After(long):
	case <-d.closed:
	}
}
