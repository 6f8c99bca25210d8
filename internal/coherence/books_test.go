package coherence_test

import (
	"context"
	"errors"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"qkms/internal/coherence"
	"qkms/internal/record"
	"qkms/internal/record/recordpb"
	"qkms/internal/seal"
	"qkms/internal/store"
	"qkms/internal/store/postgres"
	"qkms/internal/store/postgres/pgtest"
	"qkms/internal/store/sqlite"
)

// A node is a book under a lease, over a real store.
type node struct {
	*record.Book
	*coherence.Lease
}

// nodes starts two nodes over two handles of one store. They run until the test ends.
func nodes(t *testing.T, one, other store.Engine) (a, b node) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "root.key")
	if err := seal.NewKeyFile(path); err != nil {
		t.Fatal(err)
	}
	ring, err := seal.Init(t.Context(), seal.KeyFile(path), time.Now())
	if err != nil {
		t.Fatal(err)
	}
	if err := record.InitState(t.Context(), one, ring.State()); err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	t.Cleanup(func() {
		stop()
		wg.Wait()
	})
	start := func(engine store.Engine) node {
		ring, err := seal.Open(ctx, ring.State(), seal.KeyFile(path))
		if err != nil {
			t.Fatal(err)
		}
		book := record.Open(engine, ring, 1000)
		lease, err := coherence.New(coherence.Config{Engine: engine, Memory: &record.Memory{Book: book}})
		if err != nil {
			t.Fatal(err)
		}
		book.Changed = lease.Changed
		if err := lease.Register(ctx); err != nil {
			t.Fatal(err)
		}
		wg.Go(func() { lease.Run(ctx) })
		return node{book, lease}
	}
	return start(one), start(other)
}

func (n node) put(t *testing.T, k record.Key, ver uint64, state string) []store.Position {
	t.Helper()
	c := n.Change()
	if ver == 0 {
		c.Insert(k, &recordpb.Key{State: state})
	} else {
		c.Replace(k, ver, &recordpb.Key{State: state})
	}
	if err := n.Commit(t.Context(), c, "", nil); err != nil {
		t.Fatal(err)
	}
	return c.Positions()
}

func (n node) want(t *testing.T, k record.Key, state string) {
	t.Helper()
	got, _, err := record.Load[recordpb.Key](t.Context(), n.Book, k)
	if err != nil || got.GetState() != state {
		t.Errorf("got state %q, %v, want %q", got.GetState(), err, state)
	}
}

// A key that one node has in memory is disabled on the other.
func TestRealStores(t *testing.T) {
	for name, open := range map[string]func(t *testing.T) (one, other store.Engine){
		"sqlite": func(t *testing.T) (store.Engine, store.Engine) {
			db, err := sqlite.Open(t.Context(), filepath.Join(t.TempDir(), "qkms.db"), sqlite.Options{})
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { db.Close() })
			return db, db
		},
		"postgres": func(t *testing.T) (store.Engine, store.Engine) {
			url := pgtest.URL(t)
			open := func() store.Engine {
				db, err := postgres.Open(t.Context(), url, postgres.Options{})
				if err != nil {
					t.Fatal(err)
				}
				t.Cleanup(func() { db.Close() })
				return db
			}
			return open(), open()
		},
	} {
		t.Run(name, func(t *testing.T) {
			one, other := open(t)
			a, b := nodes(t, one, other)
			k := record.OfKey("111122223333", "us-east-1", "k")
			if r := b.Barrier(t.Context(), b.put(t, k, 0, "Enabled")); !r.Fenced() {
				t.Errorf("got %v, want fenced", r)
			}
			a.want(t, k, "Enabled")
			use, err := a.Begin()
			if err != nil {
				t.Fatal(err)
			}
			a.want(t, k, "Enabled")
			if hits, _, _ := a.CacheStats(); hits == 0 {
				t.Error("the key was not remembered")
			}
			if r := b.Barrier(t.Context(), b.put(t, k, 1, "Disabled")); !r.Fenced() {
				t.Errorf("got %v, want fenced", r)
			}
			if err := use.Check(); !errors.Is(err, coherence.ErrChanged) {
				t.Errorf("a use from before: got %v, want ErrChanged", err)
			}
			a.want(t, k, "Disabled")
			if s := a.Stats(); s.Alarms != 0 || s.Notes == 0 {
				t.Errorf("got %+v, want notes and no alarm", s)
			}
		})
	}
}

// Hints go from a barrier on one node to the other nodes, by way of the database.
func TestRealHints(t *testing.T) {
	url := pgtest.URL(t)
	open := func() store.Engine {
		db, err := postgres.Open(t.Context(), url, postgres.Options{})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { db.Close() })
		return db
	}
	a, b := nodes(t, open(), open())
	k := record.OfKey("111122223333", "us-east-1", "k")
	for ver := uint64(0); a.Stats().Hints < 5; ver++ { // the first may be for what was said before it listened
		if r := b.Barrier(t.Context(), b.put(t, k, ver, "Enabled")); !r.Fenced() {
			t.Fatalf("got %v, want fenced", r)
		}
	}
	t.Logf("%d renewals, %d hints; barriers took %v together", a.Stats().Beats, a.Stats().Hints, b.Stats().Waited)
}
