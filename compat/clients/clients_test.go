// Package clients_test runs other people's clients against the real binary, where they are installed.
package clients_test

import (
	"os"
	"os/exec"
	"strings"
	"testing"

	"qkms/compat/harness"
)

func TestMain(m *testing.M) { harness.Main(m) }

func TestAWSCLI(t *testing.T) {
	if err := exec.Command("aws", "--version").Run(); err != nil {
		t.Logf("aws CLI is not on this machine: that part was not run (%v)", err)
		return
	}
	script(t, harness.Start(t), "./aws.sh")
}

func TestBoto3(t *testing.T) {
	if err := exec.Command("python3", "-c", "import boto3").Run(); err != nil {
		t.Logf("boto3 is not on this machine: that part was not run (%v)", err)
		return
	}
	script(t, harness.Start(t), "python3", "./with_boto3.py")
}

// script runs a script in the environment that `qkms dev` writes for a shell, to its last line.
func script(t *testing.T, s *harness.Server, argv ...string) {
	t.Helper()
	cmd := exec.Command(argv[0], argv[1:]...)
	cmd.Env = os.Environ()
	for name, value := range s.Env() {
		cmd.Env = append(cmd.Env, name+"="+value)
	}
	var said, failed strings.Builder
	cmd.Stdout, cmd.Stderr = &said, &failed
	if err := cmd.Run(); err != nil {
		t.Fatalf("%s: %v\n%s%s", argv[len(argv)-1], err, said.String(), failed.String())
	}
	if !strings.HasSuffix(said.String(), "\nall held\n") {
		t.Errorf("%s: got no \"all held\" at its end\n%s", argv[len(argv)-1], said.String())
	}
}
