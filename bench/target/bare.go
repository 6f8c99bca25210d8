package target

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/signal"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"

	"qkms/bench/load"
)

// BareVerb is the argument by which this very program is a bare handler: a server of net/http as it comes that reads the whole
// body and answers with as many bytes as it was told.
const BareVerb = "bare"

// Bare starts a bare handler, with the TLS pair of `qkms init` in dir unless dir is empty.
func Bare(name, dir, log string) (*Target, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	t := &Target{Name: name, Login: load.Login{Region: "us-east-1", ID: "AKIAIOSFODNN7EXAMPLE", Secret: "none"}}
	if dir != "" {
		if t.Site.TLS, err = trust(dir); err != nil {
			return nil, err
		}
	}
	var control string
	t.Process, err = start(log, func(line string) bool {
		_, err := fmt.Sscanf(line, "bare %s %s", &t.Site.Address, &control)
		return err == nil
	}, self, BareVerb, dir)
	if err != nil {
		return nil, err
	}
	t.Metrics, t.sized = "http://"+control+"/metrics", "http://"+control+"/size?"
	return t, nil
}

// Answer tells a bare handler to answer with so many bytes from now on.
func (t *Target) Answer(bytes int) error {
	res, err := http.Get(t.sized + strconv.Itoa(bytes))
	if err != nil {
		return err
	}
	return res.Body.Close()
}

// ServeBare is the process of Bare, with the TLS pair in dir unless that is empty. It returns only in case of an error.
func ServeBare(dir string) error {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	control, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	ended := make(chan os.Signal, 1)
	signal.Notify(ended, syscall.SIGTERM)
	go func() {
		<-ended
		os.Exit(0)
	}()
	b := new(bare)
	go func() { _ = http.Serve(control, http.HandlerFunc(b.control)) }()
	fmt.Println("bare", ln.Addr(), control.Addr())
	s := &http.Server{Handler: http.HandlerFunc(b.answer)}
	if dir == "" {
		return s.Serve(ln)
	}
	return s.ServeTLS(ln, filepath.Join(dir, "tls", "server.crt"), filepath.Join(dir, "tls", "server.key"))
}

// A bare is what a bare handler knows.
type bare struct{ body atomic.Pointer[[]byte] }

func (b *bare) answer(w http.ResponseWriter, r *http.Request) {
	if _, err := io.Copy(io.Discard, r.Body); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	body := b.body.Load()
	if body == nil {
		return
	}
	h := w.Header()
	h["Content-Type"] = contentType // else net/http looks at the body to find one out
	if len(*body) > 2048 {          // else net/http sets it
		h.Set("Content-Length", strconv.Itoa(len(*body)))
	}
	_, _ = w.Write(*body)
}

var contentType = []string{"application/x-amz-json-1.1"}

func (b *bare) control(w http.ResponseWriter, r *http.Request) {
	if r.URL.Path == "/size" {
		n, err := strconv.Atoi(r.URL.RawQuery)
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		body := []byte(strings.Repeat("x", n))
		b.body.Store(&body)
		return
	}
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	fmt.Fprintf(w, "go_memstats_mallocs_total %d\ngo_memstats_alloc_bytes_total %d\n", m.Mallocs, m.TotalAlloc)
}
