// Package bulkhead keeps long computations from taking every core.
//
// Start with New, then Lane.Do. The Go scheduler takes a core from a computation after 10 ms at the earliest, and looks
// for what came in over the network when it has nothing else to run. While long computations are on all cores, each small
// request therefore waits for such slices, more than once; while one core is free, it waits for none. So no more run at a
// time than leave one free. The others wait, in turn (see line), up to a number and a time, and then are refused before
// anything is computed.
package bulkhead

import (
	"context"
	"errors"
	"runtime"
	"sync"
	"time"
)

// ErrFull is returned when too much waits already, or has waited for too long. Nothing was computed.
var ErrFull = errors.New("bulkhead: too many long computations wait")

// What waits for each slot of a lane, and for how long. A slot does 128 signatures of RSA-4096 in about a second. A key of
// RSA-4096 takes seconds, of which 16 are more than anybody waits for: the answer has to leave within a minute.
const (
	shortWaiting, shortPatience = 128, 2 * time.Second
	longWaiting, longPatience   = 16, 30 * time.Second
)

// A Bulkhead has two lanes, so that what takes milliseconds is not behind what takes seconds. They share the slots, and
// each has one however busy the other is: on two cores one of each may run at a time, and no core is free as long as
// both do. With three or more that is so for one short computation at most, after which a long one has its slot.
type Bulkhead struct {
	Short *Lane // milliseconds: the use of keys
	Long  *Lane // seconds: the making of RSA keys

	mu      sync.Mutex // guards the rest, of the lanes too
	slots   int
	running int
	spare   []*waiter // for when there is nothing else to do
}

// A Lane is a kind of computations that wait for each other.
type Lane struct {
	b        *Bulkhead
	most     int // that run at once
	room     int // for waiters
	patience time.Duration

	running int
	line    line
	count   Stats // Running and Waiting are not in it
}

// Stats is what a lane has counted.
type Stats struct {
	Running, Waiting       int    // now
	Begun, Waited, Refused uint64 // computations: all that began, those that ended waiting, those that ErrFull was returned for
	Wait                   time.Duration
}

// A Flow is whose computation it is. Flows take turns: accounts first, then the keys of each.
type Flow struct{ Account, Key string }

// New returns a Bulkhead for so many cores; below 1 means those there are (GOMAXPROCS).
func New(cores int) *Bulkhead {
	if cores < 1 {
		cores = runtime.GOMAXPROCS(0)
	}
	b := &Bulkhead{slots: max(1, cores-1)}
	long := max(1, b.slots/2)
	b.Short = &Lane{b: b, most: b.slots, room: shortWaiting * b.slots, patience: shortPatience}
	b.Long = &Lane{b: b, most: long, room: longWaiting * long, patience: longPatience}
	return b
}

// Do calls f when it is its turn, and returns when f has. It returns ErrFull, or the error of a ctx that ended before the
// turn came, without having called f; what has begun is not interrupted. It may be called concurrently, and not by an f.
func (l *Lane) Do(ctx context.Context, flow Flow, f func()) error {
	return l.run(ctx, l.ask(flow), l.patience, f)
}

// DoIdle is Do for what nobody waits for: it waits for as long as it takes until nothing else runs or waits in either lane.
func (l *Lane) DoIdle(ctx context.Context, f func()) error {
	return l.run(ctx, l.askIdle(), 0, f)
}

func (l *Lane) run(ctx context.Context, w *waiter, patience time.Duration, f func()) error {
	if err := l.await(ctx, w, patience); err != nil {
		return err
	}
	defer l.leave()
	if err := ctx.Err(); err != nil { // its turn came just then
		return err
	}
	f()
	return nil
}

// Stats may be called concurrently.
func (l *Lane) Stats() Stats {
	l.b.mu.Lock()
	defer l.b.mu.Unlock()
	s := l.count
	s.Running, s.Waiting = l.running, l.line.n
	return s
}

// ask is for a turn. When there is no room the newest waiter of who has most in the line makes some: whoever floods it
// is refused, and others are let in.
func (l *Lane) ask(flow Flow) *waiter {
	l.b.mu.Lock()
	defer l.b.mu.Unlock()
	w := &waiter{path: [2]string{flow.Account, flow.Key}, lane: l, decided: make(chan struct{})}
	if l.line.n == 0 && l.mayRunLocked() {
		l.grantLocked(w)
		return w
	}
	l.line.add(w, w.path[:])
	if l.line.n > l.room {
		l.refuseLocked(l.line.longest())
	}
	return w
}

func (l *Lane) askIdle() *waiter {
	l.b.mu.Lock()
	defer l.b.mu.Unlock()
	w := &waiter{lane: l, decided: make(chan struct{})}
	l.b.spare = append(l.b.spare, w)
	l.b.dispatchLocked()
	return w
}

// await returns nil once w may run. Patience of 0 has no end.
func (l *Lane) await(ctx context.Context, w *waiter, patience time.Duration) error {
	select {
	case <-w.decided:
		return w.err
	default:
	}
	began := time.Now()
	var late <-chan time.Time
	if patience > 0 {
		timer := time.NewTimer(patience)
		defer timer.Stop()
		late = timer.C
	}
	var err error
	select {
	case <-w.decided:
	case <-late:
		err = ErrFull
	case <-ctx.Done():
		err = ctx.Err()
	}
	return l.b.waited(w, time.Since(began), err)
}

// waited is the end of w's waiting, by its turn or by err, whichever was first.
func (b *Bulkhead) waited(w *waiter, took time.Duration, err error) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	w.lane.count.Waited++
	w.lane.count.Wait += took
	select {
	case <-w.decided:
		return w.err
	default:
	}
	if err == ErrFull {
		w.lane.refuseLocked(w)
	} else {
		w.lane.removeLocked(w)
	}
	return err
}

// leave gives a slot back.
func (l *Lane) leave() {
	l.b.mu.Lock()
	defer l.b.mu.Unlock()
	l.running--
	l.b.running--
	l.b.dispatchLocked()
}
