package front_test

import (
	"bufio"
	"crypto/tls"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"qkms/internal/front"
	"qkms/internal/gate"
)

// limited are the timeouts of the service: 10 s for a header, 30 s for a request, 60 s for an answer, two minutes idle.
func limited(h http.HandlerFunc, config *tls.Config) *http.Server {
	return gate.HTTP(h, config, slog.New(slog.DiscardHandler))
}

// answering reads the request and answers it.
func answering(w http.ResponseWriter, r *http.Request) {
	if _, err := io.Copy(io.Discard, r.Body); err != nil {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	_, _ = io.WriteString(w, "done")
}

// serving serves s, and returns how a client gets a connection. It ends with the bubble.
func serving(t *testing.T, s *http.Server) func() net.Conn {
	ln := &wires{next: make(chan net.Conn), closed: make(chan struct{})}
	f := front.New(s)
	var ended sync.WaitGroup
	ended.Go(func() { _ = f.Serve(ln) })
	t.Cleanup(func() { _ = f.Close(); ended.Wait() })
	return func() net.Conn {
		ours, theirs := net.Pipe()
		ln.next <- theirs
		return ours
	}
}

// lasts is how long it takes until the server ends c.
func lasts(c net.Conn) time.Duration {
	began := time.Now()
	_, _ = io.Copy(io.Discard, c)
	return time.Since(began)
}

// drip sends s byte by byte, one each time, until there is nobody to take it.
func drip(c net.Conn, s string, each time.Duration) {
	for _, b := range []byte(s) {
		if _, err := c.Write([]byte{b}); err != nil {
			return
		}
		wait(each)
	}
}

// wait lets the clock of the bubble run.
func wait(d time.Duration) { <-time.After(d) }

// How long a connection may be kept by who sends nothing, or little. Net/http alone ends the third after 10 s and the body after 30 s: the
// second before a connection is its own, and the silence before the first byte, come once.
func TestHowLongAConnectionLasts(t *testing.T) {
	for _, row := range []struct {
		name  string
		sends func(net.Conn)
		want  time.Duration
	}{
		{"nothing is sent", func(net.Conn) {}, 10 * time.Second},
		{"half a header is sent", func(c net.Conn) { _, _ = io.WriteString(c, "POST / HTTP/1.1\r\nHo") }, 11 * time.Second},
		{"half a header is sent late", func(c net.Conn) { wait(9 * time.Second); _, _ = io.WriteString(c, "POST / HTTP/1.1\r\nHo") }, 20 * time.Second},
		{"the header comes byte by byte", func(c net.Conn) { drip(c, request(fields(25), "a"), time.Second/2) }, 11 * time.Second},
		{"the header comes byte by byte, quickly", func(c net.Conn) {
			drip(c, request("X-Long: "+strings.Repeat("a", 30_000)+"\r\n", "a"), time.Millisecond)
		}, 10*time.Second + 16*time.Millisecond},
		{"half a body is sent", func(c net.Conn) { _, _ = io.WriteString(c, raw(host+"Content-Length: 10\r\n", "half")) }, 31 * time.Second},
		{"the body comes byte by byte", func(c net.Conn) {
			drip(c, raw(host+"Content-Length: 1000\r\n", strings.Repeat("a", 1000)), time.Second/20)
		}, 30*time.Second + 800*time.Millisecond},
		{"nothing follows an answer", func(c net.Conn) { _, _ = io.WriteString(c, request("", "a")) }, 2 * time.Minute},
		{"nothing follows the second answer", func(c net.Conn) {
			_, _ = io.WriteString(c, request("", "a"))
			wait(100 * time.Second)
			_, _ = io.WriteString(c, request("", "a"))
		}, 220 * time.Second},
		{"half a header follows an answer", func(c net.Conn) {
			_, _ = io.WriteString(c, request("", "a"))
			wait(100 * time.Second)
			_, _ = io.WriteString(c, "POST / HTTP/1.1\r\nHo")
		}, 111 * time.Second},
		{"two bytes follow an answer", func(c net.Conn) { _, _ = io.WriteString(c, request("", "a")+"PO") }, 11 * time.Second},
	} {
		t.Run(row.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c := serving(t, limited(answering, nil))()
				var client sync.WaitGroup
				client.Go(func() { row.sends(c) })
				if got := lasts(c); got != row.want {
					t.Errorf("got %v, want %v", got, row.want)
				}
				_ = c.Close()
				client.Wait()
			})
		})
	}
}

// A client that asks now and then keeps its connection for ever, and so does one that needs a moment for each part.
func TestPatientClientsAreKept(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := serving(t, limited(answering, nil))()
		defer c.Close()
		in := bufio.NewReader(c)
		for i := range 50 {
			for _, piece := range cut(request("", "body"), 50, 100) {
				wait(100 * time.Millisecond)
				if _, err := c.Write(piece); err != nil {
					t.Fatalf("request %d: %v", i, err)
				}
			}
			res, err := http.ReadResponse(in, nil)
			if err != nil || res.StatusCode != http.StatusOK {
				t.Fatalf("request %d: got %v, %v", i, res, err)
			}
			_, _ = io.Copy(io.Discard, res.Body)
			wait(time.Duration(i%120) * time.Second)
		}
	})
}

// An answer that is not read ends the connection within 60 s of when it was sent, and not before half of that.
func TestAnswersNobodyReads(t *testing.T) {
	for before, want := range map[time.Duration]time.Duration{0: time.Minute, 29 * time.Second: 31 * time.Second, 31 * time.Second: time.Minute, time.Hour: time.Minute} {
		synctest.Test(t, func(t *testing.T) {
			s := limited(answering, nil)
			s.IdleTimeout = 2 * time.Hour
			closed := make(chan time.Time, 1)
			s.ConnState = func(_ net.Conn, state http.ConnState) {
				if state == http.StateClosed {
					closed <- time.Now()
				}
			}
			c := serving(t, s)()
			defer c.Close()
			if before > 0 { // one that is read
				_, _ = io.WriteString(c, request("", "a"))
				if _, err := http.ReadResponse(bufio.NewReader(c), nil); err != nil {
					t.Fatal(err)
				}
				wait(before)
			}
			began := time.Now()
			_, _ = io.WriteString(c, request("", "a"))
			if got := (<-closed).Sub(began); got != want {
				t.Errorf("%v after another answer: got %v, want %v", before, got, want)
			}
		})
	}
}

// A handshake has 10 s, silent or byte by byte.
func TestHandshakesLeftOpen(t *testing.T) {
	for name, hello := range map[string]string{"silent": "", "half": "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"} {
		synctest.Test(t, func(t *testing.T) {
			c := serving(t, limited(answering, pair(t)))()
			defer c.Close()
			go func() { _, _ = io.WriteString(c, hello) }()
			if got := lasts(c); got != 10*time.Second {
				t.Errorf("%s: got %v, want 10s", name, got)
			}
		})
	}
}

// tired is a listener that has run out of files, for a moment.
type tired struct {
	net.Listener
	often int
}

func (l *tired) Accept() (net.Conn, error) {
	if l.often--; l.often >= 0 {
		return nil, &net.OpError{Op: "accept", Net: "tcp", Err: os.NewSyscallError("accept4", syscall.EMFILE)}
	}
	return l.Listener.Accept()
}

func TestListenerRunsOutOfFiles(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ln := &wires{next: make(chan net.Conn), closed: make(chan struct{})}
		f, ended := front.New(limited(answering, nil)), make(chan error)
		go func() { ended <- f.Serve(&tired{ln, 20}) }()
		c, theirs := net.Pipe()
		ln.next <- theirs
		go func() { _, _ = io.WriteString(c, request("", "a")) }()
		if _, err := http.ReadResponse(bufio.NewReader(c), nil); err != nil {
			t.Errorf("got %v, want an answer once there are files again", err)
		}
		_, _ = c.Close(), f.Close()
		if err := <-ended; !errors.Is(err, http.ErrServerClosed) {
			t.Errorf("got %v, want %v", err, http.ErrServerClosed)
		}
	})
}
