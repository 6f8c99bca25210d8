package faults_test

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"sync"

	"qkms/internal/store"
	"qkms/internal/store/sqlite"
)

const writers = 4

// An engine is a store, and what is damaged of it.
type engine interface {
	store.Engine
	Check(ctx context.Context) error
}

// transaction is what a writer commits next: its three records together, in two shards and outside all.
func transaction(writer int, ver uint64) store.Txn {
	a, b, c := keys(writer)
	body := make([]byte, 100+int(ver*7919%9000)) // from a part of a page to three
	return store.Txn{
		Checks: []store.Check{{Shard: writer, Key: a, Ver: ver - 1}},
		Puts: []store.Put{
			{Shard: writer, Key: a, Ver: ver, Body: body},
			{Shard: writer + writers, Key: b, Ver: ver, Body: body[:100]},
			{Shard: store.Loose, Key: c, Ver: ver},
		},
		Notes: map[int][]byte{writer: a},
		Link:  chain,
	}
}

func keys(writer int) (a, b, c []byte) {
	return fmt.Append(nil, "a/", writer), fmt.Append(nil, "b/", writer), fmt.Append(nil, "c/", writer)
}

func chain(shard int, rev uint64, note, previous []byte) []byte {
	h := sha256.New()
	h.Write(binary.BigEndian.AppendUint64([]byte{byte(shard)}, rev))
	h.Write(previous)
	h.Write(note)
	return h.Sum(nil)
}

// work has all writers commit and acknowledge, from where they are on, until stop is called, which waits for them.
func (m *machine) work(db store.Engine) (stop func()) {
	ctx, cancel := context.WithCancel(m.Context())
	var wg sync.WaitGroup
	for writer := range writers {
		wg.Go(func() {
			a, _, _ := keys(writer)
			now, err := db.Get(m.Context(), a)
			if err != nil {
				m.Error(err)
				return
			}
			for ver := now[0].Ver + 1; ctx.Err() == nil; ver++ {
				_, err := db.Commit(m.Context(), transaction(writer, ver))
				if err == nil {
					err = m.acknowledge(writer, ver)
				}
				if err != nil {
					m.Errorf("writer %d, version %d: %v", writer, ver, err)
					_ = m.rpc.Close() // ends the wait for cuts that will not come
					return
				}
			}
		})
	}
	return func() {
		cancel()
		wg.Wait()
	}
}

// inspect opens the store that an outage left, and says how many acknowledged commits are missing
// from it. The error says what is torn, which nothing excuses.
func (m *machine) inspect(o outage) (missing uint64, err error) {
	if o.err != nil {
		return 0, o.err
	}
	db, err := sqlite.Open(m.Context(), o.store(), sqlite.Options{})
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	return m.examine(db, o)
}

// examine is inspect of a store that could be opened.
func (m *machine) examine(db engine, o outage) (missing uint64, err error) {
	if err := db.Check(m.Context()); err != nil {
		return 0, err
	}
	heads, err := db.Renew(m.Context(), store.Node{ID: "inspector"})
	if err != nil {
		return 0, err
	}
	if err := verifyChain(m.Context(), db, heads.Revs); err != nil {
		return 0, err
	}
	for writer := range writers {
		ver, err := verifyWriter(m.Context(), db, heads.Revs, writer)
		if err != nil {
			return 0, err
		}
		if acked := o.acknowledged[writer]; ver < acked {
			missing += acked - ver
		} else if ver > acked+1 {
			return 0, fmt.Errorf("writer %d is at version %d, but never got beyond %d", writer, ver, acked+1)
		}
		// The machine goes on where it was.
		if _, err := db.Commit(m.Context(), transaction(writer, ver+1)); err != nil {
			return 0, err
		}
	}
	return missing, nil
}

// verifyWriter returns the version of a writer's records after checking that it is one version, and
// that their shards' heads count as many commits.
func verifyWriter(ctx context.Context, db engine, heads store.Vector, writer int) (uint64, error) {
	a, b, c := keys(writer)
	got, err := db.Get(ctx, a, b, c)
	if err != nil {
		return 0, err
	}
	ver := got[0].Ver
	if got[1].Ver != ver || got[2].Ver != ver || heads[writer] != ver || heads[writer+writers] != ver {
		return 0, fmt.Errorf("writer %d: a commit was torn: versions %d, %d, %d, heads %d, %d",
			writer, ver, got[1].Ver, got[2].Ver, heads[writer], heads[writer+writers])
	}
	if want := transaction(writer, ver).Puts[0].Body; ver > 0 && len(got[0].Body) != len(want) {
		return 0, fmt.Errorf("writer %d: got a body of %d bytes, want %d", writer, len(got[0].Body), len(want))
	}
	return ver, nil
}

// verifyChain recomputes the links of the newest notes.
func verifyChain(ctx context.Context, db engine, heads store.Vector) error {
	from := heads
	for shard := range from {
		from[shard] -= min(from[shard], 100)
	}
	notes, _, err := db.Changes(ctx, from, 100*store.Shards)
	if err != nil {
		return err
	}
	var previous [store.Shards][]byte
	for _, n := range notes {
		if known := previous[n.Shard] != nil || n.Rev == 1; known && string(chain(n.Shard, n.Rev, n.Body, previous[n.Shard])) != string(n.Link) {
			return fmt.Errorf("shard %d revision %d: the link does not follow from the one before", n.Shard, n.Rev)
		}
		previous[n.Shard] = n.Link
	}
	return nil
}
