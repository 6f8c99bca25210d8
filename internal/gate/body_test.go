package gate_test

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"qkms/internal/gate"
)

// chunked is nameless up to its body, whose length it does not say.
var chunked = strings.Replace(nameless, "Content-Length: 2\r\n\r\n{}", "Transfer-Encoding: chunked\r\n\r\n", 1)

// reading says when a handler has begun to read a body, and reads it.
func reading(began chan<- struct{}) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.ContentLength != 2 {
			began <- struct{}{}
		}
		_, _ = io.Copy(io.Discard, r.Body)
		w.WriteHeader(http.StatusNoContent)
	})
}

// Bodies that never come, on all connections there may be, from a few addresses, keep nobody out: neither another
// address nor the same, whether or not a request went before them.
func TestBodiesThatNeverCome(t *testing.T) {
	const room = 16
	for _, row := range []struct{ name, first, then string }{
		{"chunked", "", chunked},
		{"of a length", "", strings.Replace(nameless, "Length: 2\r\n\r\n{}", "Length: 900000\r\n\r\n", 1)},
		{"after a request", nameless, chunked},
	} {
		t.Run(row.name, func(t *testing.T) {
			var addresses []string
			for i := range room {
				addresses = append(addresses, fmt.Sprintf("192.0.2.%d:1000", i/4))
			}
			addresses = append(addresses, "192.0.2.0:1000", "198.51.100.1:1000")
			began := make(chan struct{}, room)
			f := behind(t, small{limits: gate.Limits{Connections: room, PerAddress: 4}, admit: gate.AdmissionConfig{Next: reading(began)}, listen: from(addresses...)})
			for range room {
				c := f.dial(t)
				if row.first != "" {
					if _, err := ask(c, row.first); err != nil {
						t.Fatal(err)
					}
				}
				if _, err := io.WriteString(c, row.then); err != nil {
					t.Fatal(err)
				}
				<-began
			}
			open := read(t, f.connections.Readings(), "qkms_connections_open")
			if row.first == "" && open > room/4 {
				t.Errorf("got %v connections held by bodies that never come, want a quarter of %d", open, room)
			}
			for _, who := range []string{"the same address", "another one"} {
				if got, err := ask(f.dial(t), nameless); got != http.StatusNoContent {
					t.Errorf("%s: got %d, %v, want an answer", who, got, err)
				}
			}
		})
	}
}

// A body that came belongs to a request under way: its connection is nobody's to close.
func TestBodiesThatCameAreKept(t *testing.T) {
	g, came := newBarrier(), make(chan struct{})
	f := behind(t, small{limits: gate.Limits{Connections: 1, PerAddress: 1}, admit: gate.AdmissionConfig{Next: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		close(came)
		g.ServeHTTP(w, r)
	})}})
	c := f.dial(t)
	if _, err := io.WriteString(c, chunked+"2\r\n{}\r\n"); err != nil {
		t.Fatal(err)
	}
	answer := make(chan error)
	go func() {
		got, err := ask(c, "0\r\n\r\n")
		if err == nil && got != http.StatusNoContent {
			err = errors.New(http.StatusText(got))
		}
		answer <- err
	}()
	<-came
	f.refuses(t, "one too many")
	close(g.opened)
	if err := <-answer; err != nil {
		t.Errorf("got %v, want an answer", err)
	}
}

// HTTP/2 connections on which nothing was asked, and those whose requests wait for their bodies, have a quarter
// of the places as others do.
func TestHTTP2ConnectionsWithoutARequest(t *testing.T) {
	const room = 8
	for name, streams := range map[string]int{"nothing asked": 0, "bodies that never come": 3} {
		t.Run(name, func(t *testing.T) {
			began := make(chan struct{}, 10*room)
			f := behind(t, small{tls: true, limits: gate.Limits{Connections: room, PerAddress: room}, admit: gate.AdmissionConfig{Next: reading(began)}})
			for range room {
				p := f.hello(t)
				for i := range streams {
					if err := p.send(frameHeaders, endHeaders, uint32(2*i+1), h2Request); err != nil {
						t.Fatal(err)
					}
					<-began
				}
				for kind := byte(0); kind != framePing; { // whose answer comes after all of that was read
					if err := p.send(framePing, 0, 0, make([]byte, 8)); err != nil {
						t.Fatal(err)
					}
					var err error
					if kind, _, _, err = p.next(); err != nil {
						t.Fatal(err)
					}
				}
			}
			if open := read(t, f.connections.Readings(), "qkms_connections_open"); open > room/4 {
				t.Errorf("got %v connections open, want a quarter of %d", open, room)
			}
			f.answersModern(t)
		})
	}
}

// As many HTTP/2 requests as there may be, all waiting for bodies that never come, make room for another's.
func TestStreamsThatNeverCome(t *testing.T) {
	const room = 8
	began := make(chan struct{}, 2*room)
	f := behind(t, small{tls: true, limits: gate.Limits{Connections: room, PerAddress: 4}, admit: gate.AdmissionConfig{Next: reading(began)},
		listen: from("192.0.2.1:1", "192.0.2.2:1", "198.51.100.1:1")})
	for range 2 {
		p := f.hello(t)
		if err := p.send(frameHeaders, endStream|endHeaders, 1, h2Request); err != nil { // or the quarter of those without a request is what ends it
			t.Fatal(err)
		}
		<-began
		for kind := byte(0); kind != frameHeaders; {
			var err error
			if kind, _, _, err = p.next(); err != nil {
				t.Fatal(err)
			}
		}
		for i := range room / 2 {
			if err := p.send(frameHeaders, endHeaders, uint32(2*i+3), h2Request); err != nil {
				t.Fatal(err)
			}
			<-began
		}
	}
	f.answersModern(t)
}

// a64 is more than 64 KiB of a body in one chunk, without its end.
var a64 = "10001\r\n" + strings.Repeat(" ", 1<<16+1) + "\r\n"

// Large bodies are taken in a few at a time, and an address has its share of them. Small ones that do not say
// how long they are do not count.
func TestLargeBodiesAreFew(t *testing.T) {
	const share = 64 // a quarter of 256
	large := make(chan struct{}, share)
	var f *front
	f = behind(t, small{
		limits: gate.Limits{Connections: 1000, PerAddress: 250}, listen: from(append(repeated("192.0.2.1:1", share+2), "198.51.100.1:1")...),
		admit: gate.AdmissionConfig{Next: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			r.Body = &noticed{ReadCloser: r.Body, large: large}
			f.Server.Server.ServeHTTP(w, r)
		})},
	})
	var held []net.Conn
	for range share {
		c := f.dial(t)
		if _, err := io.WriteString(c, chunked+a64); err != nil {
			t.Fatal(err)
		}
		<-large
		held = append(held, c)
	}
	if got, err := said(f.dial(t), chunked+a64+"0\r\n\r\n"); !strings.Contains(got, "ThrottlingException") {
		t.Errorf("one more: got %s, %v, want it refused", got, err)
	}
	if got, err := said(f.dial(t), chunked+"2\r\n{}\r\n0\r\n\r\n"); err != nil || strings.Contains(got, "ThrottlingException") {
		t.Errorf("a small one of the same address: got %s, %v, want it looked at", got, err)
	}
	if got, err := said(f.dial(t), chunked+a64+"0\r\n\r\n"); err != nil || strings.Contains(got, "ThrottlingException") {
		t.Errorf("a large one of another address: got %s, %v, want it looked at", got, err)
	}
	for _, c := range held {
		if got, err := said(c, "0\r\n\r\n"); err != nil || strings.Contains(got, "ThrottlingException") {
			t.Errorf("got %s, %v, want it looked at", got, err)
		}
	}
}

// said is the body of the answer to a request.
func said(c net.Conn, request string) (string, error) {
	if _, err := io.WriteString(c, request); err != nil {
		return "", err
	}
	res, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err != nil {
		return "", err
	}
	defer res.Body.Close()
	all, err := io.ReadAll(res.Body)
	return string(all), err
}

func repeated(s string, n int) (all []string) {
	for range n {
		all = append(all, s)
	}
	return all
}

// noticed is a body of which is said when 64 KiB of it came.
type noticed struct {
	io.ReadCloser
	large chan<- struct{}
	n     int
}

func (b *noticed) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	if b.n <= 1<<16 && b.n+n > 1<<16 && err == nil {
		b.large <- struct{}{}
	}
	b.n += n
	return n, err
}

// A panic while refusals are recorded is told, and costs them their answer; not the process.
func TestPanicOfARound(t *testing.T) {
	f := behind(t, small{admit: gate.AdmissionConfig{
		Pause: time.Millisecond, Wait: func() time.Duration { return time.Second },
		Now: func() time.Time { panic("as asked") },
	}})
	for {
		if got, err := ask(f.dial(t), nameless); err != nil {
			t.Fatal(err)
		} else if got == http.StatusInternalServerError {
			return
		}
	}
}
