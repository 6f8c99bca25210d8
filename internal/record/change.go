package record

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"iter"
	"math/rand/v2"
	"slices"
	"strings"

	"google.golang.org/protobuf/proto"

	"qkms/internal/record/recordpb"
	"qkms/internal/seal"
	"qkms/internal/store"
)

// A Change is what one operation wants written: built first, committed whole or not at all. A nil
// Change writes nothing. It is not for concurrent use.
type Change struct {
	book  *Book
	ring  *seal.Ring // what the puts are sealed under
	txn   store.Txn
	tally *tally
	at    []store.Position
	err   error
}

// Change begins a change.
func (b *Book) Change() *Change { return &Change{book: b, ring: b.Ring()} }

// Insert writes m at k, where nothing may be.
func (c *Change) Insert(k Key, m proto.Message) { c.write(k, 0, m) }

// Begin is Insert of what is deleted and made anew under the same name. Who read the former record and replaces it would
// otherwise overwrite its successor, whose versions are the same. So it begins at another version: now, the present in
// milliseconds since 1970, and behind that twenty bits of chance, since two may begin within one millisecond, by clocks of
// nodes that differ. Then one in a million is taken for the former.
func (c *Change) Begin(k Key, now int64, m proto.Message) {
	c.Require(k, 0)
	c.put(k, uint64(now)<<20|rand.Uint64N(1<<20), m)
}

// Replace writes m at k, where version ver must still be.
func (c *Change) Replace(k Key, ver uint64, m proto.Message) { c.write(k, ver, m) }

// Ensure writes an empty record at k whether or not one is there: an index entry whose name says it
// all. k must share the shard of a record that the change requires or replaces, or two changes could
// cross.
func (c *Change) Ensure(k Key) {
	c.txn.Puts = append(c.txn.Puts, c.book.put(c.ring, k, 1, nil))
}

// Require makes the change depend on version ver of k still being there; 0: on nothing being there.
func (c *Change) Require(k Key, ver uint64) {
	c.txn.Checks = append(c.txn.Checks, store.Check{Shard: k.Shard(), Key: k.bytes(), Ver: ver})
}

// Remove deletes version ver of k.
func (c *Change) Remove(k Key, ver uint64) {
	c.Require(k, ver)
	c.txn.Deletes = append(c.txn.Deletes, store.Delete{Shard: k.Shard(), Key: k.bytes()})
}

// Discard deletes whatever is at k; nothing being there is fine.
func (c *Change) Discard(k Key) {
	c.txn.Deletes = append(c.txn.Deletes, store.Delete{Shard: k.Shard(), Key: k.bytes()})
}

// Add writes a record that was sealed elsewhere (PutMaterial), where nothing may be.
//
// It may have been sealed before the KEK was rotated, and the change begun after: committed, it would
// lie under a key that the rotation is about to drop, and be lost. Such a change is a conflict.
func (c *Change) Add(p store.Put) {
	if kek, err := seal.KEKOf(p.Body); err != nil || kek != c.ring.Current() {
		c.err = errors.Join(c.err, err, &store.Conflict{Key: p.Key})
	}
	c.txn.Checks = append(c.txn.Checks, store.Check{Shard: p.Shard, Key: p.Key, Ver: 0})
	c.txn.Puts = append(c.txn.Puts, p)
}

// Record commits a further audit record with the change, besides the one that Commit is given.
func (c *Change) Record(eventID string, line []byte) {
	plain, err := c.book.outbox(line)
	c.err = errors.Join(c.err, err)
	c.txn.Puts = append(c.txn.Puts, c.book.put(c.ring, ofOutbox(eventID), 1, plain))
}

// Under makes the change depend on a job still being held.
func (c *Change) Under(f store.Fence) { c.txn.Fence = &f }

// Positions is where c stands in the change log, once Commit has returned nil.
func (c *Change) Positions() []store.Position { return c.at }

// Written are the keys, as a store.Conflict has them, of what c writes or removes: where it undoes what others do, or they it.
func (c *Change) Written() iter.Seq[[]byte] {
	return func(yield func([]byte) bool) {
		for _, p := range c.txn.Puts {
			if !yield(p.Key) {
				return
			}
		}
		for _, d := range c.txn.Deletes {
			if !yield(d.Key) {
				return
			}
		}
	}
}

// Writes reports whether key is one of Written.
func (c *Change) Writes(key []byte) bool {
	for k := range c.Written() {
		if bytes.Equal(k, key) {
			return true
		}
	}
	return false
}

// Size is the number of operations so far, with the one that every commit adds; store.MaxOps is the most that commit.
func (c *Change) Size() int { return len(c.txn.Checks) + len(c.txn.Puts) + len(c.txn.Deletes) + 1 }

func (c *Change) write(k Key, ver uint64, m proto.Message) {
	c.Require(k, ver)
	c.put(k, ver+1, m)
}

func (c *Change) put(k Key, ver uint64, m proto.Message) {
	plain, err := proto.Marshal(m)
	if err != nil {
		c.err = errors.Join(c.err, err)
		return
	}
	defer clear(plain)
	c.txn.Puts = append(c.txn.Puts, c.book.put(c.ring, k, ver, plain))
}

// Commit makes c durable, whole or not at all, together with the audit record line under eventID
// (unless that is empty). It returns what the engine's Commit returns, and *store.Conflict also when
// the keys were rotated while c was being built: build it again.
func (b *Book) Commit(ctx context.Context, c *Change, eventID string, line []byte) error {
	if c.err != nil {
		return c.err
	}
	if c.tally != nil {
		return b.count(ctx, c, eventID, line)
	}
	return b.commit(ctx, c, eventID, line)
}

// commit is Commit without counting. A process that begins, or that another one exchanged the keys behind, learns so
// from a conflict: with the keys as they were it tries again, with others the change is to be built again.
func (b *Book) commit(ctx context.Context, c *Change, eventID string, line []byte) error {
	for {
		err := b.commitUnder(ctx, c, eventID, line)
		var conflict *store.Conflict
		if errors.As(err, &conflict) {
			b.drop(Key{string(conflict.Key)}) // what the change was built on is not what there is
		}
		if conflict == nil || !strings.HasPrefix(string(conflict.Key), ofSwaps) {
			return err
		}
		if failed := b.Follow(ctx); failed != nil {
			return fmt.Errorf("%w: %w", store.ErrUnavailable, failed)
		}
	}
}

func (b *Book) commitUnder(ctx context.Context, c *Change, eventID string, line []byte) error {
	b.swap.RLock()
	defer b.swap.RUnlock()
	if c.ring != b.Ring() {
		return &store.Conflict{Key: ofState().bytes()}
	}
	t := c.txn
	t.Notes, t.Link = notes(&t), b.chain
	if eventID != "" {
		plain, err := b.outbox(line)
		if err != nil {
			return err
		}
		t.Puts = append(t.Puts, b.put(c.ring, ofOutbox(eventID), 1, plain))
	}
	if len(t.Puts) > 0 {
		t.Checks = append(slices.Clone(t.Checks), b.sameKeys(&t))
	}
	done := b.delivered.take(store.MaxOps - len(t.Checks) - len(t.Puts) - len(t.Deletes))
	for _, id := range done {
		k := ofOutbox(id)
		t.Deletes = append(t.Deletes, store.Delete{Shard: store.Loose, Key: k.bytes()})
	}
	at, err := b.engine.Commit(ctx, t)
	b.forget(&t) // also when the outcome is unknown: what is in memory may be old
	if err != nil {
		b.delivered.add(done...)
	}
	c.at = at
	return err
}

// sameKeys is the check, in some shard that t touches, that the keys of the store are those it was sealed under: a
// record that arrived under keys that are being dropped would be lost with them. One shard is enough: the exchange has
// the heads of all, so it comes before all of t or after all of it.
func (b *Book) sameKeys(t *store.Txn) store.Check {
	shard := append(t.Shards(), 0)[0]
	return store.Check{Shard: shard, Key: ofSwap(shard).bytes(), Ver: b.swaps.Load()}
}

func (b *Book) forget(t *store.Txn) {
	for _, p := range t.Puts {
		b.drop(Key{string(p.Key)})
	}
	for _, d := range t.Deletes {
		b.drop(Key{string(d.Key)})
	}
	if b.Changed != nil {
		b.Changed()
	}
}

// drop forgets the record at k, and the list it stands in.
func (b *Book) drop(k Key) {
	b.cache.Drop(k.enc)
	if list, ok := k.list(); ok {
		b.cache.Drop(list.enc)
	}
}

// notes says, per shard, which records the commit touches and what they hash to.
func notes(t *store.Txn) map[int][]byte {
	byShard := map[int]*recordpb.Note{}
	add := func(shard int, change *recordpb.Change) {
		if shard == store.Loose {
			return
		}
		if byShard[shard] == nil {
			byShard[shard] = &recordpb.Note{}
		}
		byShard[shard].Changes = append(byShard[shard].Changes, change)
	}
	for _, p := range t.Puts {
		digest := sha256.Sum256(p.Body)
		add(p.Shard, &recordpb.Change{Key: p.Key, Ver: p.Ver, Digest: digest[:]})
	}
	for _, d := range t.Deletes {
		add(d.Shard, &recordpb.Change{Key: d.Key})
	}
	out := map[int][]byte{}
	for shard, note := range byShard {
		out[shard], _ = proto.MarshalOptions{Deterministic: true}.Marshal(note) // of bytes and integers: cannot fail
	}
	return out
}
