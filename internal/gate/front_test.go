package gate_test

import (
	"bufio"
	"crypto/tls"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	fronts "qkms/internal/front"
	"qkms/internal/gate"
	"qkms/internal/kmstest"
	"qkms/internal/metrics"
)

// A front is a whole server behind what `qkms serve` puts before it, with a limit or a timeout made small.
type front struct {
	*kmstest.Server
	admission   *gate.Admission
	connections *gate.Connections
	http        *http.Server
	address     string
}

// A small is what a test makes small, or puts in the way.
type small struct {
	limits gate.Limits
	admit  gate.AdmissionConfig
	tls    bool
	http   func(*http.Server)
	listen func(net.Listener) net.Listener // below the limits
}

func behind(t *testing.T, with small) *front {
	t.Helper()
	f := &front{Server: kmstest.New(t)}
	with.admit.Audit, with.admit.Logger = f.Audit, slog.New(slog.DiscardHandler)
	if with.admit.Now == nil {
		with.admit.Now = f.Clock.Now
	}
	if with.admit.Next == nil {
		with.admit.Next = f.Server.Server
	}
	if with.admit.Wait == nil && with.admit.Target == 0 {
		with.admit.Target = -1 // the machine that tests run on is busy enough
	}
	f.admission = admission(t, with.admit)
	f.connections = gate.NewConnections(with.limits)
	var config *tls.Config
	if with.tls {
		config = pair()
	}
	f.http = gate.HTTP(f.admission, config, slog.New(slog.DiscardHandler))
	if with.http != nil {
		with.http(f.http)
	}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	f.address = ln.Addr().String()
	if with.listen != nil {
		ln = with.listen(ln)
	}
	served, ended := fronts.New(f.http), make(chan struct{})
	go func() {
		defer close(ended)
		_ = served.Serve(f.connections.Listen(ln)) // ends with Close
	}()
	t.Cleanup(func() { _ = served.Close(); <-ended })
	f.URL = "http://" + f.address // what its clients talk to
	return f
}

// pair is a TLS pair that nobody believes.
func pair() *tls.Config {
	s := httptest.NewTLSServer(http.NotFoundHandler())
	defer s.Close()
	return &tls.Config{MinVersion: tls.VersionTLS13, Certificates: s.TLS.Certificates}
}

// knock opens a connection that is read from with at most ten seconds of patience: what takes longer hangs.
func (f *front) knock(t *testing.T) (*net.TCPConn, error) {
	c, err := net.Dial("tcp", f.address)
	if err != nil {
		return nil, err
	}
	t.Cleanup(func() { _ = c.Close() })
	_ = c.SetReadDeadline(time.Now().Add(10 * time.Second))
	return c.(*net.TCPConn), nil
}

// dial is knock where there must be room.
func (f *front) dial(t *testing.T) *net.TCPConn {
	t.Helper()
	c, err := f.knock(t)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// refuses fails unless a connection is closed as soon as it is there.
func (f *front) refuses(t *testing.T, who string) {
	t.Helper()
	if c, err := f.knock(t); err == nil {
		gone(t, who, c)
	}
}

// gone reads until the server ends the connection.
func gone(t *testing.T, who string, c net.Conn) {
	t.Helper()
	_, err := io.Copy(io.Discard, c)
	if e, is := err.(net.Error); is && e.Timeout() {
		t.Fatalf("%s: got a connection that stays, want it ended", who)
	}
}

// answers fails unless a stranger on a connection of its own is answered: at the third attempt at least, since a
// timeout that was made small for an attacker is small for everybody.
func (f *front) answers(t *testing.T) {
	t.Helper()
	var err error
	for range 3 {
		if _, err = ask(f.dial(t), nameless); err == nil {
			return
		}
	}
	t.Errorf("got no answer on a connection of one's own: %v", err)
}

// nameless is a request that is refused for want of a signature, and keeps its connection.
const nameless = "POST / HTTP/1.1\r\nHost: kms\r\nContent-Type: application/x-amz-json-1.1\r\nX-Amz-Target: TrentService.ListKeys\r\nContent-Length: 2\r\n\r\n{}"

// ask sends a request and returns the answer's status, once its body was read.
func ask(c net.Conn, request string) (status int, err error) {
	if _, err := io.WriteString(c, request); err != nil {
		return 0, err
	}
	res, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err != nil {
		return 0, err
	}
	defer res.Body.Close()
	_, err = io.Copy(io.Discard, res.Body)
	return res.StatusCode, err
}

// read is the present value of a metric.
func read(t *testing.T, of []metrics.Reading, name string) float64 {
	t.Helper()
	family, label, _ := strings.Cut(name, "/")
	for _, r := range of {
		if r.Name == family && r.Value == label {
			return r.Read()
		}
	}
	t.Fatalf("no reading %s", name)
	return 0
}

// A barrier is a handler that holds requests until it is opened, and says when one is there.
type barrier struct {
	arrived chan struct{}
	opened  chan struct{}
}

func newBarrier() *barrier {
	return &barrier{arrived: make(chan struct{}, 10_000), opened: make(chan struct{})}
}

func (g *barrier) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	g.arrived <- struct{}{}
	<-g.opened
	w.WriteHeader(http.StatusNoContent)
}
