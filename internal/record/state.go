package record

import (
	"bytes"
	"context"
	"errors"
	"fmt"

	"qkms/internal/seal"
	"qkms/internal/store"
)

// ErrEmpty is returned by ReadState of a store that was never initialised.
var ErrEmpty = errors.New("record: the store is empty")

// ReadState returns the wrapped keys of the store, which seal opens.
func ReadState(ctx context.Context, engine store.Engine) ([]byte, error) {
	got, err := engine.Get(ctx, ofState().bytes())
	if err != nil {
		return nil, err
	}
	if got[0].Ver == 0 {
		return nil, ErrEmpty
	}
	return got[0].Body, nil
}

// InitState writes the wrapped keys of a new store; *store.Conflict when it has some already.
func InitState(ctx context.Context, engine store.Engine, state []byte) error {
	_, err := engine.Commit(ctx, stateTxn(0, state))
	return err
}

func stateTxn(ver uint64, state []byte) store.Txn {
	k := ofState()
	return store.Txn{
		Checks: []store.Check{{Shard: k.Shard(), Key: k.bytes(), Ver: ver}},
		Puts:   []store.Put{{Shard: k.Shard(), Key: k.bytes(), Ver: ver + 1, Body: state}},
	}
}

// SwapRing stores the wrapped keys of next and puts it in force. After it returned nil nothing sealed
// under the former ring's current key can be committed any more, by any process: each commit requires of each
// shard that no keys were exchanged since. Other nodes follow when they hear of it, or when a commit of theirs
// is refused. It returns where in the change log the exchange stands. A fence makes it depend on that job still being
// held; nil: on none.
func (b *Book) SwapRing(ctx context.Context, next *seal.Ring, under *store.Fence) ([]store.Position, error) {
	if err := b.turn(ctx); err != nil {
		return nil, err
	}
	defer func() { <-b.exchanging }()
	got, err := b.engine.Get(ctx, ofState().bytes())
	if err != nil {
		return nil, err
	}
	if !bytes.Equal(got[0].Body, b.Ring().State()) {
		return nil, fmt.Errorf("the keys in the store are no longer those that were rotated: %w", &store.Conflict{Key: got[0].Key})
	}
	t := stateTxn(got[0].Ver, next.State())
	for shard := range store.Shards {
		k, ver := ofSwap(shard), got[0].Ver+1
		t.Puts = append(t.Puts, store.Put{Shard: shard, Key: k.bytes(), Ver: ver, Body: next.Seal(seal.AD{Key: k.bytes(), Ver: ver, Schema: schema}, nil)})
	}
	t.Notes, t.Link, t.Fence = notes(&t), b.chain, under
	at, err := b.engine.Commit(ctx, t)
	if err != nil {
		return nil, err
	}
	b.force(next, got[0].Ver+1)
	return at, nil
}

// turn waits to be the only one that looks at the keys in the store: to open them may ask somebody for a passphrase.
// Requests need not wait for that. What they seal meanwhile under keys that were exchanged is refused by the store.
func (b *Book) turn(ctx context.Context) error {
	select {
	case b.exchanging <- struct{}{}:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("%w: waiting for the keys of the store: %w", store.ErrUnavailable, ctx.Err())
	}
}

// force puts ring in force, and returns when nothing sealed under the one before is in the engine any more. What was
// opened before is decided again: sessions end with the key they were sealed under.
func (b *Book) force(ring *seal.Ring, swaps uint64) {
	b.swap.Lock()
	defer b.swap.Unlock()
	b.swaps.Store(swaps)
	if b.Ring() == ring {
		return
	}
	b.ring.Store(ring)
	if b.Changed != nil {
		b.Changed()
	}
}

// Follow puts in force what keys the store has now, if another process has exchanged them. It returns an error when
// they do not open: then nothing may be answered with those of before, which may have been dropped for a reason.
func (b *Book) Follow(ctx context.Context) error {
	if err := b.turn(ctx); err != nil {
		return err
	}
	defer func() { <-b.exchanging }()
	got, err := b.engine.Get(ctx, ofState().bytes(), ofSwap(0).bytes())
	if err != nil {
		return err
	}
	ring := b.Ring()
	if state := got[0].Body; !bytes.Equal(state, ring.State()) {
		if ring, err = b.reload(ctx, ring, state); err != nil {
			return fmt.Errorf("another process has exchanged the keys of the store: %w", err)
		}
	}
	b.force(ring, got[1].Ver)
	return nil
}

func (b *Book) reload(ctx context.Context, ring *seal.Ring, state []byte) (*seal.Ring, error) {
	next, err := ring.Reload(state)
	if errors.Is(err, seal.ErrWrongKey) && b.Reopen != nil { // the root key is another one
		next, err = b.Reopen(ctx, state)
		if err == nil && (next.StoreID() != ring.StoreID() || next.Generation() < ring.Generation()) {
			err = seal.ErrTampered
		}
	}
	return next, err
}

// catchUp is Follow for what was sealed under keys that ring does not have. It reports whether there are others now.
func (b *Book) catchUp(ctx context.Context, ring *seal.Ring) (bool, error) {
	if b.Ring() == ring {
		if err := b.Follow(ctx); err != nil {
			return false, unfollowed(err)
		}
	}
	return b.Ring() != ring, nil
}

// unfollowed is what becomes of an error of Follow where something was to be opened. It wraps that of the store alone:
// what is wrong with the keys, which may be seal.ErrTampered, says nothing of what was sealed under them.
func unfollowed(err error) error { return fmt.Errorf("%w: %v", store.ErrUnavailable, err) }
