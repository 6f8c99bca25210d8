package record

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"math"
	"sort"
	"time"

	"google.golang.org/protobuf/proto"

	"qkms/internal/record/recordpb"
	"qkms/internal/store"
)

// A Report is what Verify found in a store that is whole.
type Report struct {
	Records   int      // that open under their own names
	Notes     int      // of the change log, chained without a break
	Orphans   []string // materials whose key does not exist, by key id
	Forgotten int      // last uses that were noted under a KEK that was being dropped, which nobody can read
}

// Verify opens every record and walks the change log: each note must follow from the one before, and
// each record the log still tells of must be the one it tells of. It reads the store page by page, so
// what changes meanwhile may be reported as damage: run it on a quiet store.
//
// A store whose owner rolled back all of it, records and log together, passes: seals and chain cannot
// tell yesterday from today (storage §9).
//
// say, which may be nil, hears after each page how many records have been looked at.
func (b *Book) Verify(ctx context.Context, say func(records int)) (Report, error) {
	var rep Report
	told, err := b.walk(ctx, &rep)
	if err != nil {
		return rep, err
	}
	for from := []byte(nil); ; {
		page, more, err := b.engine.List(ctx, from, nil, store.MaxList)
		if err != nil {
			return rep, err
		}
		for _, r := range page {
			if err := b.verify(ctx, r, told, &rep); err != nil {
				return rep, err
			}
			from = append(append(from[:0], r.Key...), 0)
		}
		if say != nil {
			say(rep.Records)
		}
		if !more {
			return rep, missing(told)
		}
	}
}

// walk checks the chain, shard by shard, and returns, per record, what the log said last. A shard whose
// oldest notes were trimmed is walked from the oldest it has, whose own link is then taken as given; so is
// one of a store that was loaded from a backup, which has no notes from before.
func (b *Book) walk(ctx context.Context, rep *Report) (map[string]*recordpb.Change, error) {
	told := map[string]*recordpb.Change{}
	heads, err := b.heads(ctx)
	if err != nil {
		return nil, err
	}
	for shard, head := range heads.Revs {
		if err := b.walkShard(ctx, shard, head, heads, told, rep); err != nil {
			return nil, err
		}
	}
	return told, nil
}

// heads is where the change log ends. Only nodes are told, so Verify is one for a moment; a row that stayed would be
// that of a dead node, to everybody who lists them.
func (b *Book) heads(ctx context.Context) (store.Heads, error) {
	verifier := store.Node{ID: "verify"}
	for shard := range verifier.Applied {
		verifier.Applied[shard] = math.MaxInt64 // it answers nobody, so no barrier need wait for it
	}
	heads, err := b.engine.Renew(ctx, verifier)
	if errors.Is(err, store.ErrRolledBack) { // which is said once: nobody else will hear of it
		b.cache.DropAll()
		if b.Changed != nil {
			b.Changed()
		}
	}
	return heads, errors.Join(err, b.depart(ctx, verifier.ID))
}

// depart removes the row of a node, also when nobody waits for the answer any more.
func (b *Book) depart(ctx context.Context, id string) error {
	engine, ok := store.As[store.Leaver](b.engine)
	if !ok {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
	defer cancel()
	peers, err := b.engine.Peers(ctx)
	if err != nil {
		return err
	}
	for _, n := range peers {
		if n.ID == id {
			return engine.Leave(ctx, n)
		}
	}
	return nil
}

func (b *Book) walkShard(ctx context.Context, shard int, head uint64, heads store.Heads, told map[string]*recordpb.Change, rep *Report) error {
	var link []byte
	at := heads.Revs
	from, err := b.oldest(ctx, shard, head, heads)
	if err != nil {
		return err
	}
	at[shard] = from
	trimmed := from > 0
	for at[shard] < head {
		notes, next, err := b.engine.Changes(ctx, at, store.MaxList)
		if err != nil {
			return err
		}
		for _, n := range notes {
			if n.Shard != shard {
				continue // written meanwhile
			}
			if err := b.walkNote(n, link, trimmed && link == nil, told); err != nil {
				return err
			}
			link = n.Link
			rep.Notes++
		}
		if next[shard] == at[shard] {
			return fmt.Errorf("%w: change log of shard %d ends at revision %d, its head is %d", ErrDamaged, shard, at[shard], head)
		}
		at = next
	}
	return nil
}

// oldest is the revision behind which the notes of a shard are to be read. All of them must be there, or
// NoteWindow; only where the epoch says that history was cut may there be fewer.
func (b *Book) oldest(ctx context.Context, shard int, head uint64, heads store.Heads) (uint64, error) {
	kept := head - min(head, store.NoteWindow)
	if heads.Epoch == 1 {
		return kept, nil
	}
	var failed error
	n := sort.Search(int(head-kept), func(i int) bool {
		at := heads.Revs
		at[shard] = kept + uint64(i)
		_, _, err := b.engine.Changes(ctx, at, 1)
		if err != nil && !errors.Is(err, store.ErrGone) {
			failed = err
		}
		return err == nil
	})
	return kept + uint64(n), failed
}

func (b *Book) walkNote(n store.Note, previous []byte, first bool, told map[string]*recordpb.Change) error {
	founding := len(n.Link) == 0 && n.Rev == 1 && n.Shard == ofState().Shard() // the wrapped keys come before there is a key for the chain
	if want := b.chain(n.Shard, n.Rev, n.Body, previous); !first && !founding && !bytes.Equal(n.Link, want) {
		return fmt.Errorf("%w: change log of shard %d breaks at revision %d", ErrDamaged, n.Shard, n.Rev)
	}
	note := new(recordpb.Note)
	if err := proto.Unmarshal(n.Body, note); err != nil {
		return fmt.Errorf("%w: change log of shard %d at revision %d: %w", ErrDamaged, n.Shard, n.Rev, err)
	}
	for _, c := range note.Changes {
		told[string(c.Key)] = c
	}
	return nil
}

func (b *Book) verify(ctx context.Context, r store.Record, told map[string]*recordpb.Change, rep *Report) error {
	k := Key{string(r.Key)}
	parts, ok := split(k.enc)
	if !ok {
		return fmt.Errorf("%w: a record with the key %x", ErrDamaged, r.Key)
	}
	if c := told[k.enc]; c != nil {
		digest := sha256.Sum256(r.Body)
		if c.Ver != r.Ver || !bytes.Equal(c.Digest, digest[:]) {
			return fmt.Errorf("%w: record %x is not the one that was last written", ErrDamaged, r.Key)
		}
		delete(told, k.enc)
	}
	if k == ofState() { // not sealed; it has a MAC of its own
		return nil
	}
	plain, err := b.open(ctx, r)
	if err != nil {
		if err = forgotten(k, err); err == nil {
			rep.Forgotten++
		}
		return err
	}
	clear(plain)
	if parts[0] == spaceSwap { // says nothing but its version
		return nil
	}
	rep.Records++
	if parts[0] == spaceMaterial {
		got, err := b.engine.Get(ctx, OfKey(parts[1], parts[2], parts[3]).bytes())
		if err != nil {
			return err
		}
		if got[0].Ver == 0 {
			rep.Orphans = append(rep.Orphans, parts[3])
		}
	}
	return nil
}

// missing reports a record the log tells of and the store no longer has.
func missing(told map[string]*recordpb.Change) error {
	for k, c := range told {
		if c.Ver != 0 {
			return fmt.Errorf("%w: record %x was removed behind the change log's back", ErrDamaged, k)
		}
	}
	return nil
}
