package record

import (
	"bytes"
	"context"
	"fmt"
	"sync"

	"google.golang.org/protobuf/proto"

	"qkms/internal/custody"
	"qkms/internal/record/recordpb"
	"qkms/internal/store"
)

// A Memory is what a node remembers of its store: the records of a Book, and the materials that custody
// has unsealed. It implements coherence.Memory, for stores that other nodes change.
type Memory struct {
	Book      *Book
	Materials interface { // nil: none are kept
		Forget(custody.Ref)
		ForgetAll()
	}

	mu    sync.Mutex                 // guards links
	links [store.Shards]*chainedNote // the newest note dropped of each shard; nil: not known
}

// A chainedNote is a place in the chain of a shard.
type chainedNote struct {
	rev  uint64
	link []byte
}

// Drop forgets the records that a commit has changed, on whatever node, and takes over keys that were exchanged. It
// returns ErrDamaged for a note that does not follow from the one dropped before: who writes the database could otherwise
// keep a revocation from a node by rewriting the note that tells of it; and store.ErrUnavailable while keys cannot be
// taken over: then n is not dropped, and may come again.
func (m *Memory) Drop(ctx context.Context, n store.Note) error {
	if err := m.follow(n); err != nil {
		return err
	}
	note := new(recordpb.Note)
	if err := proto.Unmarshal(n.Body, note); err != nil {
		return fmt.Errorf("%w: change log of shard %d at revision %d: %w", ErrDamaged, n.Shard, n.Rev, err)
	}
	for _, c := range note.Changes {
		k := Key{string(c.Key)}
		if k == ofState() {
			if err := m.exchanged(ctx); err != nil {
				return err
			}
		}
		m.Book.drop(k)
		if parts, ok := split(k.enc); ok && m.Materials != nil && len(parts) == 5 && parts[0] == spaceMaterial {
			m.Materials.Forget(custody.Ref{Account: parts[1], Region: parts[2], KeyID: parts[3], MaterialID: parts[4]})
		}
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.links[n.Shard] = &chainedNote{n.Rev, n.Link}
	return nil
}

func (m *Memory) exchanged(ctx context.Context) error {
	if err := m.Book.Follow(ctx); err != nil {
		return fmt.Errorf("%w: %w", store.ErrUnavailable, err)
	}
	return nil
}

// follow checks that n continues the chain. The first note after everything was dropped is taken as given.
func (m *Memory) follow(n store.Note) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if n.Shard < 0 || n.Shard >= store.Shards {
		return fmt.Errorf("%w: a note of shard %d", ErrDamaged, n.Shard)
	}
	last := m.links[n.Shard]
	if last == nil || last.rev+1 == n.Rev && bytes.Equal(n.Link, m.Book.chain(n.Shard, n.Rev, n.Body, last.link)) {
		return nil
	}
	return fmt.Errorf("%w: change log of shard %d breaks at revision %d", ErrDamaged, n.Shard, n.Rev)
}

// DropAll forgets everything, and takes over keys that were exchanged. On an error the keys are the former ones.
func (m *Memory) DropAll(ctx context.Context) error {
	m.mu.Lock()
	m.links = [store.Shards]*chainedNote{}
	m.mu.Unlock()
	m.Book.cache.DropAll()
	if m.Materials != nil {
		m.Materials.ForgetAll()
	}
	return m.exchanged(ctx)
}
