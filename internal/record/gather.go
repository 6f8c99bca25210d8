package record

import (
	"context"
	"slices"
	"sync"

	"qkms/internal/store"
)

// maxReads is how many reads of a node are in its engine at a time; the others wait here. When everything
// was dropped from memory, every request misses. Were they all let through, the renewals of the lease would
// wait behind them for a connection, and the node could lapse just for being busy. It is half of the
// connections that a process opens to PostgreSQL: the other half is for renewals, barriers and commits.
//
// Those who wait for single records are gathered: who comes to read takes along what up to maxGathered others want, and
// a hundred requests that miss cost the store little more than one.
const (
	maxReads    = 8
	maxGathered = 64 // keys of one read
)

// reads lets that many read at a time. The zero value is ready.
type reads struct {
	mu      sync.Mutex // guards all below, and what an ask says until its turn has come
	running int
	waiting []*ask
}

// An ask is a read that waits.
type ask struct {
	keys  [][]byte      // nil: it wants a turn and nothing else
	turn  chan struct{} // closed when the rest is written
	found []store.Record
	err   error
	mine  bool // it is to read for itself, and for others
	left  bool // nobody waits for it any more
}

// enter begins a read. Nobody who has begun one may wait for another. Who has keys may find, instead, that somebody else has
// read them: then a.mine is false.
func (r *reads) enter(ctx context.Context, a *ask) error {
	r.mu.Lock()
	if r.running < maxReads {
		r.running++
		a.mine = true
		r.mu.Unlock()
		return nil
	}
	a.turn = make(chan struct{})
	r.waiting = append(r.waiting, a)
	r.mu.Unlock()
	select {
	case <-a.turn:
		return nil
	case <-ctx.Done():
		r.abandon(a)
		return waiting(ctx.Err())
	}
}

// abandon takes back an ask. If its turn has come meanwhile, it is somebody else's.
func (r *reads) abandon(a *ask) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if i := slices.Index(r.waiting, a); i >= 0 {
		r.waiting = slices.Delete(r.waiting, i, i+1)
		return
	}
	if a.left = true; a.mine {
		r.passLocked()
	}
}

// leave ends a read.
func (r *reads) leave() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.passLocked()
}

// passLocked gives a turn to who has waited longest.
func (r *reads) passLocked() {
	if len(r.waiting) == 0 {
		r.running--
		return
	}
	a := r.waiting[0]
	r.waiting = r.waiting[1:]
	a.mine = true
	close(a.turn)
}

// others takes those out of the queue that can come along with who reads so many keys.
func (r *reads) others(keys int) (along []*ask) {
	r.mu.Lock()
	defer r.mu.Unlock()
	rest := r.waiting[:0]
	for _, a := range r.waiting {
		if len(a.keys) == 0 || keys+len(a.keys) > maxGathered {
			rest = append(rest, a)
			continue
		}
		keys += len(a.keys)
		along = append(along, a)
	}
	clear(r.waiting[len(rest):])
	r.waiting = rest
	return along
}

// back puts those in front of the queue again who were taken along by somebody who gave up: his end is not theirs.
func (r *reads) back(along []*ask) {
	r.mu.Lock()
	defer r.mu.Unlock()
	still := slices.DeleteFunc(along, func(a *ask) bool { return a.left })
	r.waiting = append(still, r.waiting...)
}

// get reads keys, and what others who wait want.
func (b *Book) get(ctx context.Context, keys ...[]byte) ([]store.Record, error) {
	a := &ask{keys: keys}
	if err := b.reads.enter(ctx, a); err != nil {
		return nil, err
	}
	if !a.mine {
		return a.found, a.err
	}
	defer b.reads.leave()
	along := b.reads.others(len(keys))
	if len(along) == 0 {
		return b.engine.Get(ctx, keys...)
	}
	return b.gather(ctx, keys, along)
}

// gather reads for several.
func (b *Book) gather(ctx context.Context, keys [][]byte, along []*ask) ([]store.Record, error) {
	all := keys[:len(keys):len(keys)]
	for _, a := range along {
		all = append(all, a.keys...)
	}
	given := false // stays if Get panics
	defer func() {
		if !given {
			b.reads.back(along)
		}
	}()
	got, err := b.engine.Get(ctx, all...)
	if err != nil && ctx.Err() != nil {
		return nil, err
	}
	given = true
	var own []store.Record
	if err == nil {
		own, got = got[:len(keys)], got[len(keys):]
	}
	for _, a := range along {
		if a.err = err; err == nil {
			a.found, got = got[:len(a.keys):len(a.keys)], got[len(a.keys):]
		}
		close(a.turn)
	}
	return own, err
}

func (b *Book) list(ctx context.Context, from, to []byte, limit int) ([]store.Record, bool, error) {
	if err := b.reads.enter(ctx, &ask{}); err != nil {
		return nil, false, err
	}
	defer b.reads.leave()
	return b.engine.List(ctx, from, to, limit)
}
