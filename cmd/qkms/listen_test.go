package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"net/http"
	"path/filepath"
	"syscall"
	"testing"
	"time"
)

// A request that has begun is answered although the server was told to end, and nobody new is let in.
func TestRequestsEndBeforeTheServerDoes(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	begun, release := make(chan struct{}), make(chan struct{})
	srv := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		close(begun)
		<-release
		_, _ = io.WriteString(w, "done")
	})}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- serveUntil(ctx, srv, ln) }()
	answers := make(chan string, 1)
	go func() {
		res, err := http.Get("http://" + ln.Addr().String())
		if err != nil {
			answers <- err.Error()
			return
		}
		defer res.Body.Close()
		b, _ := io.ReadAll(res.Body)
		answers <- string(b)
	}()
	<-begun
	cancel()
	for { // until the listener is closed
		conn, err := net.Dial("tcp", ln.Addr().String())
		if errors.Is(err, syscall.ECONNREFUSED) {
			break
		}
		if err == nil {
			_ = conn.Close()
		}
	}
	select {
	case err := <-ended:
		t.Fatalf("ended with a request in progress: %v", err)
	default:
	}
	close(release)
	if got := <-answers; got != "done" {
		t.Errorf("got %q, want the answer", got)
	}
	if err := <-ended; err != nil {
		t.Errorf("got %v, want an orderly end", err)
	}
}

func TestLoopbackMeansThisMachineAlone(t *testing.T) {
	for listen, want := range map[string]string{
		"127.0.0.1:80":          "127.0.0.1:80",
		"127.1.2.3:0":           "127.1.2.3:0",
		"[::1]:80":              "[::1]:80",
		"[::ffff:127.0.0.1]:80": "127.0.0.1:80",
		"0.0.0.0:80":            "",
		":80":                   "",
		"[::]:80":               "",
		"192.0.2.1:80":          "",
		"[::ffff:192.0.2.1]:80": "",
		"[fe80::1]:80":          "",
		"127.0.0.1":             "",
	} {
		got, err := loopback(t.Context(), listen)
		if got != want || (err == nil) != (want != "") {
			t.Errorf("%s: got %q, %v, want %q", listen, got, err, want)
		}
	}
}

func TestCertificateOfInit(t *testing.T) {
	c := &command{Config: Config{Data: t.TempDir(), Hostnames: []string{"kms.example.com", "192.0.2.7"}}, stdio: stdio{nil, io.Discard, io.Discard}}
	made, err := c.makeTLS()
	if err != nil || !made {
		t.Fatalf("got %v, %v, want a pair", made, err)
	}
	pair, err := tls.LoadX509KeyPair(c.certificate())
	if err != nil {
		t.Fatal(err)
	}
	ca, err := tls.LoadX509KeyPair(filepath.Join(c.tlsDir(), caCert), filepath.Join(c.tlsDir(), caKey))
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AddCert(ca.Leaf)
	now := time.Now()
	for _, name := range []string{"localhost", "127.0.0.1", "::1", "kms.example.com", "192.0.2.7"} {
		for when, at := range map[string]time.Time{"now": now, "a slow clock": now.Add(-30 * time.Minute), "in a year": now.AddDate(1, 0, 0)} {
			if _, err := pair.Leaf.Verify(x509.VerifyOptions{Roots: roots, DNSName: name, CurrentTime: at}); err != nil {
				t.Errorf("%s, %s: %v", name, when, err)
			}
		}
	}
	if life := pair.Leaf.NotAfter.Sub(pair.Leaf.NotBefore); life > 825*24*time.Hour {
		t.Errorf("got a life of %v, which some clients refuse", life)
	}
	if pair.Leaf.IsCA || !ca.Leaf.IsCA || !ca.Leaf.MaxPathLenZero {
		t.Errorf("got a server certificate that may sign (%v), or a CA that may not (%v)", pair.Leaf.IsCA, ca.Leaf.IsCA)
	}
	if made, err := c.makeTLS(); made || err != nil {
		t.Errorf("again: got %v, %v, want nothing done", made, err)
	}
	for days, want := range map[int]string{0: "ok", 720: "note", 740: "PROBLEM", -1: "PROBLEM"} {
		if got := c.certificateLife(now.AddDate(0, 0, days)); string(got.Verdict) != want {
			t.Errorf("doctor after %d days: got %q %s, want %q", days, got.Verdict, got.Text, want)
		}
	}
}

func TestShellReadsWhatIsQuoted(t *testing.T) {
	for s, want := range map[string]string{
		"wJalrXUtnFEMI/K7MDENG+x=": "wJalrXUtnFEMI/K7MDENG+x=",
		"":                         "''",
		"a b":                      "'a b'",
		"$(id)":                    "'$(id)'",
		"it's":                     `'it'\''s'`,
	} {
		if got := quoted(s); got != want {
			t.Errorf("%q: got %s, want %s", s, got, want)
		}
	}
}
