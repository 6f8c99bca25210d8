package coherence

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"
)

// Ready returns an error from the middle of a lease on: what sends requests here is to send them
// elsewhere before the node must refuse them.
func (l *Lease) Ready() error {
	if granted := l.granted.Load(); granted == nil {
		return ErrLapsed
	} else if age := l.Clock().Since(*granted); age >= (l.length+1)/2 {
		return fmt.Errorf("the store has not taken a renewal for %v; after %v this node answers no more", age.Round(time.Second), l.length.Round(time.Second))
	}
	return nil
}

// watch sees to what a lease that is over brings with it.
func (l *Lease) watch(ctx context.Context) {
	held, wiped := true, false
	for ; ctx.Err() == nil; sleep(ctx, time.Second, nil) {
		age := l.Age()
		valid := age < l.length
		switch {
		case held && !valid:
			l.counts.lapses.Add(1)
			l.Logger.Error("the lease is over: nothing is answered any more until it is renewed", "age", age, "error", l.why())
		case !held && valid:
			l.Logger.Info("the lease is renewed: requests are answered again")
		}
		held = valid
		if late := age >= l.length+afterLapse; late != wiped {
			if wiped = late; late && l.Wipe != nil {
				l.Wipe()
			}
		}
	}
}

// why is the error of the last renewal, if it failed.
func (l *Lease) why() error {
	if cause := l.cause.Load(); cause != nil {
		return *cause
	}
	return errors.New("none: this node was stopped or its clock set") // renewals did not fail, they were not made in time
}

// Age is the time since the newest renewal that succeeded was sent: how old memory may be. 0 before the first.
func (l *Lease) Age() time.Duration {
	granted := l.granted.Load()
	if granted == nil {
		return 0
	}
	return l.Clock().Since(*granted)
}

// Length is how long the lease is by this node's clock; less than the bound, to leave room for others' clocks.
func (l *Lease) Length() time.Duration { return l.length }

// Stats are the numbers of a lease, from its beginning.
type Stats struct {
	Beats, Missed   uint64        // renewals that succeeded, and that did not
	Notes           uint64        // of the change log, applied
	Gone, Alarms    uint64        // times that all was dropped: the node was too far behind; history was not as seen
	Lapses          uint64        // times that the lease was over
	Fenced, Pending uint64        // barriers by what they returned
	Waited          time.Duration // by barriers, together
	Hints           uint64        // heard, of what others changed
	Buried          uint64        // rows of dead nodes that were removed
}

// Stats returns the numbers so far.
func (l *Lease) Stats() Stats {
	c := &l.counts
	return Stats{
		Beats: c.beats.Load(), Missed: c.missed.Load(), Notes: c.notes.Load(), Gone: c.gone.Load(), Alarms: c.alarms.Load(),
		Lapses: c.lapses.Load(), Fenced: c.fenced.Load(), Pending: c.pending.Load(), Waited: time.Duration(c.waited.Load()),
		Hints: c.hints.Load(), Buried: c.buried.Load(),
	}
}

type counts struct {
	beats, missed, notes, gone, alarms, lapses, fenced, pending, hints, buried atomic.Uint64
	waited                                                                     atomic.Int64
}

func (c *counts) beat(err error) {
	if err != nil {
		c.missed.Add(1)
	} else {
		c.beats.Add(1)
	}
}

func (c *counts) barrier(waited time.Duration, r Reach) {
	c.waited.Add(int64(waited))
	if r.Fenced() {
		c.fenced.Add(1)
	} else {
		c.pending.Add(1)
	}
}
