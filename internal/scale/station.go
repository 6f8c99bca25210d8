package scale

import (
	"time"

	"qkms/internal/store"
)

// A station is the store: it begins calls in the order in which they come, as many at once as it has processors.
// Commits of one shard besides wait for each other, and hold the shard until they are durable.
type station struct {
	*clock
	free   []time.Duration // from when on each processor has nothing to do
	busy   time.Duration   // spent on calls
	calls  [Kinds]int
	rows   [Kinds]int
	queued Spread // how long calls wait before they are looked at
	shards [store.Shards]shard
}

type shard struct {
	held    bool
	waiting []func()
}

func newStation(seed uint64, processors int) *station {
	if processors == 0 {
		processors = Processors
	}
	return &station{clock: newClock(seed), free: make([]time.Duration, processors)}
}

// next is the processor that is free first, and how long that takes.
func (s *station) next() (processor int, wait time.Duration) {
	for i, free := range s.free {
		if free < s.free[processor] {
			processor = i
		}
	}
	return processor, max(s.free[processor]-s.now, 0)
}

// worked is how much has been done by now.
func (s *station) worked() time.Duration {
	done := s.busy
	for _, free := range s.free {
		done -= max(free-s.now, 0)
	}
	return done
}

// utilisation is the part of so much time in which the processors were at work.
func (s *station) utilisation(worked, of time.Duration) float64 {
	return worked.Seconds() / of.Seconds() / float64(len(s.free))
}

// call has the store do something. done is called when that is so, and answered when who asked knows.
func (s *station) call(k Kind, rows int, done, answered func()) time.Duration {
	s.calls[k]++
	s.rows[k] += rows
	cost := Costs[k].of(rows)
	processor, wait := s.next()
	s.queued.add(wait)
	s.free[processor] = s.now + wait + cost
	s.busy += cost
	took := wait + cost
	s.after(took, func() {
		done()
		s.after(delay(k), answered)
	})
	return took
}

// delay is what a call takes besides the store's own time: round trips and the standby.
func delay(k Kind) time.Duration {
	switch k {
	case Renew, Commit:
		return 2*Trip + Sync
	case Claim:
		return Trip + Sync
	}
	return Trip
}

// commit is call of a commit in a shard.
func (s *station) commit(in int, done, answered func()) {
	at := &s.shards[in]
	begin := func() {
		took := s.call(Commit, 1, done, answered)
		s.after(max(took, HotCommit)+Trip+Sync, func() { s.release(at) })
	}
	if at.held {
		at.waiting = append(at.waiting, begin)
		return
	}
	at.held = true
	begin()
}

func (s *station) release(at *shard) {
	if len(at.waiting) == 0 {
		at.held = false
		return
	}
	next := at.waiting[0]
	at.waiting = at.waiting[1:]
	next()
}
