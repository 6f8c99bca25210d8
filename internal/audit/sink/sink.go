package sink

import (
	"context"
	"errors"
	"math/rand/v2"
	"sync"
	"time"

	"qkms/internal/audit"
)

// batchBytes is about how much a delivery has at most, so that a receiver takes it in one piece.
const batchBytes = 1 << 20

// A sink is one target being delivered to.
type sink struct {
	*Config
	target *Target

	// Of the goroutine that runs it.
	batch audit.Batch // read, and not delivered yet
	limit int         // less than batchBytes for a receiver that takes less

	mu     sync.Mutex     // guards what follows
	at     audit.Position // up to here it was delivered
	kept   audit.Position // what the cursor file says
	status Status         // without what report adds
}

// run is the sink's goroutine.
func (s *sink) run(ctx context.Context) {
	defer s.target.to.close()
	for failures := 0; ctx.Err() == nil; {
		sent, err := s.step(ctx)
		wait := s.Every
		switch {
		case err != nil && ctx.Err() == nil:
			wait = s.wait(failures, err)
			failures++
		case sent:
			failures, wait = 0, 0
		}
		select {
		case <-ctx.Done():
		case <-time.After(wait):
		}
	}
	_ = s.Log.Flush() // tells the operator; what it did not make durable is not delivered
	last, cancel := context.WithTimeout(context.WithoutCancel(ctx), s.Grace)
	defer cancel()
	for sent := true; sent; {
		sent, _ = s.step(last) // the next start goes on
	}
}

// wait is how long to leave a receiver alone that failed before as often. Half of it is chance: those
// who failed together would otherwise come back together.
func (s *sink) wait(failures int, err error) time.Duration {
	var asked *busyError
	if errors.As(err, &asked) && asked.wait > 0 {
		return min(asked.wait, s.Ceiling)
	}
	d := s.Ceiling
	if failures < 16 {
		d = min(d, s.Retry<<failures)
	}
	return d/2 + rand.N(d/2+1)
}

// step delivers one batch if there is one. A batch that fails is tried again as it is, so that a receiver
// can tell that it is the same.
func (s *sink) step(ctx context.Context) (sent bool, err error) {
	if err := s.fill(); err != nil {
		return false, s.failed(err)
	}
	if len(s.batch.Lines) > 0 {
		one, cancel := context.WithTimeout(ctx, s.Timeout)
		defer cancel()
		err = s.target.to.send(one, s.batch.Lines)
	}
	if n := len(s.batch.Lines); errors.Is(err, errTooMuch) && n > 1 {
		s.limit, s.batch = max(1, size(s.batch.Lines)/2), audit.Batch{}
		return true, nil // with less, at once
	}
	if rejected := (*rejectedError)(nil); errors.As(err, &rejected) {
		s.Logger.Error("audit sink rejected records for good; they are in the log, and will not be sent to it again", "sink", s.target.Name, "records", rejected.records, "before_seq", s.batch.Next.Next)
		err = nil
	}
	if err != nil && ctx.Err() != nil { // told to end: nobody's fault
		return false, err
	}
	if err != nil {
		return false, s.failed(err)
	}
	return s.advance(), nil
}

func size(lines [][]byte) (n int) {
	for _, ln := range lines {
		n += len(ln) + 1
	}
	return n
}

// fill reads the next batch unless one is waiting.
func (s *sink) fill() (err error) {
	if len(s.batch.Lines) > 0 {
		return nil
	}
	at, until := s.place(), s.Log.Flushed()
	s.batch = audit.Batch{Next: at}
	if !at.Behind(until) {
		return nil
	}
	if s.batch, err = audit.ReadOn(s.Log.Dir(), at, until, s.limit); err != nil {
		return err
	}
	if n := s.batch.Missed; n > 0 {
		s.Logger.Error("records were moved away before an audit sink had them", "sink", s.target.Name, "records", n, "before_seq", s.batch.Next.Next)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.batch.Lines) > 0 {
		s.status.Oldest = audit.TimeOf(s.batch.Lines[0])
	}
	return nil
}

// advance is behind a batch that was delivered.
func (s *sink) advance() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if n := len(s.batch.Lines); n > 0 {
		if s.status.LastError != "" {
			s.Logger.Info("audit sink works again", "sink", s.target.Name)
		}
		s.status.LastError, s.status.LastSuccess, s.status.Oldest = "", s.Now(), time.Time{}
		s.keep(s.batch.Next, s.batch.Lines[n-1])
	}
	moved := s.at != s.batch.Next
	s.at, s.batch = s.batch.Next, audit.Batch{}
	return moved
}

// failed notes a failure. The operator hears of the first of a row, and when it is over.
func (s *sink) failed(err error) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.status.LastError == "" {
		s.Logger.Warn("audit sink fails; its records wait in the log and are delivered later", "sink", s.target.Name, "error", err, "next_seq", s.at.Next)
	}
	s.status.LastError = err.Error()
	s.status.Failures++
	return err
}

func (s *sink) place() audit.Position {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.at
}

func (s *sink) remembered() audit.Position {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.kept
}

func (s *sink) report() Status {
	until := s.Log.Flushed()
	s.mu.Lock()
	at, st := s.at, s.status
	s.mu.Unlock()
	st.Name = s.target.Name
	st.measure(s.Log.Dir(), at, until)
	return st
}

// measure tells how far at is behind the end of a log.
func (st *Status) measure(dir string, at, until audit.Position) {
	if !at.Behind(until) {
		st.Oldest = time.Time{}
		return
	}
	st.Behind = until.Next - min(at.Next, until.Next)
	st.Bytes, _ = audit.Between(dir, at, until) // a directory that cannot be read stops more than this
	if b, err := audit.ReadOn(dir, at, until, 1); st.Oldest.IsZero() && err == nil && len(b.Lines) > 0 {
		st.Oldest = audit.TimeOf(b.Lines[0])
	}
}
