package load

import (
	"runtime"
	"time"

	"golang.org/x/sys/unix"
)

// pace sends the times at which requests are due, when they are, and closes due after the last.
//
// Go's timers wake a program up to a millisecond late, which is many answers' time; so one thread sleeps by itself, and asks the
// kernel not to round.
func pace(due chan<- time.Time, began time.Time, every time.Duration, total int) {
	runtime.LockOSThread() // and never unlocked: the thread ends with the goroutine, and its setting with it
	_ = unix.Prctl(unix.PR_SET_TIMERSLACK, 1, 0, 0, 0)
	for i := range total {
		at := began.Add(time.Duration(i) * every)
		for wait := time.Until(at); wait > 0; wait = time.Until(at) {
			ts := unix.NsecToTimespec(int64(wait))
			_ = unix.Nanosleep(&ts, nil) // a signal cuts it short
		}
		due <- at
	}
	close(due)
}
