package coherence

import (
	"context"
	"errors"
	"fmt"
	"time"

	"qkms/internal/store"
)

// once renews, counts it and tells those who wait. moved says that changes were applied.
func (l *Lease) once(ctx context.Context) (moved bool, err error) {
	moved, err = l.renewal(ctx)
	l.counts.beat(err)
	l.heed(err)
	l.mu.Lock()
	defer l.mu.Unlock()
	close(l.turn)
	l.turn = make(chan struct{})
	return moved, err
}

// again is how often it is said that renewals go on failing.
const again = 10 * time.Second

// heed says why renewals fail: when it begins, and now and then while it lasts.
func (l *Lease) heed(err error) {
	if err == nil {
		l.failing = Reading{}
		l.cause.Store(nil)
		return
	}
	l.cause.Store(&err)
	if now := l.Clock(); l.failing == (Reading{}) || now.Since(l.failing) >= again {
		l.failing = now
		l.Logger.Warn("the lease could not be renewed; it is tried again", "error", err, "over_in", max(l.length-l.Age(), 0).Round(time.Second))
	}
}

// renew is one renewal. The lease counts from before it was sent: the store may have looked at its
// heads at any time since. Until the changes up to those heads are applied it does not count at all.
func (l *Lease) renew(ctx context.Context) (moved bool, err error) {
	ctx, cancel := context.WithTimeout(ctx, l.patience)
	defer cancel()
	sent := l.Clock()
	heads, err := l.Engine.Renew(ctx, store.Node{ID: l.name(sent), Applied: *l.applied.Load(), Info: l.Info})
	if errors.Is(err, store.ErrRolledBack) {
		l.cut, err = true, nil
	}
	if err != nil {
		return false, err
	}
	l.named = sent
	moved, err = l.follow(ctx, heads)
	if err == nil {
		l.granted.Store(&sent)
	}
	return moved, err
}

// follow applies the change log up to heads.
func (l *Lease) follow(ctx context.Context, heads store.Heads) (moved bool, err error) {
	applied := *l.applied.Load()
	switch {
	case l.granted.Load() == nil: // nothing is remembered yet
		err = l.restart(ctx, heads)
	case heads.Epoch != l.epoch:
		l.alarm(fmt.Errorf("epoch %d became %d", l.epoch, heads.Epoch))
		err = l.restart(ctx, heads)
	case l.cut || !reaches(heads.Revs, applied):
		l.alarm(store.ErrRolledBack)
		err = l.restart(ctx, heads)
	}
	if err != nil {
		return moved, err
	}
	for !reaches(*l.applied.Load(), heads.Revs) {
		notes, _, err := l.Engine.Changes(ctx, *l.applied.Load(), page)
		switch {
		case errors.Is(err, store.ErrGone):
			err = l.restart(ctx, heads)
			l.counts.gone.Add(1)
		case err != nil: // ErrRolledBack too: who answers is behind the one that took the renewal
			return moved, err
		case len(notes) == 0:
			return moved, fmt.Errorf("%w: its change log ends before its heads", store.ErrUnavailable)
		default:
			err = l.apply(ctx, notes, heads)
		}
		if err != nil {
			return moved, err
		}
		moved = true
	}
	return moved, nil
}

// apply drops what the notes name. The sequence rises after the drop, so that whoever begins with the new one
// finds nothing old, and before the node says that it has applied them.
func (l *Lease) apply(ctx context.Context, notes []store.Note, heads store.Heads) (err error) {
	applied := *l.applied.Load()
	for _, n := range notes {
		err = fmt.Errorf("shard %d goes from revision %d to %d", n.Shard, applied[n.Shard], n.Rev)
		if n.Rev == applied[n.Shard]+1 {
			err = l.Memory.Drop(ctx, n)
		}
		if errors.Is(err, store.ErrUnavailable) {
			break
		}
		if err != nil {
			l.alarm(fmt.Errorf("change log: %w", err))
			return l.restart(ctx, heads)
		}
		applied[n.Shard] = n.Rev
		l.counts.notes.Add(1)
	}
	l.sequence.Add(1)
	l.applied.Store(&applied)
	return err
}

// restart drops everything. What is read from now on has every commit up to heads.
func (l *Lease) restart(ctx context.Context, heads store.Heads) error {
	err := l.Memory.DropAll(ctx)
	l.sequence.Add(1)
	if err != nil {
		return err
	}
	l.applied.Store(&heads.Revs)
	l.epoch, l.cut = heads.Epoch, false
	return nil
}

// alarm is for what never happens to a store that nobody has restored, cut or tampered with.
func (l *Lease) alarm(err error) {
	l.counts.alarms.Add(1)
	l.Logger.Error("the store's history is not what this node has seen; everything in memory is dropped", "error", err)
}

// reaches reports whether v has everything that other has.
func reaches(v, other store.Vector) bool {
	for shard, rev := range other {
		if v[shard] < rev {
			return false
		}
	}
	return true
}

// Await returns when the node has applied the change at a position, renewing at once if it has not: what
// a grant token speaks of may have been made elsewhere a moment ago. A position that is not reached by a renewal that was
// sent after the call is of another history, and not waited for. It returns the error of ctx.
func (l *Lease) Await(ctx context.Context, at store.Position) error {
	if l.Engine == nil || at.Shard < 0 || at.Shard >= store.Shards {
		return nil
	}
	return l.until(ctx, func() bool { return l.applied.Load()[at.Shard] >= at.Rev })
}

// Fresh returns when a renewal that was sent after the call has been applied: what is in memory then has every change
// that was made before the call, by whomever. It returns the error of ctx.
func (l *Lease) Fresh(ctx context.Context) error {
	if l.Engine == nil {
		return nil
	}
	return l.until(ctx, func() bool { return false })
}

// until renews until done, or until a renewal that was sent after the call has been applied.
func (l *Lease) until(ctx context.Context, done func() bool) error {
	for called := l.Clock(); ; {
		l.mu.Lock()
		turn := l.turn
		l.mu.Unlock()
		if granted := l.granted.Load(); done() || granted != nil && granted.Monotonic > called.Monotonic {
			return nil
		}
		l.Wake()
		select {
		case <-turn:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}
