package harness

import (
	"bytes"
	"fmt"
	"maps"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// Patience with a server that starts or ends; both take a fraction of a second on an idle machine.
const patience = 30 * time.Second

// A Server is a `qkms dev` process, and the login that it printed. One goroutine at a time starts and
// ends it; its login may be used by many.
type Server struct {
	Login
	Dir  string // the data directory
	Log  string // a file with all that every process wrote to stdout and stderr
	Wire *Wire  // what was answered to Login and its copies

	t    testing.TB
	verb []string
	env  string // the file that tells the endpoint and the credentials
	live *process
}

// Start runs `qkms dev` with further arguments over a new data directory. When the test ends the
// server is asked to, and must exit with status 0.
func Start(t testing.TB, args ...string) *Server {
	t.Helper()
	s := New(t, args...)
	s.Restart()
	return s
}

// New is Start of a server that does not run yet.
func New(t testing.TB, args ...string) *Server {
	t.Helper()
	dir := t.TempDir()
	s := &Server{
		Dir: filepath.Join(dir, "data"), Log: filepath.Join(dir, "log"), Wire: newWire(nil),
		t: t, env: filepath.Join(dir, "env"),
	}
	s.verb = append([]string{"dev", "--listen", "127.0.0.1:0", "--data", s.Dir, "--env-file", s.env}, args...)
	t.Cleanup(s.end)
	return s
}

func (s *Server) end() {
	if s.live != nil {
		s.Stop()
	}
	if s.t.Failed() {
		log, _ := os.ReadFile(s.Log)
		s.t.Logf("the server said:\n%s", log)
	}
}

// Restart runs the server again over the same data, at another port.
func (s *Server) Restart() {
	s.t.Helper()
	if s.live != nil {
		s.t.Fatal("restart: the server still runs")
	}
	if err := os.RemoveAll(s.env); err != nil {
		s.t.Fatal(err)
	}
	live, err := launch(s.Log, nil, s.verb...)
	if err != nil {
		s.t.Fatal(err)
	}
	s.live = live
	if s.Login, err = s.ready(); err != nil {
		log, _ := os.ReadFile(s.Log)
		s.t.Fatalf("start: %v\n%s", err, log)
	}
}

// ready waits until the server has written where it listens, which it does once it serves.
func (s *Server) ready() (Login, error) {
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	late := time.After(patience)
	for {
		select {
		case <-s.live.ended:
			return Login{}, fmt.Errorf("qkms ended by itself: %w", s.live.err)
		case <-late:
			return Login{}, fmt.Errorf("%s has not been written in %v", s.env, patience)
		case <-tick.C:
		}
		text, _ := os.ReadFile(s.env)
		v := ParseEnv(text)
		if len(v) < 4 || !bytes.HasSuffix(text, []byte("\n")) {
			continue
		}
		return Login{
			URL: v["AWS_ENDPOINT_URL"], Region: v["AWS_REGION"],
			AccessKeyID: v["AWS_ACCESS_KEY_ID"], Secret: v["AWS_SECRET_ACCESS_KEY"],
			Client: &http.Client{Transport: s.Wire},
		}, nil
	}
}

// ParseEnv reads the `export NAME=value` lines of an env file; values may be quoted.
func ParseEnv(text []byte) map[string]string {
	vars := map[string]string{}
	for line := range strings.Lines(string(text)) {
		if rest, is := strings.CutPrefix(strings.TrimSpace(line), "export "); is {
			name, value, _ := strings.Cut(rest, "=")
			vars[name] = strings.Trim(value, `"'`)
		}
	}
	return vars
}

// Env is the server's login as variables of a client's environment.
func (s *Server) Env() map[string]string {
	s.t.Helper()
	text, err := os.ReadFile(s.env)
	if err != nil {
		s.t.Fatal(err)
	}
	return maps.Clone(ParseEnv(text))
}

// Kill9 ends the process as a crash does: nothing is flushed, nothing is told.
func (s *Server) Kill9() {
	s.t.Helper()
	if err := s.live.signal(syscall.SIGKILL); err != nil {
		s.t.Fatalf("kill -9: %v", err)
	}
	s.gone()
}

// CrashStarting starts the server and kills it after a while, wherever it then is.
func (s *Server) CrashStarting(after time.Duration) {
	s.t.Helper()
	live, err := launch(s.Log, nil, s.verb...)
	if err != nil {
		s.t.Fatal(err)
	}
	select {
	case <-time.After(after):
		s.live = live
		s.Kill9()
	case <-live.ended:
		s.t.Fatalf("qkms ended by itself: %v", live.err)
	}
}

// Stop asks the server to end, and fails the test unless it does so with status 0.
func (s *Server) Stop() {
	s.t.Helper()
	if err := s.live.signal(syscall.SIGTERM); err != nil {
		s.t.Errorf("stop: %v", err)
	}
	if err := s.live.err; err != nil {
		s.t.Errorf("stop: got %v, want exit status 0", err)
	}
	s.gone()
}

func (s *Server) gone() {
	s.live = nil
	s.Wire.CloseIdleConnections()
}

// A process is a qkms that runs or has run.
type process struct {
	cmd   *exec.Cmd
	ended chan struct{}
	err   error // of Wait; read it after ended
}

// launch starts qkms with its output appended to the file log, and env besides this process's own
// environment.
func launch(log string, env []string, args ...string) (*process, error) {
	out, err := os.OpenFile(log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, err
	}
	defer out.Close()
	p := &process{cmd: exec.Command(binary, args...), ended: make(chan struct{})}
	p.cmd.Stdout, p.cmd.Stderr, p.cmd.Env = out, out, append(os.Environ(), env...)
	if err := p.cmd.Start(); err != nil {
		return nil, err
	}
	go func() {
		p.err = p.cmd.Wait()
		close(p.ended)
	}()
	return p, nil
}

// signal sends sig and waits for the end.
func (p *process) signal(sig syscall.Signal) error {
	if err := p.cmd.Process.Signal(sig); err != nil {
		return fmt.Errorf("it had ended by itself: %w", p.err)
	}
	select {
	case <-p.ended:
		return nil
	case <-time.After(patience):
		_ = p.cmd.Process.Kill()
		<-p.ended
		return fmt.Errorf("no end within %v of %v", patience, sig)
	}
}
