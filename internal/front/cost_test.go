package front_test

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"runtime"
	"strings"
	"testing"

	"qkms/internal/front"
)

// ways are to serve with this package, and without.
var ways = map[string]func(*http.Server, net.Listener) error{
	"front": func(s *http.Server, ln net.Listener) error { return front.New(s).Serve(ln) },
	"http":  func(s *http.Server, ln net.Listener) error { return s.Serve(ln) },
}

// typical is as long as the request of an SDK with temporary credentials, typicalAnswer as that to GenerateDataKey.
var (
	typical = request("X-Amz-Target: TrentService.GenerateDataKey\r\nContent-Type: application/x-amz-json-1.1\r\nX-Amz-Date: 20260101T000000Z\r\nAccept-Encoding: identity\r\nAmz-Sdk-Invocation-Id: 6a1bd2a1-1f0e-4a45-a2a4-1b1f6b1d1c5e\r\nAmz-Sdk-Request: attempt=1; max=3\r\nAuthorization: AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20260101/us-east-1/kms/aws4_request, SignedHeaders=content-length;content-type;host;x-amz-date;x-amz-target, Signature="+strings.Repeat("0", 64)+"\r\n",
		`{"KeyId":"1234abcd-12ab-34cd-56ef-1234567890ab","KeySpec":"AES_256"}`)
	typicalAnswer = strings.Repeat("a", 400)
)

func plain(w http.ResponseWriter, r *http.Request) {
	_, _ = io.Copy(io.Discard, r.Body)
	w.Header()["Content-Type"] = []string{"application/x-amz-json-1.1"}
	_, _ = io.WriteString(w, typicalAnswer)
}

// BenchmarkRequest is one request on a connection that is kept, client included.
func BenchmarkRequest(b *testing.B) {
	for name, serve := range ways {
		b.Run(name, func(b *testing.B) {
			ln, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				b.Fatal(err)
			}
			defer ln.Close()
			go func() { _ = serve(limited(plain, nil), ln) }()
			c, err := net.Dial("tcp", ln.Addr().String())
			if err != nil {
				b.Fatal(err)
			}
			defer c.Close()
			answer := make([]byte, 4096)
			b.ReportAllocs()
			for b.Loop() {
				_, _ = io.WriteString(c, typical)
				if n, err := c.Read(answer); err != nil || n < len(typicalAnswer) {
					b.Fatalf("got %d bytes, %v", n, err)
				}
			}
		})
	}
}

// BenchmarkIdle says how much memory a connection takes between requests, stacks and the client's end included.
func BenchmarkIdle(b *testing.B) {
	const many = 1000
	for name, serve := range ways {
		b.Run(name, func(b *testing.B) {
			ln, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				b.Fatal(err)
			}
			defer ln.Close()
			go func() { _ = serve(limited(plain, nil), ln) }()
			for b.Loop() {
				before := inUse()
				conns := make([]net.Conn, many)
				for i := range conns {
					if conns[i], err = net.Dial("tcp", ln.Addr().String()); err != nil {
						b.Fatal(err)
					}
					_, _ = io.WriteString(conns[i], typical)
					if _, err := http.ReadResponse(bufio.NewReader(conns[i]), nil); err != nil {
						b.Fatal(err)
					}
				}
				b.ReportMetric(float64(inUse()-before)/many, "B/conn")
				for _, c := range conns {
					_ = c.Close()
				}
			}
		})
	}
}

func inUse() uint64 {
	var m runtime.MemStats
	for range 3 {
		runtime.GC()
	}
	runtime.ReadMemStats(&m)
	return m.HeapInuse + m.StackInuse
}

// What a request costs the heap is its header as a string, and no more: everything else is the connection's.
func TestOneAllocationPerRequest(t *testing.T) {
	ln := &wires{next: make(chan net.Conn), closed: make(chan struct{})}
	var now, before uint64
	n := 0
	s := limited(func(w http.ResponseWriter, r *http.Request) {
		var m runtime.MemStats
		if n++; n%100 == 0 {
			runtime.ReadMemStats(&m)
			before, now = now, m.Mallocs
		}
		w.Header()["Content-Type"] = r.Header["Content-Type"]
		_, _ = w.Write(nil)
	}, nil)
	f, ended := front.New(s), make(chan struct{})
	go func() { defer close(ended); _ = f.Serve(ln) }()
	pieces := make([][]byte, 300)
	for i := range pieces {
		pieces[i] = []byte(typical)
	}
	send(t, ln, pieces)
	_ = f.Close()
	<-ended
	if got := (now - before) / 100; got > 1 {
		t.Errorf("got %d allocations per request, want 1", got)
	}
}
