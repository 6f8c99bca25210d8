package backup

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"hash"
	"io"
	"iter"
	"time"

	"qkms/internal/record"
	"qkms/internal/store"
	"qkms/internal/store/stream"
)

// Moved is a store that is now in another place too.
type Moved struct {
	Records int    `json:"records"`
	Bytes   int64  `json:"bytes"`
	Epoch   uint64 `json:"epoch"`
}

// Move fills the engine to, which must be empty, with everything that from holds: ids, sealed bodies and
// versions as they are, under a new epoch. Then it reads to back and compares. It needs no root key. The engine
// from is not written to; the caller sees to it that nobody else does. Interrupted it leaves to empty.
func Move(ctx context.Context, from, to store.Engine, now time.Time, say func(Progress)) (Moved, error) {
	loader, is := to.(store.Loader)
	if !is {
		return Moved{}, errors.New("this kind of store cannot be filled yet")
	}
	if _, err := record.ReadState(ctx, from); err != nil {
		return Moved{}, err
	}
	var wrote digest
	m, err := pass(ctx, from, func(r *stream.Reader) error {
		snap := r.Snapshot()
		wrote = newDigest(snap)
		snap.Heads.Epoch = NewEpoch(now)(snap.Heads.Epoch)
		snap.Records = wrote.over(counting(snap.Records, r, say))
		return loader.Load(ctx, snap)
	})
	if err != nil {
		return Moved{}, err
	}
	var got digest
	back, err := pass(ctx, to, func(r *stream.Reader) error {
		snap := r.Snapshot()
		got = newDigest(snap)
		for _, err := range got.over(snap.Records) {
			if err != nil {
				return err
			}
		}
		return nil
	})
	if err == nil && [sha256.Size]byte(got.Sum(nil)) != [sha256.Size]byte(wrote.Sum(nil)) {
		err = errors.New("it holds something else")
	}
	if err != nil {
		return Moved{}, fmt.Errorf("what was written does not read back, do not use it: %w", err)
	}
	return Moved{Records: m.Records, Bytes: m.Bytes, Epoch: back.Heads.Epoch}, nil
}

// pass hands a snapshot of an engine to do, which reads all of it.
func pass(ctx context.Context, from store.Engine, do func(*stream.Reader) error) (store.Manifest, error) {
	out, in := io.Pipe()
	failed := make(chan error, 1)
	go func() {
		_, err := from.Backup(ctx, in)
		failed <- err
		_ = in.CloseWithError(err) // nil: the end
	}()
	r, err := stream.New(out)
	if err == nil {
		err = do(r)
	}
	_ = out.CloseWithError(errors.New("nobody reads on"))
	if broken := <-failed; err == nil {
		err = broken
	}
	if err != nil {
		return store.Manifest{}, err
	}
	m, whole := r.Manifest()
	if !whole {
		return m, errors.New("only part of it was taken")
	}
	return m, nil
}

// A digest is of everything that a move must not change: all but the epoch.
type digest struct{ hash.Hash }

func newDigest(s store.Snapshot) digest {
	d := digest{sha256.New()}
	for shard, rev := range s.Heads.Revs {
		d.add(rev, s.Links[shard])
	}
	return d
}

func (d digest) add(n uint64, texts ...[]byte) {
	d.Write(binary.BigEndian.AppendUint64(nil, n))
	for _, t := range texts {
		d.Write(binary.BigEndian.AppendUint64(nil, uint64(len(t))))
		d.Write(t)
	}
}

func (d digest) over(all iter.Seq2[store.Placed, error]) iter.Seq2[store.Placed, error] {
	return func(yield func(store.Placed, error) bool) {
		for p, err := range all {
			if err == nil {
				d.add(uint64(p.Shard), p.Key, p.Body)
				d.add(p.Ver)
			}
			if !yield(p, err) {
				return
			}
		}
	}
}
