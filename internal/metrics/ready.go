package metrics

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"
)

const (
	believed = time.Second // how long an answer stands
	patience = time.Second // how long a check may take
)

// ErrDraining is returned when the process was told to end.
var ErrDraining = errors.New("draining")

// errStuck is the answer while there is none: the first check runs, or one does not end.
var errStuck = errors.New("the check of readiness has not ended")

// A Readiness knows whether the node would answer a request. Probes are free to anybody, so one check
// serves all that ask within a second, and nobody waits for a check that another began.
type Readiness struct {
	// Check returns nil when the node would answer, or what is wrong in one line that a stranger may
	// read. It ends when its context does.
	Check func(context.Context) error

	draining atomic.Bool

	checking sync.Mutex // held by the one who checks
	last     atomic.Pointer[verdict]
}

type verdict struct {
	at  time.Time
	err error
}

// Drain makes Err return ErrDraining from now on.
func (r *Readiness) Drain() { r.draining.Store(true) }

// Err is nil when the node would answer a request.
func (r *Readiness) Err() error {
	if r.draining.Load() {
		return ErrDraining
	}
	v := r.last.Load()
	if v != nil && time.Since(v.at) < believed {
		return v.err
	}
	if !r.checking.TryLock() {
		if v == nil || time.Since(v.at) > believed+2*patience {
			return errStuck
		}
		return v.err
	}
	defer r.checking.Unlock()
	if now := r.last.Load(); now != v {
		return now.err // found out between the two looks
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	err := r.Check(ctx)
	r.last.Store(&verdict{time.Now(), err})
	return err
}
