package seal

import (
	"fmt"

	"golang.org/x/sys/unix"
)

// Harden keeps this process's memory out of core dumps and out of reach of other processes of the
// same user (ptrace, /proc/PID/mem). Call it first thing, before any key is read; it lasts for the
// life of the process. Swap is not covered: encrypt it or have none.
func Harden() error {
	if err := unix.Setrlimit(unix.RLIMIT_CORE, &unix.Rlimit{}); err != nil {
		return fmt.Errorf("forbid core dumps: %w", err)
	}
	// A core_pattern that begins with | is fed whatever RLIMIT_CORE says (core(5)); this stops it too.
	if err := unix.Prctl(unix.PR_SET_DUMPABLE, 0, 0, 0, 0); err != nil {
		return fmt.Errorf("make process non-dumpable: %w", err)
	}
	return nil
}
