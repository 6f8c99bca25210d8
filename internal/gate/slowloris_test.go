package gate_test

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

const moment = 200 * time.Millisecond // in place of seconds

// Each of these clients keeps its connection busy for ever, if it may. It may not, and others are answered
// meanwhile.
func TestWhoStallsLosesTheConnection(t *testing.T) {
	hurry := func(s *http.Server) {
		s.ReadHeaderTimeout, s.ReadTimeout, s.WriteTimeout, s.IdleTimeout = moment, moment, moment, moment
	}
	for _, row := range []struct {
		name  string
		first string
		then  string // again and again
	}{
		{"nothing is sent", "", ""},
		{"the header comes byte by byte", "POST / HTTP/1.1\r\nHost: kms\r\nX-Slow: ", "a"},
		{"the header comes line by line", "POST / HTTP/1.1\r\nHost: kms\r\n", "A: b\r\n"},
		{"the body comes byte by byte", strings.Replace(nameless, "Length: 2\r\n\r\n{}", "Length: 900000\r\n\r\n", 1), " "},
		{"the body comes chunk by chunk", strings.Replace(nameless, "Content-Length: 2\r\n\r\n{}", "Transfer-Encoding: chunked\r\n\r\n", 1), "1\r\n \r\n"},
		{"nothing follows an answer", nameless, ""},
		{"the next request stops within its header", nameless + "POST / HT", ""},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			f := behind(t, small{http: hurry})
			c := f.dial(t)
			if _, err := io.WriteString(c, row.first); err != nil {
				t.Fatal(err)
			}
			ended := make(chan struct{})
			go func() {
				defer close(ended)
				for row.then != "" {
					if _, err := io.WriteString(c, row.then); err != nil {
						return
					}
				}
			}()
			f.answers(t)
			gone(t, row.name, c)
			_ = c.Close()
			<-ended
			f.answers(t)
		})
	}
}

// Answers that nobody reads fill what the kernel keeps for the connection, and then nothing more.
func TestWhoReadsNothingLosesTheConnection(t *testing.T) {
	f := behind(t, small{
		http:   func(s *http.Server) { s.WriteTimeout = moment },
		listen: func(ln net.Listener) net.Listener { return narrow{ln} },
	})
	c := f.dial(t)
	_ = c.SetReadBuffer(1)
	for range 1_000_000 {
		if _, err := io.WriteString(c, nameless); err != nil {
			f.answers(t)
			return
		}
	}
	t.Error("got a million requests taken without an answer read, want the connection ended")
}

// narrow is a listener whose connections keep little to be sent.
type narrow struct{ net.Listener }

func (n narrow) Accept() (net.Conn, error) {
	c, err := n.Listener.Accept()
	if err == nil {
		_ = c.(*net.TCPConn).SetWriteBuffer(1)
	}
	return c, err
}

// Headers are bounded by their size, however many there are: at 5 bytes each, too.
func TestHugeHeadersAreRefused(t *testing.T) {
	f := behind(t, small{})
	for name, header := range map[string]string{
		"one large":   "X-Large: " + strings.Repeat("a", 1<<20) + "\r\n",
		"many small":  strings.Repeat("a: b\r\n", 100_000),
		"many names":  names(50_000),
		"a long line": strings.Repeat("a", 1<<20),
	} {
		c := f.dial(t)
		go func() { _, _ = io.WriteString(c, "POST / HTTP/1.1\r\nHost: kms\r\n"+header+"\r\n") }() // it may be cut off
		answer := make([]byte, len("HTTP/1.1 431"))
		if _, err := io.ReadFull(c, answer); err == nil && string(answer) != "HTTP/1.1 431" && string(answer) != "HTTP/1.1 400" {
			t.Errorf("%s: got %q, want a refusal", name, answer)
		}
		gone(t, name, c)
	}
	f.answers(t)
}

func names(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, "a%d: b\r\n", i)
	}
	return b.String()
}

// A client that sends a thousand requests at once has one of them looked at at a time.
func TestPipelinedRequestsTakeTurns(t *testing.T) {
	var now, most atomic.Int32
	f := behind(t, small{http: func(s *http.Server) {
		next := s.Handler
		s.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			most.Store(max(most.Load(), now.Add(1)))
			defer now.Add(-1)
			next.ServeHTTP(w, r)
		})
	}})
	const requests = 1000
	c := f.dial(t)
	go func() {
		_, _ = io.WriteString(c, strings.Repeat(nameless, requests-1)+strings.Replace(nameless, "Host", "Connection: close\r\nHost", 1))
	}()
	all, err := io.ReadAll(c)
	if err != nil {
		t.Fatal(err)
	}
	if got := strings.Count(string(all), "HTTP/1.1 400"); got != requests || most.Load() != 1 {
		t.Errorf("got %d answers, up to %d at a time; want %d, one at a time", got, most.Load(), requests)
	}
}
