package harness

import (
	"encoding/json"
	"os/exec"
	"testing"
)

// Run runs a verb of qkms to its end and returns what it wrote to stdout. The verb must succeed.
func Run(t testing.TB, args ...string) string {
	t.Helper()
	cmd := exec.Command(binary, args...)
	out, err := cmd.Output()
	if err != nil {
		if exit, ok := err.(*exec.ExitError); ok {
			t.Fatalf("qkms %v: %v\n%s%s", args, err, out, exit.Stderr)
		}
		t.Fatalf("qkms %v: %v", args, err)
	}
	return string(out)
}

// Run runs an administrative verb on the server's data, whether the server runs or not.
func (s *Server) Run(args ...string) string {
	s.t.Helper()
	return Run(s.t, append(args, "--data", s.Dir)...)
}

// As returns a login of another account's root user, whose access key is made while the server runs.
func (s *Server) As(account string) Login {
	s.t.Helper()
	var made struct{ ID, Secret string }
	if err := json.Unmarshal([]byte(s.Run("access-key", "create", "--json", "--account", account)), &made); err != nil {
		s.t.Fatalf("access-key create: %v", err)
	}
	l := s.Login
	l.AccessKeyID, l.Secret = made.ID, made.Secret
	return l
}
