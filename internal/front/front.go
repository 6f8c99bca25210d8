package front

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"log"
	"net"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

// A Server serves one listener. Its methods may be called concurrently.
type Server struct {
	http *http.Server // of what is not served here
	tls  *tls.Config  // nil of plain HTTP

	idle, first, rest, answering time.Duration // 0: without end

	ending atomic.Bool // no connection is taken any more; set with mu held

	mu      sync.Mutex // guards what follows
	door    *door      // nil before Serve
	conns   map[*conn]struct{}
	drained chan struct{} // closed when ending and there is no conn left; nil before somebody waits
}

// New returns a server that answers as s would, with its handler, limits, timeouts and hooks. It takes s over. TLS is spoken if s.TLSConfig
// is set, which must have the certificates.
//
// s.ReadHeaderTimeout is how long a new connection may be silent, a tenth of it how long a request may take to come as a whole
// before it is net/http's, which then waits for it as long as s says: so of a connection that does all of that as slowly as it may, for once,
// the header takes up to 2.1 times s.ReadHeaderTimeout. s.WriteTimeout is how long an answer may take to be read from when it is sent, or
// half of that if another one was not long ago. Contexts of requests are those of their connections, and do not end with them.
func New(s *http.Server) *Server {
	f := &Server{
		http: s, idle: cmp.Or(s.IdleTimeout, s.ReadTimeout), first: cmp.Or(s.ReadHeaderTimeout, s.ReadTimeout), answering: s.WriteTimeout,
		conns: map[*conn]struct{}{},
	}
	f.rest = time.Second
	if f.first > 0 {
		f.rest = f.first / 10
	}
	if s.TLSConfig != nil {
		f.tls = s.TLSConfig.Clone()
		f.tls.NextProtos = []string{"h2", "http/1.1"}
		s.TLSConfig = f.tls.Clone() // net/http sees by NextProtos that there will be HTTP/2
	}
	return f
}

// Serve accepts connections on ln until that fails or the server is told to end, which is http.ErrServerClosed. It is called once.
func (f *Server) Serve(ln net.Listener) error {
	if !f.open(ln) {
		return errors.Join(http.ErrServerClosed, ln.Close())
	}
	others := make(chan struct{})
	go func() {
		defer close(others)
		_ = f.http.Serve(f.door) // ends with the door
	}()
	err := f.accept(ln)
	if f.ending.Load() {
		err = http.ErrServerClosed
	}
	<-others
	return err
}

// accept takes connections. What passes by itself, as having too many files open does, it waits for.
func (f *Server) accept(ln net.Listener) error {
	pause := shortPause
	for {
		c, err := ln.Accept()
		switch {
		case err == nil:
			pause = shortPause
			if own := f.track(c); own != nil {
				go own.serve()
			}
		case passes(err) && !f.ending.Load():
			f.logf("http: Accept error: %v; retrying in %v", err, pause)
			f.door.pause(pause)
			pause = min(2*pause, longPause)
		default:
			return errors.Join(err, f.door.Close())
		}
	}
}

// Pauses after which another connection is tried.
const (
	shortPause = 5 * time.Millisecond
	longPause  = time.Second
)

// passes reports whether an error of accept(2) is none of the listener.
func passes(err error) bool {
	return slices.ContainsFunc([]error{syscall.EMFILE, syscall.ENFILE, syscall.ENOBUFS, syscall.ENOMEM, syscall.ECONNABORTED, syscall.ECONNRESET, syscall.EINTR},
		func(passing error) bool { return errors.Is(err, passing) })
}

// open makes the door to net/http, unless the server has ended before it began.
func (f *Server) open(ln net.Listener) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.ending.Load() {
		return false
	}
	f.door = newDoor(ln)
	return true
}

// track returns c as a conn, or nil if it comes too late.
func (f *Server) track(c net.Conn) *conn {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.ending.Load() {
		_ = c.Close()
		return nil
	}
	own := &conn{front: f, net: c}
	if f.tls != nil {
		own.net = tls.Server(c, f.tls)
	}
	own.buf = own.own[:]
	f.conns[own] = struct{}{}
	return own
}

func (f *Server) forget(c *conn) {
	f.mu.Lock()
	defer f.mu.Unlock()
	delete(f.conns, c)
	if f.ending.Load() && len(f.conns) == 0 && f.drained != nil {
		close(f.drained)
		f.drained = nil
	}
}

// Shutdown ends the server once the requests under way are answered: it closes the listener and the connections that are
// idle, and waits for the others, or for ctx.
func (f *Server) Shutdown(ctx context.Context) error {
	gone, err := f.end(func(c *conn) { c.retire() })
	err = errors.Join(err, f.http.Shutdown(ctx))
	select {
	case <-gone:
		return err
	case <-ctx.Done():
		return errors.Join(err, ctx.Err())
	}
}

// Close ends the server at once, and all connections.
func (f *Server) Close() error {
	_, err := f.end(func(c *conn) { c.abort() })
	return errors.Join(err, f.http.Close())
}

// end takes no more connections, and does to those there are what each says. The channel is closed when all are gone.
func (f *Server) end(each func(*conn)) (gone chan struct{}, err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.ending.Store(true)
	if f.door != nil {
		if err = f.door.Listener.Close(); errors.Is(err, net.ErrClosed) {
			err = nil
		}
		_ = f.door.Close()
	}
	for c := range f.conns {
		each(c)
	}
	if f.drained == nil {
		f.drained = make(chan struct{})
	}
	gone = f.drained
	if len(f.conns) == 0 {
		close(gone)
		f.drained = nil
	}
	return gone, err
}

// state tells the hook of the http.Server.
func (f *Server) state(c net.Conn, s http.ConnState) {
	if hook := f.http.ConnState; hook != nil {
		hook(c, s)
	}
}

func (f *Server) logf(format string, args ...any) {
	if f.http.ErrorLog != nil {
		f.http.ErrorLog.Printf(format, args...)
		return
	}
	log.Printf(format, args...)
}
