package front_test

import (
	"bytes"
	"crypto/tls"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"qkms/internal/front"
)

// pair is a TLS pair that nobody believes.
func pair(t *testing.T) *tls.Config {
	s := httptest.NewUnstartedServer(http.NotFoundHandler())
	s.StartTLS()
	defer s.Close()
	return &tls.Config{MinVersion: tls.VersionTLS13, Certificates: s.TLS.Certificates, ClientAuth: tls.RequestClientCert}
}

// listening serves s over TCP, until the test ends.
func listening(t *testing.T, s *http.Server) (f *front.Server, address string) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	f = front.New(s)
	var ended sync.WaitGroup
	ended.Go(func() { _ = f.Serve(ln) })
	t.Cleanup(func() { _ = f.Close(); ended.Wait() })
	return f, ln.Addr().String()
}

// Over TLS a request says how, and who has the client's key, whoever serves it: this package, net/http, or net/http with HTTP/2.
func TestTLS(t *testing.T) {
	config := pair(t)
	s := limited(func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintf(w, "%T %s %s %d", w, r.Proto, tls.VersionName(r.TLS.Version), len(r.TLS.PeerCertificates))
	}, config)
	_, address := listening(t, s)
	for _, row := range []struct {
		method string
		h2     bool
		want   string
	}{
		{http.MethodPost, false, "*front.answer HTTP/1.1 TLS 1.3 1"},
		{http.MethodGet, false, "*http.response HTTP/1.1 TLS 1.3 1"},
		{http.MethodPost, true, "*http.http2responseWriter HTTP/2.0 TLS 1.3 1"},
	} {
		transport := &http.Transport{ForceAttemptHTTP2: row.h2, TLSClientConfig: &tls.Config{InsecureSkipVerify: true, Certificates: config.Certificates}}
		for range 2 { // of one connection
			req, _ := http.NewRequest(row.method, "https://"+address, strings.NewReader("{}"))
			res, err := transport.RoundTrip(req)
			if err != nil {
				t.Fatal(err)
			}
			got, _ := io.ReadAll(res.Body)
			_ = res.Body.Close()
			if string(got) != row.want {
				t.Errorf("got %s, want %s", got, row.want)
			}
		}
		transport.CloseIdleConnections()
	}
	c, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	_, _ = io.WriteString(c, request("", "a"))
	if got, _ := io.ReadAll(c); !strings.HasPrefix(string(got), "HTTP/1.0 400 Bad Request\r\n\r\n") {
		t.Errorf("plain HTTP: got %q, want it told", got)
	}
}

// Answers of any length arrive whole, and net/http's are not mixed up with ours.
func TestLongAnswers(t *testing.T) {
	_, address := listening(t, &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var n int
		_, _ = fmt.Fscan(r.Body, &n)
		w.Header().Set("Content-Length", "7") // which is a lie, and is not told
		w.Header().Set("X-Long", strings.Repeat("h", n/1000))
		for range n / 10 {
			_, _ = io.WriteString(w, "0123456789")
		}
	})})
	for _, n := range []int{0, 10, 2000, 8190, 70_000, 3_000_000, 10} {
		res, err := http.Post("http://"+address, "text/plain", strings.NewReader(fmt.Sprint(n)))
		if err != nil {
			t.Fatal(err)
		}
		got, err := io.ReadAll(res.Body)
		_ = res.Body.Close()
		if err != nil || len(got) != n || len(res.Header.Get("X-Long")) != n/1000 || strings.Trim(string(got), "0123456789") != "" {
			t.Errorf("got %d bytes, %v, want %d", len(got), err, n)
		}
	}
}

// A keeper is a connection that holds on to what it is given, which connections may not do.
type keeper struct {
	wire
	keeping sync.Mutex
	kept    [][]byte
}

func (k *keeper) keep(p []byte) {
	k.keeping.Lock()
	defer k.keeping.Unlock()
	k.kept = append(k.kept, p)
}

func (k *keeper) NetConn() net.Conn { return &k.wire }

func (k *keeper) Read(p []byte) (int, error) {
	k.keep(p)
	return k.wire.Read(p)
}

func (k *keeper) Write(p []byte) (int, error) {
	k.keep(p)
	return k.wire.Write(p)
}

// Plaintexts come and go. Of none is anything left in a buffer that another request may be given, whatever became of it.
func TestBuffersAreWiped(t *testing.T) {
	b := begin(t)
	secret := strings.Repeat("secret", 10)
	for _, row := range []struct {
		name   string
		pieces [][]byte
		ours   int // how many buffers are of this package and not net/http's; 0: all
	}{
		{"small", cut(request("", secret), 1000, 1), 0},
		{"in pieces", cut(request("", secret), 120, 20), 0},
		{"large", cut(request("", strings.Repeat(secret, 200)), 10_000, 5000), 0},
		{"pipelined", cut(strings.Repeat(request("", secret), 3), 1000, 1), 0},
		{"small after large", cut(request("", strings.Repeat(secret, 200))+request("", secret), 20_000, 1), 0},
		{"the handler panics", cut(request("", "panic"+secret), 1000, 1), 0},
		{"the handler closes", cut(request("", "close"+secret)+request("", secret), 1000, 1), 0},
		{"half of it", cut(raw(host+"Content-Length: 1000\r\n", secret), 1000, 1), 1},
		{"net/http's", cut(request("X: ä\r\n", secret), 1000, 1), 1},
		{"net/http's, in the end", cut(request("", secret)+request("X: ä\r\n", secret), 1000, 1), 2},
	} {
		k := &keeper{wire: wire{pieces: row.pieces, closed: make(chan struct{})}}
		b.front.next <- k
		<-k.closed
		k.keeping.Lock()
		if len(k.seen) == 0 || !strings.Contains(k.seen[0].what, secret) {
			t.Errorf("%s: got %v, want the secret seen", row.name, k.seen)
		}
		for i, p := range k.kept {
			if (row.ours == 0 || i < row.ours) && bytes.Contains(p[:cap(p)], []byte("secret")) {
				t.Errorf("%s: a buffer still holds %q", row.name, bytes.Trim(p, "\x00"))
			}
		}
		k.keeping.Unlock()
	}
}

// A panic ends the connection, and the log says where it was.
func TestPanicsAreLogged(t *testing.T) {
	for what, want := range map[string]bool{"panic": true, "abort": false} {
		var out bytes.Buffer
		s := recording()
		s.ErrorLog = log.New(&out, "", 0)
		ln := &wires{next: make(chan net.Conn), closed: make(chan struct{})}
		f, ended := front.New(s), make(chan struct{})
		go func() { defer close(ended); _ = f.Serve(ln) }()
		send(t, ln, cut(request("", what), 1000, 1))
		_ = f.Close()
		<-ended
		if got := strings.Contains(out.String(), "panic serving 192.0.2.2:1: as asked") && strings.Contains(out.String(), "reply"); got != want {
			t.Errorf("%s: got log %q, want a stack in it: %v", what, out.String(), want)
		}
	}
}

// The hook hears of a connection what it would hear from net/http, whose own it is from the second request on if that is not ours.
func TestStatesAreTold(t *testing.T) {
	for stream, want := range map[string]string{
		"":                                  "new closed",
		request("", "a") + request("", "b"): "new active idle active idle closed",
		request("", "close"):                "new active closed",
		request("", "a") + inner:            "new active idle new active idle closed",
	} {
		var mu sync.Mutex
		var told []string
		s := recording()
		closed := make(chan struct{})
		s.ConnState = func(_ net.Conn, state http.ConnState) {
			mu.Lock()
			defer mu.Unlock()
			if told = append(told, state.String()); state == http.StateClosed {
				close(closed)
			}
		}
		ln := &wires{next: make(chan net.Conn), closed: make(chan struct{})}
		f, ended := front.New(s), make(chan struct{})
		go func() { defer close(ended); _ = f.Serve(ln) }()
		send(t, ln, cut(stream, 1000, 1))
		<-closed
		_ = f.Close()
		<-ended
		if got := strings.Join(told, " "); got != want {
			t.Errorf("%q: got %s, want %s", stream, got, want)
		}
	}
}
