package soft

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"

	"qkms/internal/custody"
)

// cache holds up to size unsealed materials. A miss is loaded once, however many ask; a failure is
// not remembered. When full it evicts by the clock algorithm: a hit only sets a bit, so that hits
// share a read lock.
type cache struct {
	size int
	load func(context.Context, custody.Ref) (material, error)

	hits, misses atomic.Uint64

	mu    sync.RWMutex // guards the fields below
	byRef map[custody.Ref]*entry
	ring  []*entry // those loaded, at most size, each at its slot
	hand  int
}

// An entry is a material or the wait for one.
type entry struct {
	ref   custody.Ref
	ready chan struct{} // closed when loading has ended; err is written before
	err   error
	used  atomic.Bool // since the hand last passed
	slot  int         // in cache.ring, guarded by cache.mu; -1 while not in it

	// mu guards the two below. It is held for reading as long as the bytes of key are in use, so
	// that drop, which writes zeroes over them, waits for whoever is still computing with them. It
	// is taken with or without cache.mu, never the other way round.
	mu      sync.RWMutex
	key     material
	dropped bool
}

func newCache(size int, load func(context.Context, custody.Ref) (material, error)) *cache {
	return &cache{size: size, load: load, byRef: make(map[custody.Ref]*entry)}
}

// hold returns ref's entry, loaded and held; the caller releases it soon. It starts over when the
// entry was dropped in between, or when the load it waited for ended with another caller's context.
func (c *cache) hold(ctx context.Context, ref custody.Ref) (*entry, error) {
	for {
		e, mine := c.find(ref)
		if mine {
			c.fill(ctx, e)
		}
		if !e.loaded() {
			select {
			case <-e.ready:
			case <-ctx.Done():
				return nil, ctx.Err()
			}
		}
		if e.err == nil && e.acquire() {
			return e, nil
		}
		if e.err != nil && (mine || !ended(e.err)) {
			return nil, e.err
		}
		if err := ctx.Err(); err != nil {
			return nil, err
		}
	}
}

// loaded reports whether there is nothing to wait for, without asking a context for a channel.
func (e *entry) loaded() bool {
	select {
	case <-e.ready:
		return true
	default:
		return false
	}
}

var errUnfinished = errors.New("soft: loading did not finish")

func ended(err error) bool {
	return errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded)
}

// find returns ref's entry. When there was none it makes one, which is the caller's to fill.
func (c *cache) find(ref custody.Ref) (e *entry, mine bool) {
	c.mu.RLock()
	e = c.byRef[ref]
	if e != nil {
		e.touch()
	}
	c.mu.RUnlock()
	if e != nil {
		c.hits.Add(1)
		return e, false
	}
	c.misses.Add(1)
	c.mu.Lock()
	defer c.mu.Unlock()
	if e = c.byRef[ref]; e != nil {
		return e, false
	}
	e = &entry{ref: ref, ready: make(chan struct{}), slot: -1}
	c.byRef[ref] = e
	return e, true
}

// fill loads e and lets go whoever waits for it.
func (c *cache) fill(ctx context.Context, e *entry) {
	defer close(e.ready)
	defer c.settle(e)
	e.err = errUnfinished // stays if load panics
	key, err := c.load(ctx, e.ref)
	e.keep(key)
	e.err = err
}

// settle puts a loaded entry into the ring, evicting another when that is full, and takes a failed
// one out of the cache.
func (c *cache) settle(e *entry) {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case c.byRef[e.ref] != e: // forgotten
	case e.err != nil:
		delete(c.byRef, e.ref)
	case len(c.ring) < c.size:
		e.slot = len(c.ring)
		c.ring = append(c.ring, e)
	default:
		c.replaceLocked(e)
	}
}

// replaceLocked gives e the slot of the first entry not used since the hand last passed. Nobody can
// touch one meanwhile, so that the second round at the latest finds it.
func (c *cache) replaceLocked(e *entry) {
	for c.ring[c.hand].used.Swap(false) {
		c.hand = (c.hand + 1) % c.size
	}
	victim := c.ring[c.hand]
	delete(c.byRef, victim.ref)
	e.slot = c.hand
	c.ring[c.hand] = e
	c.hand = (c.hand + 1) % c.size
	victim.drop()
}

// forget drops ref's entry. All drops happen under c.mu: otherwise a forget that comes just after an
// eviction would find nothing and return while the evicted bytes are still being used.
func (c *cache) forget(ref custody.Ref) {
	c.mu.Lock()
	defer c.mu.Unlock()
	e := c.byRef[ref]
	if e == nil {
		return
	}
	delete(c.byRef, ref)
	if e.slot >= 0 {
		c.vacateLocked(e.slot)
	}
	e.drop()
}

// vacateLocked moves the last entry of the ring to slot.
func (c *cache) vacateLocked(slot int) {
	last := len(c.ring) - 1
	c.ring[slot] = c.ring[last]
	c.ring[slot].slot = slot
	c.ring[last] = nil
	c.ring = c.ring[:last]
	if c.hand >= last {
		c.hand = 0
	}
}

func (c *cache) forgetAll() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, e := range c.byRef {
		e.drop()
	}
	clear(c.byRef)
	c.ring, c.hand = nil, 0
}

// touch marks e as used. It looks first: writing a shared word at every hit would move its cache line
// from core to core.
func (e *entry) touch() {
	if !e.used.Load() {
		e.used.Store(true)
	}
}

// acquire holds e for reading, unless it was dropped.
func (e *entry) acquire() bool {
	e.mu.RLock()
	if e.dropped {
		e.mu.RUnlock()
		return false
	}
	return true
}

func (e *entry) release() { e.mu.RUnlock() }

// keep takes the loaded key, or zeroes it when e was dropped meanwhile: what was read may since have
// been deleted.
func (e *entry) keep(key material) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.dropped {
		key.wipe()
		return
	}
	e.key = key
}

// drop zeroes the key once nobody uses it, and keeps it from being used again. It waits for at most
// one key derivation, since holders take no other lock.
func (e *entry) drop() {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.key.wipe()
	e.dropped = true
}
