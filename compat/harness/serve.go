package harness

import (
	"crypto/tls"
	"crypto/x509"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
)

// Serve makes a deployment with `qkms init` and runs `qkms serve` on it with further arguments: TLS,
// with the CA that init made, and no rates, as no caller is as fast as a test. It knows that the server is ready as systemd would, by sd_notify(3).
// When the test ends the server must end with status 0.
func Serve(t testing.TB, args ...string) *Server {
	t.Helper()
	dir := t.TempDir()
	s := &Server{t: t, Dir: filepath.Join(dir, "data"), Log: filepath.Join(dir, "log")}
	made := ParseEnv([]byte(Run(t, "init", "--data", s.Dir)))
	s.Wire = newWire(&http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool(t, filepath.Join(s.Dir, "tls", "ca.crt"))}})
	address := s.notified(append([]string{"serve", "--listen", "127.0.0.1:0", "--data", s.Dir, "--rates", "none"}, args...))
	t.Cleanup(s.end)
	s.Login = Login{
		URL: "https://" + address, Region: "us-east-1",
		AccessKeyID: made["AWS_ACCESS_KEY_ID"], Secret: made["AWS_SECRET_ACCESS_KEY"],
		Client: &http.Client{Transport: s.Wire},
	}
	return s
}

func pool(t testing.TB, file string) *x509.CertPool {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	p := x509.NewCertPool()
	if !p.AppendCertsFromPEM(text) {
		t.Fatalf("%s holds no certificate", file)
	}
	return p
}

var serving = regexp.MustCompile(`\nSTATUS=Serving on ([^\n]+)`)

// notified starts the server and returns the address that it says it serves on.
func (s *Server) notified(args []string) string {
	s.t.Helper()
	dir, err := os.MkdirTemp("", "qkms") // a socket's path has 107 bytes at most
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { os.RemoveAll(dir) })
	socket := filepath.Join(dir, "notify")
	l, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: socket, Net: "unixgram"})
	if err != nil {
		s.t.Fatal(err)
	}
	defer l.Close()
	if s.live, err = launch(s.Log, []string{"NOTIFY_SOCKET=" + socket}, args...); err != nil {
		s.t.Fatal(err)
	}
	if err := l.SetReadDeadline(time.Now().Add(patience)); err != nil {
		s.t.Fatal(err)
	}
	go func() { // a server that failed notifies nobody
		<-s.live.ended
		l.Close()
	}()
	message := make([]byte, 4096)
	n, err := l.Read(message)
	found := serving.FindStringSubmatch(string(message[:n]))
	if err != nil || !strings.HasPrefix(string(message[:n]), "READY=1\n") || found == nil {
		log, _ := os.ReadFile(s.Log)
		s.t.Fatalf("start: got notice %q, %v; want READY=1 and an address\n%s", message[:n], err, log)
	}
	return found[1]
}
