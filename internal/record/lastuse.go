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
// crash (store.Engine).
func (b *Book) Touch(ctx context.Context, uses []Use) error {
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
	if errors.Is(err, seal.ErrUnknownKEK) { // noted by a node that had not heard yet of its key's end; no check holds a touch back
		return nil, nil
	}
	if err != nil || ver == 0 {
		return nil, err
	}
	return decode[recordpb.LastUse](plain)
}

// touchAgain seals a last use anew. It must not overwrite a later one that arrives meanwhile, and no
// check can hold what lies outside every shard: so it is a touch, one millisecond later.
func (b *Book) touchAgain(ctx context.Context, k Key, r store.Record) error {
	plain, err := b.open(ctx, r)
	if err != nil {
		return err
	}
	use, err := decode[recordpb.LastUse](plain)
	if err != nil {
		return fmt.Errorf("last use %x: %w", r.Key, err)
	}
	return b.Touch(ctx, []Use{{k, int64(r.Ver) + 1, use}})
}
