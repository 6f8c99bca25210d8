// Package program runs the real qkms binary for tests that do it harm.
//
// Nothing here imports the product: what a test sees is what a user sees, by requests that are signed from the
// specification alone.
package program

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// A Change replaces a piece of the source, which must be there once, for one build.
type Change struct {
	File     string // in the module of the product
	Old, New string
}

// Build builds qkms with changes, in a temporary directory: the source stays as it is. It returns the program's path.
func Build(t testing.TB, changes ...Change) string {
	t.Helper()
	root, dir := productRoot(t), t.TempDir()
	binary, overlay := filepath.Join(dir, "qkms"), filepath.Join(dir, "overlay.json")
	replaced := map[string]string{}
	for i, c := range changes {
		file := filepath.Join(root, c.File)
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if n := strings.Count(string(text), c.Old); n != 1 {
			t.Fatalf("%s has %d times what is to be changed, want once:\n%s", c.File, n, c.Old)
		}
		to := filepath.Join(dir, fmt.Sprint(i, ".go"))
		write(t, to, strings.Replace(string(text), c.Old, c.New, 1))
		replaced[file] = to
	}
	spec, err := json.Marshal(map[string]any{"Replace": replaced})
	if err != nil {
		t.Fatal(err)
	}
	write(t, overlay, string(spec))
	cmd := exec.Command("go", "build", "-overlay", overlay, "-o", binary, "./cmd/qkms")
	cmd.Dir = root
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("build qkms: %v\n%s", err, out)
	}
	return binary
}

// productRoot is above the package's directory, in which its tests run.
func productRoot(t testing.TB) string {
	t.Helper()
	dir, err := os.Getwd()
	for err == nil && dir != filepath.Dir(dir) {
		if mod, err := os.ReadFile(filepath.Join(dir, "go.mod")); err == nil && strings.HasPrefix(string(mod), "module qkms\n") {
			return dir
		}
		dir = filepath.Dir(dir)
	}
	t.Fatalf("no directory above this one has the module qkms: %v", err)
	return ""
}

func write(t testing.TB, file, text string) {
	t.Helper()
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// Init makes a deployment with `qkms init` and further arguments, and returns the login that it made.
func Init(t testing.TB, binary string, args ...string) Login {
	t.Helper()
	cmd := exec.Command(binary, append([]string{"init", "--no-tls"}, args...)...)
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("qkms init: %v\n%s", err, out)
	}
	var l Login
	for line := range strings.Lines(string(out)) {
		name, value, _ := strings.Cut(strings.TrimPrefix(strings.TrimSpace(line), "export "), "=")
		switch name {
		case "AWS_ACCESS_KEY_ID":
			l.ID = value
		case "AWS_SECRET_ACCESS_KEY":
			l.Secret = value
		}
	}
	if l.ID == "" || l.Secret == "" {
		t.Fatalf("qkms init made no access key:\n%s", out)
	}
	return l
}

// A Process is a running `qkms serve`. Its methods are for one goroutine.
type Process struct {
	URL     string // of the API
	Metrics string // of /metrics and /readyz

	cmd   *exec.Cmd
	log   string
	ended chan struct{}
}

const patience = 30 * time.Second // with what takes a fraction of a second on an idle machine

// Serve runs `qkms serve` with further arguments, on loopback and without TLS, until the end of the test. A
// process that cannot be told to end, because a test has killed it, is gone all the same.
func Serve(t testing.TB, binary string, args ...string) *Process {
	t.Helper()
	p := &Process{log: filepath.Join(t.TempDir(), "log"), ended: make(chan struct{})}
	p.cmd = exec.Command(binary, append([]string{"serve", "--no-tls", "--listen", "127.0.0.1:0", "--metrics-listen", "127.0.0.1:0",
		"--drain-delay", "0s", "--rates", "none"}, args...)...)
	log, err := os.Create(p.log)
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close()
	p.cmd.Stderr = log
	out, err := p.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	lines := make(chan string, 64)
	go func() {
		for s := bufio.NewScanner(out); s.Scan(); {
			lines <- s.Text()
		}
		close(lines)
		_ = p.cmd.Wait() // tests kill it, and say how it may end
		close(p.ended)
	}()
	t.Cleanup(func() { p.end(t) })
	deadline := time.After(patience)
	for p.URL == "" {
		select {
		case line, more := <-lines:
			if !more {
				t.Fatalf("qkms serve ended:\n%s", p.Log())
			}
			if found, ok := strings.CutPrefix(line, "Metrics at "); ok {
				p.Metrics = strings.TrimSuffix(found, "/metrics")
			}
			if found, ok := strings.CutPrefix(line, "QKMS at "); ok {
				p.URL, _, _ = strings.Cut(found, ",")
			}
		case <-deadline:
			t.Fatalf("qkms serve does not answer after %v:\n%s", patience, p.Log())
		}
	}
	go func() {
		for range lines { // what else it prints is for people
		}
	}()
	return p
}

// Log is what the process has logged so far.
func (p *Process) Log() string {
	text, _ := os.ReadFile(p.log)
	return string(text)
}

// Kill ends the process at once, and returns when it is gone.
func (p *Process) Kill() {
	_ = p.cmd.Process.Kill()
	<-p.ended
}

// Freeze stops the process in its tracks, and returns when it is.
func (p *Process) Freeze(t testing.TB) {
	t.Helper()
	if err := p.cmd.Process.Signal(syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	stat := fmt.Sprintf("/proc/%d/stat", p.cmd.Process.Pid)
	for state := ""; state != "T"; {
		text, err := os.ReadFile(stat)
		if err != nil {
			t.Fatal(err)
		}
		state = strings.Fields(string(text[strings.LastIndexByte(string(text), ')')+1:]))[0]
	}
}

// Thaw lets a frozen process go on.
func (p *Process) Thaw(t testing.TB) {
	t.Helper()
	if err := p.cmd.Process.Signal(syscall.SIGCONT); err != nil {
		t.Fatal(err)
	}
}

// end tells the process to end, and kills it when it does not.
func (p *Process) end(t testing.TB) {
	_ = p.cmd.Process.Signal(syscall.SIGCONT)
	_ = p.cmd.Process.Signal(syscall.SIGTERM)
	select {
	case <-p.ended:
	case <-time.After(patience):
		p.Kill()
		t.Errorf("qkms did not end within %v:\n%s", patience, p.Log())
	}
	if t.Failed() {
		text := p.Log()
		t.Logf("%s logged: …%s", p.URL, text[max(0, len(text)-3000):])
	}
}
