package record

import (
	"context"
	"errors"

	"qkms/internal/seal"
	"qkms/internal/store"
)

// A Resealing is a walk over the store that seals again what is not under the current KEK. The zero value stands at
// the beginning.
type Resealing struct {
	Seen, Done int  // records looked at, and of them sealed again
	Ended      bool // all were looked at

	from []byte
}

// resealPage is how many records Reseal looks at: with a commit for each, a moment's work.
const resealPage = store.MaxList / 10

// Reseal goes on with w for one page. Before each record that it writes it asks under for the fence of the job, whose
// loss ends it with store.ErrFenced. It may run while requests are served; after an error w stands behind what was
// done.
func (b *Book) Reseal(ctx context.Context, w *Resealing, under func(context.Context) (store.Fence, error)) error {
	page, more, err := b.engine.List(ctx, w.from, nil, resealPage)
	if err != nil {
		return err
	}
	for _, r := range page {
		did, err := b.reseal(ctx, Key{string(r.Key)}, r, under)
		if err != nil {
			return err
		}
		w.Seen++
		if did {
			w.Done++
		}
		w.from = append(append(w.from[:0], r.Key...), 0)
	}
	w.Ended = !more
	return nil
}

func (b *Book) reseal(ctx context.Context, k Key, r store.Record, under func(context.Context) (store.Fence, error)) (bool, error) {
	for {
		if r.Ver == 0 || k == ofState() || k.space() == spaceSwap { // SwapRing writes these anew
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
		fence, err := under(ctx)
		if err != nil {
			return false, err
		}
		if k.space() == spaceLastUse {
			return true, b.touchAgain(ctx, k, r)
		}
		if k.space() == spaceOutbox { // most are gone by now
			if r, err = b.again(ctx, k); err != nil || r.Ver == 0 {
				return false, err
			}
		}
		err = b.resealAs(ctx, ring, k, r, fence)
		var conflict *store.Conflict
		if !errors.As(err, &conflict) {
			return err == nil, err
		}
		if r, err = b.again(ctx, k); err != nil { // somebody changed it
			return false, err
		}
	}
}

func (b *Book) again(ctx context.Context, k Key) (store.Record, error) {
	got, err := b.engine.Get(ctx, k.bytes())
	if err != nil {
		return store.Record{}, err
	}
	return got[0], nil
}

func (b *Book) resealAs(ctx context.Context, ring *seal.Ring, k Key, r store.Record, fence store.Fence) error {
	plain, err := b.open(ctx, r)
	if err != nil {
		return err
	}
	defer clear(plain)
	c := b.Change()
	c.ring = ring
	if k.Shard() != store.Loose {
		c.Require(k, r.Ver)
	} // else an outbox row, which no check can hold. One that goes this very moment comes back: its node takes it away within a minute, and others leave it for longer (package ledger)
	c.txn.Puts = append(c.txn.Puts, b.put(ring, k, r.Ver+1, plain))
	c.Under(fence)
	return b.Commit(ctx, c, "", nil)
}
