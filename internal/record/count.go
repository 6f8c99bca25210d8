package record

import (
	"bytes"
	"context"
	"errors"
	"slices"

	"google.golang.org/protobuf/proto"

	"qkms/internal/record/recordpb"
	"qkms/internal/store"
)

// A tally is what a change does to the number of keys of an account in a Region.
type tally struct {
	key     Key
	delta   int64
	allowed func(keys uint64) error
}

// CountKeys adds delta to the number of keys that account has in region, at the moment the change is
// committed. allowed, which may be nil, is told the number before; its error is what Commit returns,
// and nothing is written. A change counts once at most.
//
// The number is no part of what the change was built on: whoever makes keys at the same time shares
// nothing else, and must not have to make a key pair again because somebody else's was counted first.
func (c *Change) CountKeys(account, region string, delta int64, allowed func(keys uint64) error) {
	if c.tally != nil {
		panic("record: internal error: a change that counts twice") // one operation makes or ends one key
	}
	c.tally = &tally{OfKeyCount(account, region), delta, allowed}
}

// counts is how often a commit takes the number anew when another node counted first.
const counts = 64

// count commits c with its tally. Changes that count go one after the other within a process, so that
// only other nodes can come in between.
func (b *Book) count(ctx context.Context, c *Change, eventID string, line []byte) (err error) {
	b.counting.Lock()
	defer b.counting.Unlock()
	for range counts {
		var whole *Change
		if whole, err = b.tallied(ctx, c); err != nil {
			return err
		}
		err = b.commit(ctx, whole, eventID, line)
		c.at = whole.at
		var conflict *store.Conflict
		if !errors.As(err, &conflict) || !bytes.Equal(conflict.Key, c.tally.key.bytes()) {
			return err
		}
	}
	return err
}

// tallied is c with the number as it is now.
func (b *Book) tallied(ctx context.Context, c *Change) (*Change, error) {
	now, ver, err := Load[recordpb.KeyCount](ctx, b, c.tally.key)
	if err != nil {
		return nil, err
	}
	if c.tally.allowed != nil {
		if err := c.tally.allowed(now.GetKeys()); err != nil {
			return nil, err
		}
	}
	next := new(recordpb.KeyCount)
	proto.Merge(next, now)
	next.Keys = uint64(max(int64(now.GetKeys())+c.tally.delta, 0))
	plain, err := proto.Marshal(next)
	if err != nil {
		return nil, err
	}
	whole := *c
	whole.txn.Checks = slices.Clone(c.txn.Checks)
	whole.txn.Puts = slices.Clone(c.txn.Puts)
	whole.Require(c.tally.key, ver)
	whole.txn.Puts = append(whole.txn.Puts, b.put(c.ring, c.tally.key, ver+1, plain))
	return &whole, nil
}
