package scale_test

import (
	"bytes"
	"context"
	"iter"
	"maps"
	"slices"
	"sync"

	"qkms/internal/store"
)

// A pile is a store.Engine in memory, for writing records as the product does and loading them elsewhere. It
// keeps heads and links, and no change log. What it does not have, its callers do not call.
type pile struct {
	store.Engine

	mu       sync.Mutex // guards all below
	records  map[string]store.Placed
	snapshot store.Snapshot
}

func newPile() *pile { return &pile{records: map[string]store.Placed{}} }

func (p *pile) Get(_ context.Context, keys ...[]byte) ([]store.Record, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	found := make([]store.Record, len(keys))
	for i, k := range keys {
		found[i] = p.records[string(k)].Record
		found[i].Key = k
	}
	return found, nil
}

func (p *pile) Commit(_ context.Context, t store.Txn) ([]store.Position, error) {
	shards, err := t.Vet()
	if err != nil {
		return nil, err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, c := range t.Checks {
		if p.records[string(c.Key)].Ver != c.Ver {
			return nil, &store.Conflict{Key: c.Key}
		}
	}
	for _, shard := range shards {
		head := &p.snapshot.Heads.Revs[shard]
		*head++
		if t.Link != nil {
			p.snapshot.Links[shard] = t.Link(shard, *head, t.Notes[shard], p.snapshot.Links[shard])
		}
	}
	for _, put := range t.Puts {
		p.records[string(put.Key)] = store.Placed{Record: store.Record{Key: put.Key, Ver: put.Ver, Body: put.Body}, Shard: put.Shard}
	}
	return nil, nil
}

// snap is everything that was committed, as a store of a later epoch: its log cannot be read from the beginning.
func (p *pile) snap() store.Snapshot {
	s := p.snapshot
	s.Heads.Epoch = 2
	s.Records = func(yield func(store.Placed, error) bool) {
		for _, k := range slices.Sorted(maps.Keys(p.records)) {
			if !yield(p.records[k], nil) {
				return
			}
		}
	}
	return s
}

// merged is both, in the order of their keys.
func merged(a, b iter.Seq2[store.Placed, error]) iter.Seq2[store.Placed, error] {
	return func(yield func(store.Placed, error) bool) {
		next, stop := iter.Pull2(b)
		defer stop()
		r, err, more := next()
		for l, failed := range a {
			for ; more && (err != nil || bytes.Compare(r.Key, l.Key) < 0); r, err, more = next() {
				if !yield(r, err) {
					return
				}
			}
			if !yield(l, failed) {
				return
			}
		}
		for ; more; r, err, more = next() {
			if !yield(r, err) {
				return
			}
		}
	}
}
