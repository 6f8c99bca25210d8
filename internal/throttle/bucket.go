package throttle

import (
	"sync/atomic"
	"time"
)

// A bucket is the generic cell rate algorithm in its virtual scheduling form (ITU-T I.371 Annex A): one
// number says how full it is, so that one compare-and-swap is all that concurrent requests need.
type bucket struct {
	full atomic.Int64 // when it is full again if nothing comes, in nanoseconds since the start
}

// A pace is a rate as buckets need it.
type pace struct {
	interval time.Duration // in which room for one request comes; 0: no limit
	burst    time.Duration // in which an empty bucket fills: a second, less what does not divide
}

// paceOf turns requests a second into a pace. More than one a nanosecond is one a nanosecond.
func paceOf(rate int) pace {
	if rate <= 0 {
		return pace{}
	}
	rate = min(rate, int(time.Second))
	interval := time.Second / time.Duration(rate)
	return pace{interval, time.Duration(rate) * interval}
}

// take takes room for n requests, or nothing. A request that counts for more than there is ever room
// for needs a full bucket.
func (b *bucket) take(at time.Duration, p pace, n int) bool {
	cost := min(time.Duration(n)*p.interval, p.burst)
	for {
		full := b.full.Load()
		next := max(full, int64(at)) + int64(cost)
		if next-int64(at) > int64(p.burst) {
			return false
		}
		if b.full.CompareAndSwap(full, next) {
			return true
		}
	}
}
