package coherence

import (
	"time"

	"golang.org/x/sys/unix"
)

// sinceBoot reads the clock that goes on while the machine is suspended. The call cannot fail on a
// kernel that Go runs on, but a sandbox may refuse it.
func sinceBoot(otherwise time.Duration) time.Duration {
	var t unix.Timespec
	if unix.ClockGettime(unix.CLOCK_BOOTTIME, &t) != nil {
		return otherwise
	}
	return time.Duration(t.Nano())
}
