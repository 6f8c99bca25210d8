package memo

import (
	"math/rand/v2"
	"sync"
	"sync/atomic"
)

// A Budget is how many bytes caches may hold together. What is full makes room by the clock algorithm, over all
// entries of all its caches as if they were in one circle: what nobody has used since the hand last came by goes.
// What was read and not asked for again therefore goes before what is in use, so somebody who goes through a great
// many keys, once each, drives out what is idle and not what others work with.
type Budget struct {
	limit int64
	used  atomic.Int64

	mu    sync.Mutex // guards what follows; held before the lock of a stripe, never after
	rings []ring
	turn  int // in rings: where the hand is
	left  int // of the entries there that it passes before it goes on to the next
}

// A ring is the stripe of a cache.
type ring struct {
	cache interface {
		count(stripe int) int
		sweep(stripe, passes int, enough func() bool) (passed int)
	}
	stripe int
}

// NewBudget returns a budget of so many bytes.
func NewBudget(limit int64) *Budget { return &Budget{limit: limit} }

// Limit is how many bytes there may be.
func (b *Budget) Limit() int64 { return b.limit }

// Used is how many bytes there are, those about to enter among them: for a moment it can be more than the limit, while
// what is in the caches never is.
func (b *Budget) Used() int64 { return b.used.Load() }

// join adds the stripe of a cache that is being made.
func (b *Budget) join(cache interface {
	count(int) int
	sweep(int, int, func() bool) int
}, stripe int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.rings = append(b.rings, ring{cache, stripe})
}

// share is the part of a budget that one entry may take at most: a fourth. A grantee with tens of thousands of grants
// would otherwise drive out everybody else at once.
const share = 4

// take pays for n bytes, and makes room for them where that is needed. It returns n, or 0 when there is no room.
func (b *Budget) take(n int64) int64 {
	if n > b.limit/share {
		return 0
	}
	if b.used.Add(n) > b.limit && !b.evict() {
		b.give(n)
		return 0
	}
	return n
}

// give takes back what was paid.
func (b *Budget) give(n int64) { b.used.Add(-n) }

func (b *Budget) enough() bool { return b.used.Load() <= b.limit }

// arc is what part of a ring the hand passes before it goes on to the next. Rings are as long as they are, so that a
// cache with few entries and one with many are gone round in the same time.
const arc = 16

// evict moves the hand until there is enough room; in the second round at the latest it meets what nobody used in between.
// False: everything is gone, and what is left to pay for is about to enter.
func (b *Budget) evict() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	for range 2*(arc+1)*len(b.rings) + 1 {
		if b.enough() {
			return true
		}
		r := b.rings[b.turn]
		if b.left == 0 {
			b.left = (r.cache.count(r.stripe) + arc - 1) / arc
		}
		b.left = max(b.left-r.cache.sweep(r.stripe, b.left, b.enough), 0)
		if !b.enough() || b.left == 0 {
			b.turn, b.left = (b.turn+1)%len(b.rings), 0
		}
	}
	return b.enough()
}

func (c *Cache[K, V]) count(stripe int) int {
	s := &c.stripes[stripe]
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.n
}

// sweep lets the hand of a stripe pass so many entries, or until it is enough: those that were used are left for
// another round, the others go.
func (c *Cache[K, V]) sweep(stripe, passes int, enough func() bool) (passed int) {
	s := &c.stripes[stripe]
	s.mu.Lock()
	defer s.mu.Unlock()
	for ; passed < passes && s.hand != nil && !enough(); passed++ {
		e := s.hand
		if s.hand = e.after; e.used.Load() {
			e.used.Store(false)
			continue
		}
		s.evicted++
		c.removeLocked(s, e)
	}
	return passed
}

// counts are numbers that all processors add to. Each is in many places, and one of them is picked at random: a single
// one would be what all requests share.
type counts [stripes]struct {
	hits, misses atomic.Uint64
	_            [48]byte // to a cache line of its own
}

func (c *counts) hit()  { c[rand.Uint64()%stripes].hits.Add(1) }
func (c *counts) miss() { c[rand.Uint64()%stripes].misses.Add(1) }

func (c *counts) sum() (hits, misses uint64) {
	for i := range c {
		hits, misses = hits+c[i].hits.Load(), misses+c[i].misses.Load()
	}
	return hits, misses
}
