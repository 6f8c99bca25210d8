package sink

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"strconv"
	"sync/atomic"
)

// A line is a connection to a syslog receiver, made when it is needed and again when it broke.
//
// Syslog has no answers. What the kernel took and the receiver never read is lost when a connection
// breaks, and any datagram may be. Who must have every record is spoken to by HTTPS or OTLP.
type line struct {
	dial func(context.Context) (net.Conn, error)
	conn net.Conn
	hung *atomic.Bool // the other side ended the connection; nil for datagrams
}

// write sends one message.
func (l *line) write(ctx context.Context, message []byte) error {
	if l.hung != nil && l.hung.Load() {
		_ = l.close()
	}
	if l.conn == nil {
		conn, err := l.dial(ctx)
		if err != nil {
			return err
		}
		l.conn, l.hung = conn, nil
		if isStream(conn) {
			l.hung = listen(conn)
		}
	}
	if deadline, ok := ctx.Deadline(); ok {
		if err := l.conn.SetWriteDeadline(deadline); err != nil {
			return errors.Join(err, l.close())
		}
	}
	if l.hung != nil { // octet counting (RFC 6587 §3.4.1, RFC 5425 §4.3)
		message = append(strconv.AppendInt(nil, int64(len(message)), 10), append([]byte{' '}, message...)...)
	}
	if _, err := l.conn.Write(message); err != nil {
		return errors.Join(err, l.close()) // part of a message may have gone: the next begins a connection
	}
	return nil
}

func isStream(conn net.Conn) bool {
	network := conn.RemoteAddr().Network()
	return network != "udp" && network != "unixgram"
}

// listen notices that the other side hung up, which writing alone would notice a message too late.
func listen(conn net.Conn) *atomic.Bool {
	var hung atomic.Bool
	go func() {
		_, _ = io.Copy(io.Discard, conn) // ends with the connection, ours included
		hung.Store(true)
	}()
	return &hung
}

func (l *line) close() error {
	if l.conn == nil {
		return nil
	}
	err := l.conn.Close()
	l.conn, l.hung = nil, nil
	return err
}

// dialLocal connects to a socket of this machine, which is one of datagrams or a stream.
func dialLocal(path string) func(context.Context) (net.Conn, error) {
	return func(ctx context.Context) (net.Conn, error) {
		var d net.Dialer
		conn, err := d.DialContext(ctx, "unixgram", path)
		if err != nil {
			if stream, err := d.DialContext(ctx, "unix", path); err == nil {
				return stream, nil
			}
		}
		return conn, err
	}
}

// dialRemote knows the ports that are syslog's: 514 for UDP (RFC 5426 §3.3), 6514 for TLS (RFC 5425 §4.1),
// and 601, which IANA has as syslog-conn, for TCP, to which RFC 6587 gives none.
func dialRemote(u *url.URL, o *options) (func(context.Context) (net.Conn, error), error) {
	if u.Hostname() == "" {
		return nil, fmt.Errorf("write %s://HOST:PORT", u.Scheme)
	}
	at := func(preset string) string {
		if port := u.Port(); port != "" {
			preset = port
		}
		return net.JoinHostPort(u.Hostname(), preset)
	}
	config, err := tlsConfig(o, u.Scheme != "syslog+tls")
	if err != nil {
		return nil, err
	}
	dial := func(network, address string) func(context.Context) (net.Conn, error) {
		return func(ctx context.Context) (net.Conn, error) { return new(net.Dialer).DialContext(ctx, network, address) }
	}
	switch u.Scheme {
	case "syslog+udp":
		return dial("udp", at("514")), nil
	case "syslog+tcp":
		return dial("tcp", at("601")), nil
	default:
		d := &tls.Dialer{Config: config}
		return func(ctx context.Context) (net.Conn, error) { return d.DialContext(ctx, "tcp", at("6514")) }, nil
	}
}
