package scale

import (
	"math"
	"testing"
	"time"
)

// One server, random arrivals, calls of one length: the mean wait is known (Pollaczek, Khinchine).
func TestQueueIsMD1(t *testing.T) {
	for _, rho := range []float64{0.3, 0.7, 0.9} {
		s := newStation(1, 1)
		cost := Costs[Get].Call.Seconds()
		waited, n := 0.0, 0
		s.every(rho/cost, func() {
			_, wait := s.next()
			waited, n = waited+wait.Seconds(), n+1
			s.call(Get, 1, nothing, nothing)
		})
		s.play(300 * time.Second)
		got, want := waited/float64(n), rho*cost/(2*(1-rho))
		if math.Abs(got/want-1) > 0.07 {
			t.Errorf("mean wait at %v: got %v, want %v", rho, got, want)
		}
		if got := s.utilisation(s.worked(), 300*time.Second); math.Abs(got/rho-1) > 0.02 {
			t.Errorf("utilisation: got %v, want %v", got, rho)
		}
	}
}

// Commits of one shard come one after the other; those of others do not wait for them.
func TestShardsAreSerial(t *testing.T) {
	for _, row := range []struct {
		name   string
		shards int
		want   float64 // per second
	}{
		{"one shard", 1, 1 / (max(Costs[Commit].Call, HotCommit) + Trip + Sync).Seconds()},
		{"many", 64, 2 / Costs[Commit].Call.Seconds()},
	} {
		s := newStation(1, 2)
		done := 0
		for i := range 100_000 {
			s.commit(i%row.shards, func() { done++ }, nothing)
		}
		s.play(10 * time.Second)
		if got := float64(done) / 10; math.Abs(got/row.want-1) > 0.02 {
			t.Errorf("%s: got %v commits per second, want %v", row.name, got, row.want)
		}
	}
}

// What happens is in order of time, and at one moment in the order in which it was asked for.
func TestClockKeepsOrder(t *testing.T) {
	c := newClock(1)
	var last event
	for range 10_000 {
		at, seq := c.between(0, 50), c.asked+1
		c.after(at, func() {
			if e := (event{at, seq, nil}); e.before(last) {
				t.Fatalf("%v came after %v", e, last)
			} else {
				last = e
			}
		})
	}
	c.play(50)
	if len(c.events) > 0 || c.asked != 10_000 {
		t.Errorf("got %d of %d events left, want none", len(c.events), c.asked)
	}
}

// The formula for what memory has, against a memory.
func TestMemoryIsLikeOne(t *testing.T) {
	for _, cached := range []int{100, 1000, 5000, 20_000} {
		l := Load{Keys: 10_000, Rate: 100, Cached: cached}
		want, misses, used := l.memory()
		got, distinct := remember(l, 400_000)
		if math.Abs(got-want) > 0.02 {
			t.Errorf("%d keys in memory: a hit rate of %.3f, want %.3f", cached, want, got)
		}
		if math.Abs(misses-l.Rate*(1-want)) > 1e-6 {
			t.Errorf("%d keys in memory: got %v misses a second at a hit rate of %.3f", cached, misses, want)
		}
		if math.Abs(float64(used)/float64(distinct)-1) > 0.03 {
			t.Errorf("keys used in a minute: got %d, want %d", used, distinct)
		}
	}
}

// remember asks a memory with random replacement for keys by Zipf's law: how much of what was asked for in the
// second half was there, and how many keys were asked for in one minute.
func remember(l Load, requests int) (hit float64, distinct int) {
	c := newClock(2)
	sum, whole := make([]float64, l.Keys), 0.0
	for i := range sum {
		whole += 1 / float64(i+1)
		sum[i] = whole
	}
	at := map[int]int{}
	var there []int
	hits, minute := 0, map[int]bool{}
	for i := range requests {
		key := search(sum, c.rng.Float64()*whole)
		if i < int(l.Rate*lastUseEvery.Seconds()) {
			minute[key] = true
		}
		if _, is := at[key]; is {
			if i >= requests/2 {
				hits++
			}
			continue
		}
		if len(there) == l.Cached {
			victim := c.rng.IntN(len(there))
			delete(at, there[victim])
			there[victim], at[key] = key, victim
			continue
		}
		at[key] = len(there)
		there = append(there, key)
	}
	return float64(hits) / float64(requests-requests/2), len(minute)
}
