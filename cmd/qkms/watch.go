package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"time"

	"qkms/internal/gate"
	"qkms/internal/metrics"
	"qkms/internal/node"
)

// A watch is the listener for monitoring. Nil: there is none.
type watch struct {
	ready *metrics.Readiness
	delay time.Duration
	srv   *http.Server
	ended chan error
}

// watchers is how many connections monitoring may hold: of what files there may be open, a part that clients do not
// have (gate.Limits).
const watchers = 64

// watch serves metrics and probes, if it was asked to, until it is closed: the way to the end included.
func (c *command) watch(ctx context.Context, n *node.Node) (*watch, error) {
	if c.MetricsListen == "" {
		return nil, nil
	}
	if _, _, err := net.SplitHostPort(c.MetricsListen); err != nil {
		return nil, misused("--metrics-listen %q is not HOST:PORT", c.MetricsListen)
	}
	ln, err := listen(ctx, c.MetricsListen)
	if err != nil {
		return nil, fmt.Errorf("--metrics-listen: %w", err)
	}
	w := &watch{
		ready: n.Ready, delay: c.DrainDelay, ended: make(chan error, 1),
		srv: gate.HTTP(n.Metrics.Handler(n.Ready), nil, n.Logger),
	}
	few := gate.NewConnections(gate.Limits{Connections: watchers}).Listen(ln)
	go func() { w.ended <- w.srv.Serve(few) }()
	line(c.out, "Metrics at http://%s/metrics", ln.Addr())
	return w, nil
}

// drained returns a context that is done when ctx has been for the delay of the drain: meanwhile the
// service goes on, and probes are told that it will not. A second signal ends the process at once.
func (w *watch) drained(ctx context.Context) context.Context {
	if w == nil {
		return ctx
	}
	late, end := context.WithCancel(context.WithoutCancel(ctx))
	context.AfterFunc(ctx, func() {
		w.ready.Drain()
		time.AfterFunc(w.delay, end)
	})
	return late
}

// Close ends the listener. A scrape that is under way is cut off.
func (w *watch) Close() error {
	if w == nil {
		return nil
	}
	err := w.srv.Close()
	if ended := <-w.ended; !errors.Is(ended, http.ErrServerClosed) {
		err = errors.Join(err, fmt.Errorf("--metrics-listen: %w", ended))
	}
	return err
}
