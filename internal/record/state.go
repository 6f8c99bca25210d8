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
// under the former ring's current key can be committed any more.
func (b *Book) SwapRing(ctx context.Context, next *seal.Ring) error {
	b.swap.Lock()
	defer b.swap.Unlock()
	got, err := b.engine.Get(ctx, ofState().bytes())
	if err != nil {
		return err
	}
	if !bytes.Equal(got[0].Body, b.Ring().State()) {
		return fmt.Errorf("the keys in the store are no longer those that were rotated: %w", &store.Conflict{Key: got[0].Key})
	}
	t := stateTxn(got[0].Ver, next.State())
	t.Notes, t.Link = notes(&t), b.chain
	if _, err := b.engine.Commit(ctx, t); err != nil {
		return err
	}
	b.ring.Store(next)
	return nil
}

// Reseal seals every record that is not under the current KEK again, calling progress with the number
// of records looked at and resealed so far. It may run while requests are served, and again after an
// interruption.
func (b *Book) Reseal(ctx context.Context, progress func(seen, resealed int)) (resealed int, err error) {
	var from []byte
	for seen := 0; ; {
		page, more, err := b.engine.List(ctx, from, nil, store.MaxList/4)
		if err != nil {
			return resealed, err
		}
		for _, r := range page {
			did, err := b.reseal(ctx, Key{string(r.Key)}, r)
			if err != nil {
				return resealed, err
			}
			seen++
			if did {
				resealed++
			}
			from = append(append(from[:0], r.Key...), 0)
		}
		progress(seen, resealed)
		if !more {
			return resealed, nil
		}
	}
}

func (b *Book) reseal(ctx context.Context, k Key, r store.Record) (bool, error) {
	for {
		if r.Ver == 0 || k == ofState() {
			return false, nil
		}
		ring := b.Ring()
		id, err := seal.KEKOf(r.Body)
		if err != nil {
			return false, err
		}
		if id == ring.Current() {
			return false, nil
		}
		if k.space() == spaceLastUse {
			return true, b.touchAgain(ctx, k, r)
		}
		err = b.resealAs(ctx, ring, k, r)
		var conflict *store.Conflict
		if !errors.As(err, &conflict) {
			return err == nil, err
		}
		got, err := b.engine.Get(ctx, k.bytes()) // somebody changed it: look again
		if err != nil {
			return false, err
		}
		r = got[0]
	}
}

func (b *Book) resealAs(ctx context.Context, ring *seal.Ring, k Key, r store.Record) error {
	plain, err := b.open(r)
	if err != nil {
		return err
	}
	defer clear(plain)
	c := b.Change()
	c.ring = ring
	if k.Shard() != store.Loose {
		c.Require(k, r.Ver)
	} // else an outbox row, which no check can hold; one that was delivered meanwhile and comes back is dropped at the next start
	c.txn.Puts = append(c.txn.Puts, b.put(ring, k, r.Ver+1, plain))
	return b.Commit(ctx, c, "", nil)
}
