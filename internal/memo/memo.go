// Package memo remembers what was read from a store until it is told that it has changed.
//
// Get looks, Load reads what Get did not find, Drop forgets. However many miss a key at once, one of them
// reads it.
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
	"sync"
	"sync/atomic"
)

// A Cache holds values by key. Its methods may be called concurrently. It is striped, so that no lock is
// shared by all requests.
type Cache[V any] struct {
	seed    maphash.Seed
	stripes [64]stripe[V]
}

type stripe[V any] struct {
	most    int // entries
	mu      sync.RWMutex
	entries map[string]V          // guarded by mu
	flights map[string]*flight[V] // loads whose value may enter; guarded by mu
	hits    atomic.Uint64         // beside the lock, whose cache line a look-up writes anyway
	misses  atomic.Uint64
}

// A flight is a load under way. All but done is written before done is closed.
type flight[V any] struct {
	done    chan struct{}
	value   V
	err     error
	aborted bool // the caller whose load it was gave up: its error is nobody else's
}

// New returns a cache of about so many entries. When there are more, any of them goes.
func New[V any](entries int) *Cache[V] {
	c := &Cache[V]{seed: maphash.MakeSeed()}
	for i := range c.stripes {
		s := &c.stripes[i]
		s.most, s.entries, s.flights = max(entries/len(c.stripes), 1), map[string]V{}, map[string]*flight[V]{}
	}
	return c
}

func (c *Cache[V]) stripe(key string) *stripe[V] {
	return &c.stripes[maphash.String(c.seed, key)%uint64(len(c.stripes))]
}

// Get returns what is remembered of key.
func (c *Cache[V]) Get(key string) (v V, ok bool) {
	s := c.stripe(key)
	s.mu.RLock()
	v, ok = s.entries[key]
	s.mu.RUnlock()
	s.count(ok)
	return v, ok
}

// Find is Get of the key with these bytes, which it makes no string of.
func (c *Cache[V]) Find(key []byte) (v V, ok bool) {
	s := &c.stripes[maphash.Bytes(c.seed, key)%uint64(len(c.stripes))]
	s.mu.RLock()
	v, ok = s.entries[string(key)]
	s.mu.RUnlock()
	s.count(ok)
	return v, ok
}

func (s *stripe[V]) count(hit bool) {
	if hit {
		s.hits.Add(1)
	} else {
		s.misses.Add(1)
	}
}

// Load returns what read returns for key, and remembers it when read says keep and no error. Who comes while
// another's read of the same key is under way is given what that returns, errors too; but not
// that the other gave up, then somebody else reads. It returns ctx's error when ctx ends first. read may Load other keys.
func (c *Cache[V]) Load(ctx context.Context, key string, read func(context.Context) (v V, keep bool, err error)) (v V, err error) {
	s := c.stripe(key)
	for {
		v, f, mine := s.join(key)
		switch {
		case f == nil:
			return v, nil
		case mine:
			s.fly(ctx, key, f, read)
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

// join returns what has come meanwhile, or the flight to wait for, or a new one, which is the caller's to fly.
func (s *stripe[V]) join(key string) (v V, f *flight[V], mine bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if v, ok := s.entries[key]; ok {
		return v, nil, false
	}
	if f = s.flights[key]; f != nil {
		return v, f, false
	}
	f = &flight[V]{done: make(chan struct{}), err: errUnfinished}
	s.flights[key] = f
	return v, f, true
}

// errUnfinished is what those who wait get when a read panics.
var errUnfinished = errors.New("memo: the read that was waited for did not finish")

// fly reads, and lets go whoever waits for it.
func (s *stripe[V]) fly(ctx context.Context, key string, f *flight[V], read func(context.Context) (V, bool, error)) {
	keep := false // stays if read panics
	defer func() { s.land(key, f, keep) }()
	v, wanted, err := read(ctx)
	if f.err = err; err == nil {
		f.value, keep = v, wanted
	}
	f.aborted = err != nil && ctx.Err() != nil
}

// land ends a flight. Its value enters unless a drop has taken the flight away.
func (s *stripe[V]) land(key string, f *flight[V], keep bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	defer close(f.done)
	if s.flights[key] == f {
		delete(s.flights, key)
		if keep {
			s.keepLocked(key, f.value)
		}
	}
}

func (s *stripe[V]) keepLocked(key string, v V) {
	if len(s.entries) >= s.most {
		for victim := range s.entries { // Go's map order is random enough
			delete(s.entries, victim)
			break
		}
	}
	s.entries[key] = v
}

// Drop forgets key. When it returns nobody is given what was read of it before.
func (c *Cache[V]) Drop(key string) {
	s := c.stripe(key)
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.entries, key)
	delete(s.flights, key)
}

// DropAll forgets everything.
func (c *Cache[V]) DropAll() {
	for i := range c.stripes {
		s := &c.stripes[i]
		s.mu.Lock()
		clear(s.entries)
		clear(s.flights)
		s.mu.Unlock()
	}
}

// Stats says how often a key was found, how often not, and how many are remembered now.
func (c *Cache[V]) Stats() (hits, misses uint64, entries int) {
	for i := range c.stripes {
		s := &c.stripes[i]
		hits, misses = hits+s.hits.Load(), misses+s.misses.Load()
		s.mu.RLock()
		entries += len(s.entries)
		s.mu.RUnlock()
	}
	return hits, misses, entries
}
