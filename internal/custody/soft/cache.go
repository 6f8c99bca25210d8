package soft

import (
	"context"
	"hash/maphash"
	"sync"

	"qkms/internal/custody"
	"qkms/internal/memo"
)

// cache holds unsealed materials. A miss is loaded once, however many ask; a failure is not remembered. What it is to
// forget, or has no room for, it wipes.
type cache struct {
	*memo.Cache[custody.Ref, *entry]
	load func(context.Context, custody.Ref) (material, error)
	away away
}

// An entry is a material in memory.
type entry struct {
	// mu guards all below. It is held for reading as long as the bytes of key are in use, so
	// that drop, which writes zeroes over them, waits for whoever is still computing with them.
	mu      sync.RWMutex
	key     material
	dropped bool
	away    *away // where it is while the cache has no room for it: who has used it last drops it. Otherwise nil
}

func newCache(b *memo.Budget, load func(context.Context, custody.Ref) (material, error)) *cache {
	// Both are told under the lock of the cache: otherwise a forget that comes just after an eviction would find
	// nothing and return while the evicted bytes are still being used.
	c := &cache{load: load}
	leave := func(ref custody.Ref, e *entry) { e.leave(ref, &c.away) }
	c.Cache = memo.Of(memo.Config[custody.Ref, *entry]{Budget: b, Hash: hashRef, Gone: (*entry).drop, Alone: leave})
	return c
}

// Drop forgets ref. When it returns its bytes are zero wherever they were, and nobody holds what was loaded before.
func (c *cache) Drop(ref custody.Ref) {
	c.Cache.Drop(ref) // first: what is loaded from now on is of after it
	c.away.drop(func(of custody.Ref) bool { return of == ref })
}

// DropAll is Drop of everything.
func (c *cache) DropAll() {
	c.Cache.DropAll()
	c.away.drop(func(custody.Ref) bool { return true })
}

// hashRef is of what tells materials apart: a key has one Region and account, but for replicas.
func hashRef(seed maphash.Seed, ref custody.Ref) uint64 {
	return maphash.String(seed, ref.MaterialID) ^ maphash.String(seed, ref.Region)
}

// hold returns ref's entry, loaded and held; the caller releases it soon. It starts over when the
// entry was dropped in between.
func (c *cache) hold(ctx context.Context, ref custody.Ref) (*entry, error) {
	for {
		e, ok := c.Get(ref)
		if !ok {
			var err error
			if e, err = c.fill(ctx, ref); err != nil {
				return nil, err
			}
		}
		if e.acquire() {
			return e, nil
		}
		if err := ctx.Err(); err != nil {
			return nil, err
		}
	}
}

func (c *cache) fill(ctx context.Context, ref custody.Ref) (*entry, error) {
	return c.Load(ctx, ref, func(ctx context.Context) (*entry, int64, error) {
		key, err := c.load(ctx, ref)
		return &entry{key: key}, entryBytes + refBytes(ref) + key.size(), err
	})
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

func (e *entry) release() {
	away := e.away
	e.mu.RUnlock()
	if away != nil {
		e.drop()
		away.remove(e)
	}
}

// leave has e dropped by those who have it. Nobody does yet but whoever loads it.
func (e *entry) leave(ref custody.Ref, a *away) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.away = a
	a.add(ref, e)
}

// drop zeroes the key once nobody uses it, and keeps it from being used again. It waits for at most
// one key derivation, since holders take no other lock.
func (e *entry) drop() {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.key.wipe()
	e.dropped = true
}
