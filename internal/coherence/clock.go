package coherence

import (
	"sync/atomic"
	"time"
)

// A Reading is one look at the clocks of a node, each counting from a moment of its own.
type Reading struct {
	Monotonic time.Duration // stops while the machine is suspended
	Boot      time.Duration // does not; the same as Monotonic where there is no such clock
	Wall      time.Duration // may be set by anybody
}

// Since is the time from an earlier reading to r: the most that any of the clocks says. So the wall
// clock can make time pass, and cannot hold it up.
func (r Reading) Since(earlier Reading) time.Duration {
	return max(r.Monotonic-earlier.Monotonic, r.Boot-earlier.Boot, r.Wall-earlier.Wall)
}

// Surely is the time from an earlier reading to r that has passed in any case: for waiting until somebody
// else's lease is over. A wall clock that was set forward must not end that wait, and the time that this
// machine slept is not counted.
func (r Reading) Surely(earlier Reading) time.Duration { return r.Monotonic - earlier.Monotonic }

// machine returns a reader of this machine's clocks.
//
// The clock that goes on during suspend costs a system call, five times as much as the others. A
// suspend moves the wall clock against the monotonic one by as much, so while those two agree with each
// other nothing was slept through, and what they said a second ago of the third still holds.
func machine() func() Reading {
	type slept struct{ offset, total, at time.Duration }
	begin := time.Now()
	var last atomic.Pointer[slept]
	return func() Reading {
		now := time.Now()
		monotonic, wall := now.Sub(begin), time.Duration(now.UnixNano())
		s := last.Load()
		if s == nil || monotonic-s.at > time.Second || (wall-monotonic-s.offset).Abs() > time.Millisecond {
			s = &slept{wall - monotonic, sinceBoot(monotonic) - monotonic, monotonic}
			last.Store(s)
		}
		return Reading{monotonic, monotonic + s.total, wall}
	}
}
