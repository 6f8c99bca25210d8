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
	path, state := newStore(t, one)
	a, runA := newNodeOf(t, one, path, state)
	b, runB := newNodeOf(t, other, path, state)
	for _, n := range []node{a, b} {
		if err := n.Register(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	runA()
	runB()
	return a, b
}

// newNode is a node over a store of its own, which is to be registered and run.
func newNode(t *testing.T, engine store.Engine) (n node, run func()) {
	t.Helper()
	path, state := newStore(t, engine)
	return newNodeOf(t, engine, path, state)
}

// newStore makes a store, and returns where its root key is.
func newStore(t *testing.T, engine store.Engine) (path string, state []byte) {
	t.Helper()
	path = filepath.Join(t.TempDir(), "root.key")
	if err := seal.NewKeyFile(path); err != nil {
		t.Fatal(err)
	}
	ring, err := seal.Init(t.Context(), seal.KeyFile(path), time.Now())
	if err != nil {
		t.Fatal(err)
	}
	if err := record.InitState(t.Context(), engine, ring.State()); err != nil {
		t.Fatal(err)
	}
	return path, ring.State()
}

func newNodeOf(t *testing.T, engine store.Engine, path string, state []byte) (n node, run func()) {
	t.Helper()
	ring, err := seal.Open(t.Context(), state, seal.KeyFile(path))
	if err != nil {
		t.Fatal(err)
	}
	n.Book = record.Open(engine, ring, 1<<20)
	n.Lease, err = coherence.New(coherence.Config{Engine: engine, Memory: &record.Memory{Book: n.Book}})
	if err != nil {
		t.Fatal(err)
	}
	n.Book.Changed = n.Lease.Changed
	return n, func() {
		ctx, stop := context.WithCancel(t.Context())
		var wg sync.WaitGroup
		wg.Go(func() { n.Run(ctx) })
		t.Cleanup(func() {
			stop()
			wg.Wait()
		})
	}
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
				db, err := postgres.Open(t.Context(), url, postgres.Options{Make: true})
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
			if a.CacheStats().Hits == 0 {
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

// The database fails over to a standby that lacks commits which were acknowledged. A node that knows of them, because
// it has applied them or made them, forgets everything, tells the operator, and goes on from what there is.
func TestLostCommits(t *testing.T) {
	for name, running := range map[string]bool{"applied": true, "made, and not applied yet": false} {
		t.Run(name, func(t *testing.T) {
			url := pgtest.URL(t)
			db, err := postgres.Open(t.Context(), url, postgres.Options{Make: true})
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { db.Close() })
			n, run := newNode(t, db)
			k := record.OfKey("111122223333", "us-east-1", "k")
			n.put(t, k, 0, "Enabled")
			if err := n.Register(t.Context()); err != nil {
				t.Fatal(err)
			}
			pgtest.Do(t, url, `CREATE TABLE r AS TABLE rec; CREATE TABLE h AS TABLE head; CREATE TABLE c AS TABLE chg`)
			at := n.put(t, k, 1, "Disabled")[0]
			if running {
				run()
				if err := n.Await(t.Context(), at); err != nil {
					t.Fatal(err)
				}
			}
			n.want(t, k, "Disabled")
			use, err := n.Begin()
			if err != nil {
				t.Fatal(err)
			}
			pgtest.Do(t, url, `BEGIN; DELETE FROM rec; DELETE FROM head; DELETE FROM chg;
				INSERT INTO rec TABLE r; INSERT INTO head TABLE h; INSERT INTO chg TABLE c; COMMIT`)
			if !running {
				run()
			}
			for !errors.Is(use.Check(), coherence.ErrChanged) {
				n.Wake()
			}
			n.want(t, k, "Enabled")
			if s := n.Stats(); s.Alarms != 1 || s.Lapses != 0 {
				t.Errorf("got %d alarms, %d lapses, want one and none", s.Alarms, s.Lapses)
			}
			if r := n.Barrier(t.Context(), n.put(t, k, 1, "Disabled")); !r.Fenced() {
				t.Errorf("got %v, want fenced", r)
			}
			n.want(t, k, "Disabled")
		})
	}
}

// Hints go from a barrier on one node to the other nodes, by way of the database.
func TestRealHints(t *testing.T) {
	url := pgtest.URL(t)
	open := func() store.Engine {
		db, err := postgres.Open(t.Context(), url, postgres.Options{Make: true})
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
