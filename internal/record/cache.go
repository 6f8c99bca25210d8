package record

import (
	"hash/maphash"
	"sync"
	"sync/atomic"
)

// cache holds decoded records. It is striped, so that no lock is shared by all requests.
//
// A record read before a commit must not enter after the commit has dropped it, or a revoked
// credential would live on: a reader notes the stripe's generation before it reads the store, and
// what it read enters only if nothing was dropped from the stripe meanwhile (storage §7 rule 5).
type cache struct {
	seed    maphash.Seed
	stripes [64]stripe
	most    int // entries of one stripe
}

type stripe struct {
	mu         sync.RWMutex
	entries    map[Key]cached
	generation atomic.Uint64
	hits       atomic.Uint64 // beside the lock, whose cache line a look-up writes anyway
	misses     atomic.Uint64
}

type cached struct {
	value any
	ver   uint64
}

func newCache(entries int) *cache {
	c := &cache{seed: maphash.MakeSeed()}
	c.most = max(entries/len(c.stripes), 1)
	for i := range c.stripes {
		c.stripes[i].entries = make(map[Key]cached)
	}
	return c
}

func (c *cache) stripe(k Key) *stripe {
	return &c.stripes[maphash.String(c.seed, k.enc)%uint64(len(c.stripes))]
}

func (c *cache) get(k Key) (any, uint64, bool) { return c.stripe(k).get(k) }

// find is get of the key with these bytes, which it makes no Key of.
func (c *cache) find(enc []byte) (any, uint64, bool) {
	s := &c.stripes[maphash.Bytes(c.seed, enc)%uint64(len(c.stripes))]
	s.mu.RLock()
	defer s.mu.RUnlock()
	e, ok := s.entries[Key{string(enc)}]
	s.count(ok)
	return e.value, e.ver, ok
}

func (s *stripe) get(k Key) (any, uint64, bool) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	e, ok := s.entries[k]
	s.count(ok)
	return e.value, e.ver, ok
}

func (s *stripe) count(hit bool) {
	if hit {
		s.hits.Add(1)
	} else {
		s.misses.Add(1)
	}
}

func (c *cache) generation(k Key) uint64 { return c.stripe(k).generation.Load() }

func (c *cache) put(k Key, v any, ver, generation uint64) {
	s := c.stripe(k)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.generation.Load() != generation {
		return
	}
	if len(s.entries) >= c.most {
		for victim := range s.entries { // Go's map order is random enough
			delete(s.entries, victim)
			break
		}
	}
	s.entries[k] = cached{v, ver}
}

func (c *cache) drop(k Key) {
	s := c.stripe(k)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.generation.Add(1)
	delete(s.entries, k)
}

func (c *cache) dropAll() {
	for i := range c.stripes {
		s := &c.stripes[i]
		s.mu.Lock()
		s.generation.Add(1)
		clear(s.entries)
		s.mu.Unlock()
	}
}

// CacheStats says how often a record was found in memory, how often not, and how many are there now.
func (b *Book) CacheStats() (hits, misses uint64, entries int) {
	for i := range b.cache.stripes {
		s := &b.cache.stripes[i]
		hits, misses = hits+s.hits.Load(), misses+s.misses.Load()
		s.mu.RLock()
		entries += len(s.entries)
		s.mu.RUnlock()
	}
	return hits, misses, entries
}
