package seal_test

import (
	"os"
	"os/exec"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"qkms/internal/seal"
)

const hardenChild = "QKMS_TEST_HARDEN"

// Harden cannot be taken back, so it is done to a process of its own.
func TestHarden(t *testing.T) {
	if os.Getenv(hardenChild) != "" {
		hardened(t)
		return
	}
	cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestHarden$", "-test.v")
	cmd.Env = append(os.Environ(), hardenChild+"=1")
	out, err := cmd.CombinedOutput()
	if err != nil || !strings.Contains(string(out), "hardened twice") {
		t.Errorf("%v\n%s", err, out)
	}
}

func hardened(t *testing.T) {
	for range 2 {
		if err := seal.Harden(); err != nil {
			t.Fatal(err)
		}
	}
	if got, err := unix.PrctlRetInt(unix.PR_GET_DUMPABLE, 0, 0, 0, 0); err != nil || got != 0 {
		t.Errorf("dumpable: got %d, %v, want 0", got, err)
	}
	var core unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_CORE, &core); err != nil || core != (unix.Rlimit{}) {
		t.Errorf("core limit: got %v, %v, want 0", core, err)
	}
	t.Log("hardened twice")
}
