package audit

import (
	"sync"
	"time"
)

// A Sparing lets one line a minute into the operator's log. While the audit log takes nothing every
// request fails, a stranger's too: who can send requests could fill the disk with lines about them. The zero value works;
// its method may be called concurrently.
type Sparing struct {
	mu   sync.Mutex
	last time.Time
	held int
}

// Due reports whether a line may be written now, and how many were held back since the last.
func (s *Sparing) Due(now time.Time) (held int, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if since := now.Sub(s.last); since >= 0 && since < time.Minute {
		s.held++
		return 0, false
	}
	held, s.held, s.last = s.held, 0, now
	return held, true
}
