package audit

import (
	"fmt"
	"time"
)

// A State says what a log is, for people.
type State struct {
	Name     string     // that it signs under
	Next     uint64     // the number of the next record: so many there were
	First    uint64     // the number of the oldest that is here
	Oldest   time.Time  // when that was made; zero: there is none
	Newest   time.Time  // likewise the newest
	Signed   Checkpoint // the newest; Size 0: there is none
	Unsigned uint64     // records that it does not cover
	Lag      time.Duration
	Bytes    int64 // of segments and hashes
	Limit    int64 // that they may have
}

// State looks at the log. Checkpoints that are being signed are waited for.
func (l *Log) State() (State, error) {
	stats := l.Stats()
	s := State{Name: l.Name(), Lag: stats.Unsigned}
	l.mu.Lock()
	s.Next = l.next
	l.mu.Unlock()
	if k := l.keeper; k != nil {
		k.growing.Lock()
		s.Signed = k.last
		k.growing.Unlock()
	}
	s.Unsigned = s.Next - min(s.Next, s.Signed.Size)
	segs, err := segments(l.dir)
	if err != nil {
		return s, fmt.Errorf("look at audit log: %w", err)
	}
	s.Limit = l.cfg.SpoolBytes
	if s.Bytes, err = measure(l.dir); err != nil {
		return s, fmt.Errorf("look at audit log: %w", err)
	}
	if len(segs) == 0 {
		return s, nil
	}
	s.First = segs[0].first
	s.Oldest, _ = time.Parse(timeLayout, firstTime(segs[0].path)) // zero of what cannot be read
	err = back(l.dir, End, nil, func(line []byte, _ Position) bool {
		s.Newest, _ = time.Parse(timeLayout, timeIn(line))
		return s.Newest.IsZero()
	})
	return s, err
}
