package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"

	"qkms/internal/gate"
)

// serve is `qkms serve`.
func serve(ctx context.Context, c *command) error {
	config, scheme, err := c.transport(ctx)
	if err != nil {
		return err
	}
	if err := c.tracing(); err != nil {
		return err
	}
	c.limitMemory(ctx)
	paceCollector()
	ln, err := listen(ctx, c.Listen)
	if err != nil {
		return err
	}
	h, err := c.open(ctx)
	if err != nil {
		return errors.Join(err, ln.Close())
	}
	if err := h.CheckPromise(ctx); err != nil {
		return errors.Join(err, h.Close(), ln.Close())
	}
	announce := func() error {
		line(c.out, "QKMS at %s://%s, Regions %v, data in %s", scheme, ln.Addr(), c.Regions, c.Data)
		return nil
	}
	return c.until(ctx, h, gate.HTTP(h.Admission, config, h.Logger), h.Connections.Listen(ln), announce)
}

// transport decides between TLS and plain HTTP, which is refused where others could listen in. A
// name is replaced in c.Listen by the address it was judged by.
func (c *command) transport(ctx context.Context) (config *tls.Config, scheme string, err error) {
	if !c.InsecureHTTP && !c.NoTLS {
		config, err = c.tlsConfig()
		return config, "https", err
	}
	if !c.InsecureHTTP {
		address, err := loopback(ctx, c.Listen)
		if err != nil {
			return nil, "", fmt.Errorf("plain HTTP beyond loopback hands plaintexts and data keys to whoever is on the path: %w; leave --no-tls out, listen on 127.0.0.1, or give --insecure-http if something else protects that network", err)
		}
		c.Listen = address
	}
	return nil, "http", nil
}

// ready tells systemd that connections to address are accepted (sd_notify(3)); without a socket it does
// nothing.
func ready(socket, address string) error {
	if socket == "" {
		return nil
	}
	conn, err := net.Dial("unixgram", socket) // "@…" is an abstract name to net as well
	if err != nil {
		return err
	}
	_, err = conn.Write([]byte("READY=1\nSTATUS=Serving on " + address))
	return errors.Join(err, conn.Close())
}
