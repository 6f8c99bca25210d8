// Package program runs the real qkms binary for tests that look at it through a browser.
//
// Nothing here imports the product: requests are signed from the specification alone.
package program

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// Build builds qkms into dir and returns the path of the program. $QKMS_BINARY names one to test instead.
func Build(dir string) (string, error) {
	if given := os.Getenv("QKMS_BINARY"); given != "" {
		return given, nil
	}
	root, err := filepath.Abs("..") // tests run in their package's directory, which is the module's
	if err != nil {
		return "", err
	}
	mod, err := os.ReadFile(filepath.Join(root, "go.mod"))
	if err != nil || !bytes.HasPrefix(mod, []byte("module qkms\n")) {
		return "", fmt.Errorf("%s is not the root of qkms: %w", root, err)
	}
	to := filepath.Join(dir, "qkms")
	cmd := exec.Command("go", "build", "-o", to, "./cmd/qkms")
	cmd.Dir = root
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("build qkms: %w\n%s", err, out)
	}
	return to, nil
}

// A Server is `qkms dev` over a directory of its own.
type Server struct {
	URL  string
	Root Login // of the account that the server made

	cmd   *exec.Cmd
	ended chan error
	log   string
}

// Start starts a server over dir with the fixtures of a seed file, and further flags. It returns once the server answers.
func Start(binary, dir, seed string, flags ...string) (*Server, error) {
	env := filepath.Join(dir, "env")
	s := &Server{ended: make(chan error, 1), log: filepath.Join(dir, "log")}
	log, err := os.Create(s.log)
	if err != nil {
		return nil, err
	}
	defer log.Close()
	s.cmd = exec.Command(binary, append([]string{"dev", "--listen", "127.0.0.1:0", "--data", filepath.Join(dir, "data"), "--env-file", env, "--seed", seed}, flags...)...)
	s.cmd.Stdout, s.cmd.Stderr = log, log
	s.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL} // whatever ends the tests ends it
	if err := s.cmd.Start(); err != nil {
		return nil, err
	}
	go func() { s.ended <- s.cmd.Wait() }()
	for {
		if text, err := os.ReadFile(env); err == nil && bytes.Count(text, []byte("\n")) >= 4 {
			return s, s.read(string(text))
		}
		select {
		case err := <-s.ended:
			return nil, fmt.Errorf("qkms dev ended: %w\n%s", err, s.Log())
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// read takes the address and the access key from the file that the server wrote.
func (s *Server) read(env string) error {
	values := map[string]string{}
	for line := range strings.Lines(env) {
		name, value, _ := strings.Cut(strings.TrimPrefix(strings.TrimSpace(line), "export "), "=")
		values[name] = strings.Trim(value, `'"`)
	}
	s.URL = values["AWS_ENDPOINT_URL"]
	s.Root = Login{URL: s.URL, ID: values["AWS_ACCESS_KEY_ID"], Secret: values["AWS_SECRET_ACCESS_KEY"]}
	if s.URL == "" || s.Root.ID == "" || s.Root.Secret == "" {
		return fmt.Errorf("the environment file lacks something: %q", env)
	}
	return nil
}

// Log is what the server wrote.
func (s *Server) Log() string {
	text, _ := os.ReadFile(s.log)
	return string(text)
}

// Stop ends the server as Ctrl-C does. Its error says how it ended, if not well.
func (s *Server) Stop() error {
	if err := s.cmd.Process.Signal(os.Interrupt); err != nil {
		return err
	}
	if err := <-s.ended; err != nil {
		return fmt.Errorf("qkms dev: %w\n%s", err, s.Log())
	}
	return nil
}
