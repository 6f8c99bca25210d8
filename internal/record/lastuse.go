package record

import (
	"context"
	"errors"
	"fmt"

	"google.golang.org/protobuf/proto"

	"qkms/internal/record/recordpb"
	"qkms/internal/seal"
	"qkms/internal/store"
)

// OfLastUse is the last use of a key, written by Touch alone.
func OfLastUse(account, region, id string) Key { return newKey(spaceLastUse, account, region, id) }

// A Use is a last use to be noted. At is milliseconds since 1970, at least 1.
type Use struct {
	Key Key // made by OfLastUse
	At  int64
	Use *recordpb.LastUse
}

// Touch notes last uses: of each key the latest stays. What the last minute noted may be lost in a
// crash (store.Engine). It asks first whether keys were exchanged elsewhere. Nothing but that keeps a last use from
// arriving under a KEK that was dropped, since no check holds a touch back; one that does so all the same is forgotten.
func (b *Book) Touch(ctx context.Context, uses []Use) error {
	got, err := b.engine.Get(ctx, ofSwap(0).bytes())
	if err != nil {
		return err
	}
	if got[0].Ver != b.swaps.Load() {
		if err := b.Follow(ctx); err != nil {
			return err
		}
	}
	return b.touch(ctx, uses)
}

func (b *Book) touch(ctx context.Context, uses []Use) error {
	b.swap.RLock()
	defer b.swap.RUnlock()
	rows := make([]store.Use, len(uses))
	for i, u := range uses {
		plain, err := proto.Marshal(u.Use)
		if err != nil {
			return err
		}
		put := b.put(b.Ring(), u.Key, uint64(u.At), plain)
		rows[i] = store.Use{Key: put.Key, At: put.Ver, Body: put.Body}
	}
	return b.engine.Touch(ctx, rows)
}

// LastUse returns what Touch noted last at k, or nil. It is read from the store each time: nothing
// tells other nodes of a touch.
func (b *Book) LastUse(ctx context.Context, k Key) (*recordpb.LastUse, error) {
	plain, ver, err := b.Take(ctx, k)
	if err != nil || ver == 0 {
		return nil, forgotten(k, err)
	}
	use, err := decode[recordpb.LastUse](plain)
	if err != nil || use.At == 0 {
		return nil, err
	}
	return use, nil
}

// forgotten is err, or nil when that says of a last use that its KEK is gone: noted by a node that stood still, or was
// cut off, while that was dropped. It is lost, and no damage.
func forgotten(k Key, err error) error {
	if k.space() == spaceLastUse && errors.Is(err, seal.ErrUnknownKEK) {
		return nil
	}
	return err
}

// touchAgain seals a last use anew. It must not overwrite a later one that arrives meanwhile, and no
// check can hold what lies outside every shard: so it is a touch, one millisecond later. In the place of one that was
// forgotten it puts an empty one, at no time, and not a delete, which would take a later one away that arrives meanwhile.
func (b *Book) touchAgain(ctx context.Context, k Key, r store.Record) error {
	plain, err := b.open(ctx, r)
	if err := forgotten(k, err); err != nil {
		return err
	}
	use, err := decode[recordpb.LastUse](plain)
	if err != nil {
		return fmt.Errorf("last use %x: %w", r.Key, err)
	}
	return b.Touch(ctx, []Use{{k, int64(r.Ver) + 1, use}})
}
