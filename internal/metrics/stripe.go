package metrics

import (
	"sync"
	"sync/atomic"
)

// Each count is kept in a few places, and who counts does so in the one of its processor, near enough: an addition to
// memory that another processor has just added to costs as much as dozens of others.
const stripes = 8

type stripe int

var (
	all   = [stripes]stripe{0, 1, 2, 3, 4, 5, 6, 7}
	given atomic.Uint32
	hints = sync.Pool{New: func() any { return &all[given.Add(1)%stripes] }} // which gives a processor what it put there
)

// here returns a stripe that few others use at the moment.
func here() stripe {
	h := hints.Get().(*stripe)
	s := *h
	hints.Put(h)
	return s
}

// striped are counters.
type striped [stripes][]atomic.Uint64

const line = 16 // counters in the memory that processors take from each other at once: 128 bytes

func newStriped(n int) (c striped) {
	for s := range c {
		c[s] = make([]atomic.Uint64, (n+line-1)/line*line)
	}
	return c
}

func (c *striped) add(at stripe, i int, n uint64) { c[at][i].Add(n) }

func (c *striped) load(i int) (n uint64) {
	for s := range c {
		n += c[s][i].Load()
	}
	return n
}
