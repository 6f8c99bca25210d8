package load

import (
	"math/bits"
	"time"
)

// Times are counted in buckets no wider than 1/64 of what is in them: every power of two has 64.
const (
	fine    = 6 // bits
	buckets = (64-fine)<<fine + 1<<fine
)

// A Histogram counts times. The zero value is empty. Only one goroutine at a time may use it.
type Histogram struct {
	n      uint64
	counts [buckets]uint64
}

func bucket(ns uint64) int {
	shift := max(bits.Len64(ns)-fine-1, 0)
	return shift<<fine + int(ns>>shift)
}

// ceiling is the greatest time that falls into bucket i.
func ceiling(i int) uint64 {
	shift := max(i>>fine-1, 0)
	return uint64(i-shift<<fine+1)<<shift - 1
}

// Add counts one time; a negative one as none.
func (h *Histogram) Add(d time.Duration) {
	h.n++
	h.counts[bucket(uint64(max(d, 0)))]++
}

// Merge adds what other has counted.
func (h *Histogram) Merge(other *Histogram) {
	h.n += other.n
	for i, n := range other.counts {
		h.counts[i] += n
	}
}

// Count is how many times were added.
func (h *Histogram) Count() uint64 { return h.n }

// Quantile returns a time that the share q (0 to 1) of all times does not exceed, by at most 1/64 more than the least such
// time; 0 of an empty histogram.
func (h *Histogram) Quantile(q float64) time.Duration {
	rank := max(uint64(q*float64(h.n)+0.999999), 1)
	seen := uint64(0)
	for i, n := range h.counts {
		if seen += n; n > 0 && seen >= rank {
			return time.Duration(ceiling(i))
		}
	}
	return 0
}
