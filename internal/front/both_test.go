package front_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"qkms/internal/front"
)

// A wire is a connection whose client sends pieces, one with each read, and then says goodbye.
type wire struct {
	mu     sync.Mutex
	pieces [][]byte
	sent   bytes.Buffer
	seen   []seen
	once   sync.Once
	closed chan struct{}
}

// A seen request is what the handler was given.
type seen struct {
	here bool // by package front
	what string
}

func (w *wire) Read(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.pieces) == 0 {
		return 0, io.EOF
	}
	n := copy(p, w.pieces[0])
	if w.pieces[0] = w.pieces[0][n:]; len(w.pieces[0]) == 0 {
		w.pieces = w.pieces[1:]
	}
	return n, nil
}

func (w *wire) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.sent.Write(p)
}

func (w *wire) Close() error                     { w.once.Do(func() { close(w.closed) }); return nil }
func (w *wire) LocalAddr() net.Addr              { return &net.TCPAddr{IP: net.IPv4(192, 0, 2, 1), Port: 80} }
func (w *wire) RemoteAddr() net.Addr             { return &net.TCPAddr{IP: net.IPv4(192, 0, 2, 2), Port: 1} }
func (w *wire) SetDeadline(time.Time) error      { return nil }
func (w *wire) SetReadDeadline(time.Time) error  { return nil }
func (w *wire) SetWriteDeadline(time.Time) error { return nil }

// wires is a listener for them.
type wires struct {
	next   chan net.Conn
	once   sync.Once
	closed chan struct{}
}

func (w *wires) Accept() (net.Conn, error) {
	select {
	case c := <-w.next:
		return c, nil
	case <-w.closed:
		return nil, net.ErrClosed
	}
}

func (w *wires) Close() error   { w.once.Do(func() { close(w.closed) }); return nil }
func (w *wires) Addr() net.Addr { return &net.TCPAddr{} }

type wireKey struct{}

// recording is the http.Server whose handler notes all of a request that a handler can see. What it answers depends on the body.
func recording() *http.Server {
	return &http.Server{
		ErrorLog: log.New(io.Discard, "", 0),
		ConnContext: func(ctx context.Context, c net.Conn) context.Context {
			for {
				above, ok := c.(interface{ NetConn() net.Conn })
				if !ok {
					return context.WithValue(ctx, wireKey{}, c)
				}
				c = above.NetConn()
			}
		},
		DisableGeneralOptionsHandler: true,
		Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			var body []byte
			var err error
			if r.Header.Get("X-Ignore") == "" {
				body, err = io.ReadAll(r.Body)
			}
			c := r.Context().Value(wireKey{}).(*wire)
			c.mu.Lock()
			c.seen = append(c.seen, seen{fmt.Sprintf("%T", w) == "*front.answer", fmt.Sprintf("%s %s %+v %s %d.%d host %q length %d %v close %v trailer %v from %s header %q body %q %v, none %v",
				r.Method, r.RequestURI, *r.URL, r.Proto, r.ProtoMajor, r.ProtoMinor, r.Host, r.ContentLength, r.TransferEncoding, r.Close, r.Trailer, r.RemoteAddr, r.Header, body, err, r.Body == http.NoBody)})
			c.mu.Unlock()
			reply(w, string(body))
		}),
	}
}

func reply(w http.ResponseWriter, body string) {
	w.Header()["X-Amzn-Requestid"] = []string{"a"}
	switch {
	case strings.HasPrefix(body, "close"):
		w.Header().Set("Connection", "close")
	case strings.HasPrefix(body, "empty"):
		w.WriteHeader(http.StatusNoContent)
		return
	case strings.HasPrefix(body, "same"):
		w.Header().Set("Content-Type", "text/plain")
		w.WriteHeader(http.StatusNotModified)
		return
	case strings.HasPrefix(body, "silent"):
		return
	case strings.HasPrefix(body, "split"):
		w.Header()["X-Split"] = []string{"a\r\nInjected: b", " c "}
		w.Header()["X Bad"] = []string{"d"}
	case strings.HasPrefix(body, "odd"):
		w.WriteHeader(599)
		w.WriteHeader(200)
	case strings.HasPrefix(body, "panic"):
		panic("as asked")
	case strings.HasPrefix(body, "abort"):
		panic(http.ErrAbortHandler)
	}
	_, _ = io.WriteString(w, "you sent ")
	w.Header().Set("X-Late", "never sent")
	_, _ = io.WriteString(w, body[:min(len(body), 1000)])
}

// both are the two ways to serve.
type both struct{ front, alone *wires }

func begin(t testing.TB) *both {
	b := &both{&wires{next: make(chan net.Conn), closed: make(chan struct{})}, &wires{next: make(chan net.Conn), closed: make(chan struct{})}}
	f, alone := front.New(recording()), recording()
	var ended sync.WaitGroup
	ended.Go(func() { _ = f.Serve(b.front) })
	ended.Go(func() { _ = alone.Serve(b.alone) })
	t.Cleanup(func() {
		_, _ = f.Close(), alone.Close()
		ended.Wait()
	})
	return b
}

// send has one of them serve what a client sends in pieces.
func send(t *testing.T, to *wires, pieces [][]byte) *wire {
	t.Helper()
	own := make([][]byte, 0, len(pieces))
	for _, p := range pieces {
		if len(p) > 0 {
			own = append(own, bytes.Clone(p))
		}
	}
	w := &wire{pieces: own, closed: make(chan struct{})}
	to.next <- w
	select {
	case <-w.closed:
	case <-time.After(time.Minute):
		t.Fatal("the connection is never closed")
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	return w
}

var dates = regexp.MustCompile(`Date: [^\r]*\r\n`)

// same fails unless both let the handler see the same, and answer the same but for the date.
func (b *both) same(t *testing.T, pieces [][]byte) (got *wire) {
	t.Helper()
	got, want := send(t, b.front, pieces), send(t, b.alone, pieces)
	if len(got.seen) != len(want.seen) {
		t.Fatalf("got %d requests, want %d\n%v\n%v", len(got.seen), len(want.seen), got.seen, want.seen)
	}
	for i := range got.seen {
		if got.seen[i].what != want.seen[i].what {
			t.Fatalf("request %d: got\n%s, want\n%s", i, got.seen[i].what, want.seen[i].what)
		}
	}
	answers, wanted := dates.ReplaceAllString(got.sent.String(), "Date\r\n"), dates.ReplaceAllString(want.sent.String(), "Date\r\n")
	if answers != wanted {
		t.Fatalf("got answers\n%s, want\n%s", answers, wanted)
	}
	return got
}
