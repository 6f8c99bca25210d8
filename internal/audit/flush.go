package audit

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// A round is one flush, seen by those who wait for it. Who wrote before it began is covered; who
// wrote later waits for the next, so that any number of callers share at most two flushes.
type round struct {
	done chan struct{}
	err  error // to be read after done

	retired, seg *segment // either may be nil
	size         int64    // of seg when the round began
	next         uint64   // the number of the first record not covered
}

// A Flush will make a record durable, or has done so. Its methods may be called concurrently.
type Flush struct {
	log *Log
	of  *round
}

// Ended reports whether it is over, well or not.
func (f Flush) Ended() bool {
	select {
	case <-f.of.done:
		return true
	default:
		return false
	}
}

// Wait begins it, if it has not begun, and returns when it is over. On an error the record is in the log but may not
// survive a loss of power.
func (f Flush) Wait() error {
	if !f.Ended() {
		select {
		case f.log.kick <- struct{}{}:
		default: // a flush is due that has not begun
		}
	}
	<-f.of.done
	if f.of.err != nil {
		return fmt.Errorf("flush audit record: %w", f.of.err)
	}
	return nil
}

func newRound() *round { return &round{done: make(chan struct{})} }

// markDirty says that something was written; l.mu is held.
func (l *Log) markDirty() {
	if !l.dirty {
		l.dirty, l.since = true, time.Now()
		l.timer.Reset(l.cfg.FlushEvery)
	}
}

// flusher is the only goroutine that syncs records, until Close has waited for it.
func (l *Log) flusher() {
	defer close(l.stopped)
	defer l.timer.Stop()
	for {
		select {
		case <-l.kick:
		case <-l.timer.C:
		case <-l.stop:
			return
		}
		_ = l.flush() // tells those who wait, and the operator
	}
}

// flush syncs what was written before it began. The lock is not held meanwhile: appends go on.
func (l *Log) flush() error {
	r := l.beginRound()
	if r == nil {
		return nil
	}
	if r.retired != nil {
		r.err = l.syncSegment(r.retired, r.retired.size)
	}
	if r.seg != nil {
		r.err = errors.Join(r.err, l.syncSegment(r.seg, r.size))
	}
	l.endRound(r)
	if r.err != nil {
		l.cfg.Logger.ErrorContext(context.Background(), "audit log could not be flushed; its last records may not survive a loss of power",
			"error", r.err, "before_seq", r.next)
	}
	return r.err
}

func (l *Log) beginRound() *round {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.dirty {
		return nil // nobody waits either: who does has written
	}
	r := l.round
	r.retired, r.seg, r.next = l.retired, l.seg, l.next
	if r.seg != nil {
		r.size = r.seg.size
	}
	l.round, l.dirty = newRound(), false
	if l.failing.IsZero() {
		l.failing = l.since
	}
	return r
}

func (l *Log) endRound(r *round) {
	l.mu.Lock()
	if r.err == nil {
		l.failing = time.Time{}
	} else {
		l.failed++
	}
	l.covered(r)
	if r.retired != nil {
		r.retired.f.Close()
		l.retired = nil // no other can have taken its place, see makeRoom
	}
	if r.seg != nil && r.seg.failed != nil && l.seg == r.seg {
		r.seg.f.Close()
		l.seg = nil
	}
	l.mu.Unlock()
	close(r.done)
}

// covered notes how far a round that went well has come; l.mu is held.
func (l *Log) covered(r *round) {
	switch {
	case r.err != nil:
	case r.seg != nil:
		l.flushed = Position{r.seg.first, r.size, r.next}
	case r.retired != nil:
		l.flushed = Position{r.retired.first, r.retired.size, r.next}
	}
}

// syncSegment makes the first size bytes of s durable. A failure is for ever: the kernel reports a
// failed write-back once, then forgets which pages it lost, so that a second fsync would succeed
// and prove nothing. The segment is given up and the log goes on in another, whose creation shows
// whether the disk works.
func (l *Log) syncSegment(s *segment, size int64) error {
	if s.failed == nil {
		s.failed = s.check(size)
	}
	if s.failed == nil {
		s.failed = l.sync(s.f)
	}
	return s.failed
}
