package audit

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"
)

// Retention removes what is old enough from a log, for as long as it runs.
//
// A segment goes when its last record is older than Age, a checkpoint covers it, and every sink has it. The
// log says so itself: in a record, RetireAuditSegments, and in the signed checkpoints from then on. So
// a segment that somebody else removed is not taken for one that was retired.
type Retention struct {
	Log       *Log
	Age       time.Duration           // 0: nothing goes
	Delivered func() (Position, bool) // how far every sink is, and whether there is one
	Every     time.Duration           // how often it looks; 0: 1 minute
}

// Run removes until ctx is done. Failures are told to the operator, and tried again.
func (r Retention) Run(ctx context.Context) {
	if r.Age == 0 {
		return
	}
	tick := time.NewTicker(cmp.Or(r.Every, time.Minute))
	defer tick.Stop()
	for {
		if _, err := r.Log.Retire(r.Log.cfg.Now().Add(-r.Age), r.Delivered); err != nil {
			r.Log.cfg.Logger.ErrorContext(ctx, "old audit segments could not be removed", "error", err)
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// Retire removes the oldest segments whose records were all made before a time, and that are covered and
// delivered, and returns how many records they had. The newest segment stays, as the numbers go on from
// it. Without a Signer nothing goes: nobody could tell afterwards who removed it.
//
// First the act is recorded, then signed, then done: a crash in between leaves segments that the next
// call removes.
func (l *Log) Retire(before time.Time, delivered func() (Position, bool)) (records uint64, err error) {
	if l.keeper == nil {
		return 0, errors.New("retire audit segments: a log that is not signed keeps everything")
	}
	segs, err := segments(l.dir)
	if err != nil {
		return 0, fmt.Errorf("retire audit segments: %w", err)
	}
	n, err := l.retirable(segs, before, delivered)
	if err == nil && n > 0 {
		err = l.announce(segs[:n], segs[n].first, before)
	}
	if err == nil && n > 0 {
		err = l.removeSegments(segs[:n])
	}
	if err != nil || n == 0 {
		return 0, err
	}
	return segs[n].first - segs[0].first, nil
}

// retirable counts the segments that may go.
func (l *Log) retirable(segs []segmentFile, before time.Time, delivered func() (Position, bool)) (n int, err error) {
	signed := l.keeper.signed().Size
	var at Position
	waits := false
	if delivered != nil {
		at, waits = delivered()
	}
	for ; n+1 < len(segs); n++ {
		s, next := segs[n], segs[n+1].first
		got := !waits || at.Segment >= next || at.Segment == s.first && at.Offset >= s.size
		if next > signed || !got {
			return n, nil
		}
		made, err := l.lastTime(s)
		if err != nil && n == 0 {
			return 0, fmt.Errorf("retire audit segments: %w", err)
		}
		if err != nil || !made.Before(before) {
			return n, nil
		}
	}
	return n, nil
}

// lastTime is when the last record of a segment was made. A segment that does not tell stays, as evidence.
func (l *Log) lastTime(s segmentFile) (time.Time, error) {
	if s.size == 0 { // of an attempt to begin it that failed
		return time.Time{}, nil
	}
	line, err := LineBefore(l.dir, Position{Segment: s.first, Offset: s.size})
	at := TimeOf(line)
	if err == nil && at.IsZero() {
		err = fmt.Errorf("the last line of %s is no record; `qkms audit verify` tells more, and nothing newer goes before it was moved away", filepath.Base(s.path))
	}
	return at, err
}

// announce records and signs that the records before through are retired.
func (l *Log) announce(segs []segmentFile, through uint64, before time.Time) error {
	last := l.keeper.retire(through) // from the next checkpoint on, which is that of the record at the latest
	r := &Record{
		Time: l.cfg.Now(), EventName: "RetireAuditSegments", EventSource: SourceAdmin, EventType: TypeServiceEvent,
		Identity: Identity{InvokedBy: "qkms"},
		ServiceDetails: Detail{
			Int("firstRecord", int64(segs[0].first)), Int("lastRecord", int64(through-1)), Int("segments", len(segs)),
			String("madeBefore", before.UTC().Format(time.RFC3339)),
			Int("treeSize", int64(last.Size)), String("treeHash", last.Root.String()),
		},
	}
	// A full spool must not keep out the one record that makes room.
	e := newEntry(l.cfg.SpoolBytes + least)
	e.render(r)
	f, err := l.append(e)
	if err == nil {
		err = f.Wait()
	}
	if err != nil {
		return fmt.Errorf("retire audit segments: %w", err)
	}
	if err := l.Sign(); err != nil {
		return fmt.Errorf("retire audit segments: %w", err)
	}
	if got := l.keeper.signed().Retired; got < through {
		return fmt.Errorf("retire audit segments: the newest checkpoint retires %d records, not %d", got, through)
	}
	return nil
}

// removeSegments removes segments, oldest first. The hashes of the last one stay until the next time: a
// checkpoint that failed may have left its end and what follows in one block.
func (l *Log) removeSegments(segs []segmentFile) error {
	kept := segs[len(segs)-1].first
	firsts, err := leafFiles(l.dir)
	for _, first := range firsts {
		if err == nil && first < kept {
			err = removed(leavesOf(l.dir, first))
		}
	}
	for _, s := range segs {
		if err == nil {
			err = removed(s.path)
		}
	}
	if err == nil {
		err = l.sync(l.lock)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if err == nil {
		err = l.recount()
	}
	if err != nil {
		return fmt.Errorf("retire audit segments: %w", err)
	}
	l.cfg.Logger.Info("audit segments were retired", "first_seq", segs[0].first, "segments", len(segs), "newest", filepath.Base(segs[len(segs)-1].path))
	return nil
}

func removed(path string) error {
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// signed is the newest checkpoint.
func (k *keeper) signed() Checkpoint {
	k.growing.Lock()
	defer k.growing.Unlock()
	return k.last
}

// retire has the checkpoints from now on say that the records before through are retired. It returns the
// newest one. It is never taken back: one that says so may be signed already.
func (k *keeper) retire(through uint64) Checkpoint {
	k.growing.Lock()
	defer k.growing.Unlock()
	k.retired = max(k.retired, through)
	return k.last
}

// TimeOf is when the record in a line was made; the zero time when it does not say.
func TimeOf(line []byte) time.Time {
	const member = `"eventTime":"`
	_, after, _ := bytes.Cut(line, []byte(member))
	text, _, _ := bytes.Cut(after, []byte{'"'})
	at, err := time.Parse(timeLayout, string(text))
	if err != nil {
		return time.Time{}
	}
	return at
}
