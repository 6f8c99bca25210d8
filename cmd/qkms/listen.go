package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"syscall"
	"time"

	"qkms/internal/front"
)

// loopback returns the address to listen on for listen, which must mean this machine alone. A name is
// looked up here and listened on as the address it gave, so that it cannot mean another one later.
func loopback(ctx context.Context, listen string) (string, error) {
	host, port, err := net.SplitHostPort(listen)
	if err != nil {
		return "", misused("--listen %q is not HOST:PORT", listen)
	}
	if host == "" {
		return "", fmt.Errorf("%q is every address of this machine", listen)
	}
	addrs, err := net.DefaultResolver.LookupNetIP(ctx, "ip", host)
	if err != nil {
		return "", fmt.Errorf("look up %q: %w", host, err)
	}
	var first netip.Addr
	for _, a := range addrs {
		a = a.Unmap()
		if !a.IsLoopback() {
			return "", fmt.Errorf("%q means %s, which others can reach", listen, a)
		}
		if !first.IsValid() || a.Is4() && !first.Is4() {
			first = a
		}
	}
	return net.JoinHostPort(first.String(), port), nil
}

func listen(ctx context.Context, address string) (net.Listener, error) {
	ln, err := new(net.ListenConfig).Listen(ctx, "tcp", address)
	if errors.Is(err, syscall.EADDRINUSE) {
		return nil, fmt.Errorf("%s is in use by another program; --listen HOST:0 picks a free port: %w", address, err)
	}
	return ln, err
}

// grace is how long requests may go on after the server was told to end. No request takes longer
// than the server's own limit.
const grace = 30 * time.Second

// serveUntil serves until ctx is done, then lets the requests end that have begun.
func serveUntil(ctx context.Context, srv *http.Server, ln net.Listener) error {
	f := front.New(srv)
	failed := make(chan error, 1)
	go func() { failed <- f.Serve(ln) }()
	select {
	case err := <-failed:
		return err
	case <-ctx.Done():
	}
	last, cancel := context.WithTimeout(context.WithoutCancel(ctx), grace)
	defer cancel()
	if err := f.Shutdown(last); err != nil {
		return fmt.Errorf("requests did not end within %s: %w", grace, errors.Join(err, f.Close()))
	}
	<-failed
	return nil
}
