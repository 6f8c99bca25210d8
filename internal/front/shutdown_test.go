package front_test

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"qkms/internal/front"
)

// A held server has a handler that waits until it is let go.
func held(t *testing.T) (dial func() net.Conn, f *front.Server, arrived chan struct{}, release chan struct{}, ended chan error) {
	ln := &wires{next: make(chan net.Conn), closed: make(chan struct{})}
	arrived, release, ended = make(chan struct{}, 10), make(chan struct{}), make(chan error, 1)
	f = front.New(limited(func(w http.ResponseWriter, r *http.Request) {
		if r.ContentLength != 1 {
			arrived <- struct{}{}
			<-release
		}
		_, _ = io.WriteString(w, "done")
	}, nil))
	go func() { ended <- f.Serve(ln) }()
	return func() net.Conn {
		ours, theirs := net.Pipe()
		ln.next <- theirs
		t.Cleanup(func() { _ = ours.Close() })
		return ours
	}, f, arrived, release, ended
}

// Told to end, the server answers what it has begun, here or in net/http, says that it was the last, and closes what is idle at once.
func TestShutdown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dial, f, arrived, release, ended := held(t)
		unused, between := dial(), dial()
		_, _ = io.WriteString(between, request("", "a"))
		if _, err := http.ReadResponse(bufio.NewReader(between), nil); err != nil {
			t.Fatal(err)
		}
		ours, theirs := dial(), dial()
		_, _ = io.WriteString(ours, request("", "ab")+request("", "a"))
		go func() { _, _ = io.WriteString(theirs, "GET / HTTP/1.1\r\n"+host+"\r\n") }()
		<-arrived
		<-arrived
		down := make(chan error, 1)
		go func() { down <- f.Shutdown(context.Background()) }()
		synctest.Wait()
		for name, c := range map[string]net.Conn{"unused": unused, "between requests": between} {
			if got := lasts(c); got != 0 {
				t.Errorf("%s: got %v, want it closed at once", name, got)
			}
		}
		select {
		case err := <-down:
			t.Fatalf("got the end (%v) before the answers", err)
		default:
		}
		close(release)
		for name, c := range map[string]net.Conn{"ours": ours, "net/http's": theirs} {
			res, err := http.ReadResponse(bufio.NewReader(c), nil)
			if err != nil || !res.Close {
				t.Errorf("%s: got %v, %v, want the last answer", name, res, err)
				continue
			}
			_, _ = io.Copy(io.Discard, res.Body)
			_ = c.Close()
		}
		if err := <-down; err != nil {
			t.Errorf("got %v, want an orderly end", err)
		}
		if err := <-ended; !errors.Is(err, http.ErrServerClosed) {
			t.Errorf("got %v, want %v", err, http.ErrServerClosed)
		}
	})
}

// A connection whose answer had left when the server was told to end, but which was not idle yet, is closed as well.
func TestShutdownBetweenAnswerAndIdle(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ln := &wires{next: make(chan net.Conn), closed: make(chan struct{})}
		s, down := limited(answering, nil), make(chan error)
		var f *front.Server
		s.ConnState = func(_ net.Conn, state http.ConnState) {
			if state == http.StateIdle {
				go func() { down <- f.Shutdown(context.Background()) }()
				synctest.Wait() // until it waits for this connection
			}
		}
		f = front.New(s)
		ended := make(chan error, 1)
		go func() { ended <- f.Serve(ln) }()
		c, theirs := net.Pipe()
		ln.next <- theirs
		_, _ = io.WriteString(c, request("", "a"))
		if got := lasts(c); got != 0 {
			t.Errorf("got a connection that stays for %v", got)
		}
		_ = c.Close()
		_, _ = <-down, <-ended
	})
}

// Who has not the time to wait is told so, and may close what is left.
func TestShutdownInAHurry(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dial, f, arrived, release, ended := held(t)
		c := dial()
		_, _ = io.WriteString(c, request("", "ab"))
		<-arrived
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		if err := f.Shutdown(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("got %v, want %v", err, context.DeadlineExceeded)
		}
		if err := f.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
		if got, _ := io.ReadAll(c); len(got) > 0 {
			t.Errorf("got %q from a closed connection", got)
		}
		close(release)
		if err := f.Shutdown(context.Background()); err != nil {
			t.Errorf("again: %v", err)
		}
		<-ended
	})
}

// A server that was told to end before it began does not begin.
func TestShutdownBeforeServe(t *testing.T) {
	f := front.New(limited(answering, nil))
	if err := f.Shutdown(context.Background()); err != nil {
		t.Fatal(err)
	}
	ln := &wires{next: make(chan net.Conn), closed: make(chan struct{})}
	if err := f.Serve(ln); !errors.Is(err, http.ErrServerClosed) {
		t.Errorf("got %v, want %v", err, http.ErrServerClosed)
	}
	<-ln.closed
}
