// Package memo remembers what was read from a store until it is told that it has changed.
//
// Get looks, Load reads what Get did not find, Drop forgets. However many miss a key at once, one of them
// reads it. All caches with the same Budget together remember no more bytes than it says.
//
// What was read before a drop must not be handed out after it, or a revoked credential would live on. So
// a drop also takes away the load that is under way: what that brings goes to those who waited for it,
// who asked before the drop and have to look for themselves whether something was dropped meanwhile
// (coherence.Use); it does not enter, and whoever asks after the drop starts another load (docs/coherence.md, rule 5).
package memo

import (
	"context"
	"errors"
	"hash/maphash"

	"qkms/internal/footprint"
)

// A Cache holds values by key. Its methods may be called concurrently. It is striped, and who finds what
// there is takes no lock and writes nothing that all requests share.
type Cache[K comparable, V any] struct {
	config   Config[K, V]
	seed     maphash.Seed
	overhead int64 // bytes of an entry besides what Load is told
	counts   counts
	stripes  [stripes]stripe[K, V]
}

// A Config says what a cache is of.
type Config[K comparable, V any] struct {
	// Budget is what the entries are paid from.
	Budget *Budget

	// Hash is of a key.
	Hash func(maphash.Seed, K) uint64

	// Gone is told of a value that was in the cache or on its way into it, and that nobody finds any more. Get may
	// have returned it before. It must not call the cache. Nil: nobody asks.
	Gone func(V)

	// Alone is told of a value that has no room in the cache, before Load returns it to those who wait for it, and before
	// a Drop that does not find it returns. It must not call the cache. Nil: nobody asks.
	Alone func(K, V)
}

// stripes of a cache, and of what it counts.
const stripes = 64

// New returns a cache of values by name.
func New[V any](b *Budget) *Cache[string, V] {
	return Of(Config[string, V]{Budget: b, Hash: maphash.String})
}

// Of returns the cache of a configuration.
func Of[K comparable, V any](config Config[K, V]) *Cache[K, V] {
	c := &Cache[K, V]{config: config, seed: maphash.MakeSeed(), overhead: footprint.Object[entry[K, V]]() + bucket}
	for i := range c.stripes {
		s := &c.stripes[i]
		s.flights = map[K]*flight[V]{}
		s.table.Store(newTable[K, V](1))
		c.config.Budget.join(c, i)
	}
	return c
}

func (c *Cache[K, V]) hash(key K) uint32 { return uint32(c.config.Hash(c.seed, key)) }

func (c *Cache[K, V]) stripe(hash uint32) *stripe[K, V] { return &c.stripes[hash%stripes] }

// Get returns what is remembered of key.
func (c *Cache[K, V]) Get(key K) (v V, ok bool) {
	hash := c.hash(key)
	for e := c.stripe(hash).table.Load().first(hash); e != nil; e = e.next.Load() {
		if e.hash == hash && e.key == key {
			e.touch()
			c.counts.hit()
			return e.value, true
		}
	}
	c.counts.miss()
	return v, false
}

// Find is Get of the name with these bytes, which it makes no string of.
func Find[V any](c *Cache[string, V], name []byte) (v V, ok bool) {
	hash := uint32(maphash.Bytes(c.seed, name))
	for e := c.stripe(hash).table.Load().first(hash); e != nil; e = e.next.Load() {
		if e.hash == hash && e.key == string(name) {
			e.touch()
			c.counts.hit()
			return e.value, true
		}
	}
	c.counts.miss()
	return v, false
}

// Load returns what read returns for key, and remembers it when read says how many bytes it takes, with those of
// the key, and returns no error. 0: it is not to be kept. Who comes while
// another's read of the same key is under way is given what that returns, errors too; but not
// that the other gave up, then somebody else reads. It returns ctx's error when ctx ends first. read may Load other keys.
func (c *Cache[K, V]) Load(ctx context.Context, key K, read func(context.Context) (v V, bytes int64, err error)) (v V, err error) {
	hash := c.hash(key)
	s := c.stripe(hash)
	for {
		v, f, mine := s.join(hash, key)
		switch {
		case f == nil:
			return v, nil
		case mine:
			c.fly(ctx, s, hash, key, f, read)
			return f.value, f.err
		}
		select {
		case <-f.done:
			if !f.aborted {
				return f.value, f.err
			}
		case <-ctx.Done():
			return v, ctx.Err()
		}
	}
}

// errUnfinished is what those who wait get when a read panics.
var errUnfinished = errors.New("memo: the read that was waited for did not finish")

// fly reads, and lets go whoever waits for it.
func (c *Cache[K, V]) fly(ctx context.Context, s *stripe[K, V], hash uint32, key K, f *flight[V], read func(context.Context) (V, int64, error)) {
	var paid int64 // stays 0 if read panics
	wanted := false
	defer func() { c.land(s, hash, key, f, wanted, paid) }()
	v, bytes, err := read(ctx)
	if f.err = err; err == nil {
		f.value, wanted = v, bytes > 0
	}
	f.aborted = err != nil && ctx.Err() != nil
	if wanted {
		paid = c.config.Budget.take(bytes + c.overhead)
	}
}

// land ends a flight. Its value enters unless a drop has taken the flight away, or nothing was paid for it.
func (c *Cache[K, V]) land(s *stripe[K, V], hash uint32, key K, f *flight[V], wanted bool, paid int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	defer close(f.done)
	mine := s.flights[key] == f
	if mine {
		delete(s.flights, key)
	}
	switch {
	case !wanted:
	case mine && paid > 0:
		s.insertLocked(&entry[K, V]{key: key, value: f.value, hash: hash, bytes: paid})
		return
	case mine:
		if c.config.Alone != nil {
			c.config.Alone(key, f.value)
		}
	default:
		tell(c.config.Gone, f.value)
	}
	c.config.Budget.give(paid)
}

func tell[V any](f func(V), v V) {
	if f != nil {
		f(v)
	}
}

// Drop forgets key. When it returns nobody is given what was read of it before.
func (c *Cache[K, V]) Drop(key K) {
	hash := c.hash(key)
	s := c.stripe(hash)
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.flights, key)
	for e := s.table.Load().first(hash); e != nil; e = e.next.Load() {
		if e.hash == hash && e.key == key {
			c.removeLocked(s, e)
			return
		}
	}
}

// removeLocked takes e out of s.
func (c *Cache[K, V]) removeLocked(s *stripe[K, V], e *entry[K, V]) {
	s.takeLocked(e)
	tell(c.config.Gone, e.value)
	c.config.Budget.give(e.bytes)
}

// DropAll forgets everything.
func (c *Cache[K, V]) DropAll() {
	for i := range c.stripes {
		s := &c.stripes[i]
		s.mu.Lock()
		clear(s.flights)
		for s.hand != nil {
			c.removeLocked(s, s.hand)
		}
		s.table.Store(newTable[K, V](1))
		s.mu.Unlock()
	}
}

// Stats are what a cache has done since it was made, and what it holds now.
type Stats struct {
	Hits, Misses uint64 // of Get and Find
	Evictions    uint64 // for want of room
	Entries      int
	Bytes        int64 // what the entries take of the budget
}

// Stats looks at each stripe in turn.
func (c *Cache[K, V]) Stats() (all Stats) {
	all.Hits, all.Misses = c.counts.sum()
	for i := range c.stripes {
		s := &c.stripes[i]
		s.mu.Lock()
		all.Evictions, all.Entries, all.Bytes = all.Evictions+s.evicted, all.Entries+s.n, all.Bytes+s.bytes
		s.mu.Unlock()
	}
	return all
}
