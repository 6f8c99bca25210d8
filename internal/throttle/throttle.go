// Package throttle keeps callers to their rates.
//
// Each account has, in each Region, one bucket for each class of requests (class.go), which holds one
// second's worth and fills at the class's rate: who has been quiet may spend a second's worth at once.
// Buckets are of one process and begin full when it starts.
//
// Start with Throttle.Take. This is no protection from strangers: it counts for callers who were
// authenticated.
package throttle

import (
	"cmp"
	"hash/maphash"
	"maps"
	"sync"
	"sync/atomic"
	"time"

	"qkms/internal/fault"
)

// A Throttle counts requests. Its methods may be called concurrently: a request of an account that is
// known takes no lock and allocates nothing.
type Throttle struct {
	paces  [classes]pace
	start  time.Time
	seed   maphash.Seed
	shards [64]shard
}

// New returns a Throttle of full buckets; now is the time at which they are.
func New(rates Rates, now time.Time) *Throttle {
	t := &Throttle{start: now, seed: maphash.MakeSeed()}
	for c, rate := range rates {
		t.paces[c] = paceOf(rate)
	}
	return t
}

// Take counts a request that account makes in region at now, which goes forward, as what tolls say. It
// returns fault.Throttled when there is no room for one of them; those before it are counted all the same.
func (t *Throttle) Take(now time.Time, account, region string, tolls []Toll) error {
	at := now.Sub(t.start) // monotonic where now is: setting the clock neither fills buckets nor locks anybody out
	for _, toll := range tolls {
		p := t.paces[toll.Class]
		if p.interval == 0 {
			continue
		}
		b := t.buckets(at, place{account, cmp.Or(toll.Region, region)})
		if !b[toll.Class].take(at, p, toll.N) {
			return fault.Throttled()
		}
	}
	return nil
}

// A place is whose buckets they are, and where.
type place struct{ account, region string }

// buckets of one place, by Class.
type buckets [classes]bucket

// A shard has the buckets of some accounts, in a map that is never written to: a new account makes a
// copy, which is rare, so that looking one up needs no lock.
type shard struct {
	mu     sync.Mutex // held to put another map in place
	places atomic.Pointer[map[place]*buckets]
}

func (s *shard) load() map[place]*buckets {
	if m := s.places.Load(); m != nil {
		return *m
	}
	return nil
}

func (t *Throttle) buckets(at time.Duration, p place) *buckets {
	s := &t.shards[maphash.String(t.seed, p.account)%uint64(len(t.shards))]
	if b := s.load()[p]; b != nil {
		return b
	}
	return s.add(at, p)
}

// idle is how long buckets have been full when they are dropped. New ones are full, too, so nobody gains
// by it, but for requests that found the former ones a moment before: what they take is not counted.
const idle = time.Minute

// add makes buckets for p and drops those that are idle, so that memory is for accounts that call.
func (s *shard) add(at time.Duration, p place) *buckets {
	s.mu.Lock()
	defer s.mu.Unlock()
	old := s.load()
	if b := old[p]; b != nil { // another request was faster
		return b
	}
	kept := maps.Clone(old)
	if kept == nil {
		kept = make(map[place]*buckets)
	}
	maps.DeleteFunc(kept, func(_ place, b *buckets) bool { return b.lastFull()+idle < at })
	b := new(buckets)
	kept[p] = b
	s.places.Store(&kept)
	return b
}

// lastFull is when the last of the buckets was, or will be, full.
func (b *buckets) lastFull() (last time.Duration) {
	for i := range b {
		last = max(last, time.Duration(b[i].full.Load()))
	}
	return last
}
