package postgres_test

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"qkms/internal/store"
	"qkms/internal/store/postgres"
	"qkms/internal/store/postgres/pgtest"
)

func TestOneHolderAtATime(t *testing.T) {
	url := pgtest.URL(t)
	held := postgres.Options{Hold: 3 * time.Second}
	first := open(t, url, held)
	if _, err := postgres.Open(t.Context(), url, held); !errors.Is(err, store.ErrLocked) {
		t.Errorf("a second process: got error %v, want ErrLocked", err)
	}
	commit(t, first, increment)
	if err := first.Held(); err != nil {
		t.Errorf("the first one, renewed meanwhile: %v", err)
	}
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
	second := open(t, url, held) // at once: the first has left
	commit(t, second, increment)
}

// A process that was killed is waited for, and what it had on its way is refused.
func TestDeadHolderIsReplaced(t *testing.T) {
	p, url := through(t, pgtest.URL(t))
	held := postgres.Options{Hold: 1500 * time.Millisecond}
	first := open(t, url, held)
	commit(t, first, increment)
	hang := func([]byte) ([]byte, bool) { return nil, false }
	p.toServer.Store(&hang) // a silent cut: connections stand, nothing arrives
	direct := p.direct(t, url)
	second := open(t, direct, held)
	if err := first.Held(); !errors.Is(err, store.ErrUnavailable) {
		t.Errorf("the first one when the second has begun: got error %v, want ErrUnavailable", err)
	}
	if _, err := first.Commit(t.Context(), increment); !errors.Is(err, store.ErrUnavailable) {
		t.Errorf("Commit of the first one: got error %v, want ErrUnavailable", err)
	}
	commit(t, second, increment)
	p.toServer.Store(nil)
	p.sever() // for Close, which would wait for an answer
}

// A holder that does not know yet that it was replaced cannot commit: its fence is not the newest.
func TestReplacedHolderCannotCommit(t *testing.T) {
	for name, txn := range map[string]store.Txn{
		"in a shard":        increment,
		"outside any shard": {Puts: []store.Put{{Shard: store.Loose, Key: []byte("l"), Ver: 1}}},
	} {
		t.Run(name, func(t *testing.T) {
			url := pgtest.URL(t)
			first := open(t, url, postgres.Options{Hold: time.Hour})
			commit(t, first, increment)
			if err := first.Expire(t.Context()); err != nil {
				t.Fatal(err)
			}
			second := open(t, url, postgres.Options{Hold: time.Hour})
			if _, err := first.Commit(t.Context(), txn); !errors.Is(err, store.ErrUnavailable) {
				t.Errorf("got error %v, want ErrUnavailable", err)
			}
			if err := first.Held(); !errors.Is(err, store.ErrUnavailable) {
				t.Errorf("Held, after that: got error %v, want ErrUnavailable", err)
			}
			commit(t, second, increment)
			if heads, err := second.Renew(t.Context(), store.Node{ID: "n"}); err != nil || heads.Revs[1] != 2 {
				t.Errorf("got head %d, %v, want 2", heads.Revs[1], err)
			}
		})
	}
}

// Nodes share a store, and nobody has it alone while one of them is alive. One that slept while somebody had it
// neither commits nor renews ever again: what it goes by is of another time, perhaps of another store.
func TestSharedAndAlone(t *testing.T) {
	url := pgtest.URL(t)
	alone := postgres.Options{Hold: time.Hour}
	nodes := []*postgres.DB{open(t, url, postgres.Options{}), open(t, url, postgres.Options{})}
	renew := func(d *postgres.DB, id string) error {
		_, err := d.Renew(t.Context(), store.Node{ID: id, Info: `{"bound":"2s"}`})
		return err
	}
	for i, d := range nodes {
		commit(t, d, increment)
		if err := renew(d, string(rune('a'+i))); err != nil {
			t.Fatal(err)
		}
	}
	beating, stop := context.WithCancel(t.Context())
	var wait sync.WaitGroup
	wait.Go(func() {
		for beating.Err() == nil {
			if err := renew(nodes[0], "a"); err != nil {
				t.Errorf("renew: %v", err)
			}
		}
	})
	if _, err := postgres.Open(t.Context(), url, alone); !errors.Is(err, store.ErrLocked) {
		t.Errorf("alone while a node is alive: got error %v, want ErrLocked", err)
	}
	stop()
	wait.Wait()

	mover := open(t, url, alone)
	if _, err := postgres.Open(t.Context(), url, postgres.Options{}); !errors.Is(err, store.ErrLocked) {
		t.Errorf("a node that starts while another process has the store: got error %v, want ErrLocked", err)
	}
	if _, err := nodes[0].Commit(t.Context(), increment); !errors.Is(err, store.ErrUnavailable) {
		t.Errorf("Commit of a node that slept: got error %v, want ErrUnavailable", err)
	}
	if err := renew(nodes[1], "b"); !errors.Is(err, store.ErrUnavailable) {
		t.Errorf("Renew of a node that slept: got error %v, want ErrUnavailable", err)
	}
	if err := mover.Close(); err != nil {
		t.Fatal(err)
	}
	if err := renew(nodes[1], "b"); !errors.Is(err, store.ErrUnavailable) {
		t.Errorf("Renew after that: got error %v, want ErrUnavailable", err)
	}
	commit(t, open(t, url, postgres.Options{}), increment)
}

// A node that is cut off answers from memory until its bound is over. Its row stands still like that of a node that is
// dead, so it is waited for; when it renews nobody has the store alone.
func TestANodeThatMayBeCutOffIsWaitedFor(t *testing.T) {
	for info, want := range map[string]string{
		`{"host":"h","bound":"5m0s"}`: "wait=5m0s",
		`{"bound":"9999h"}`:           "wait=5m0s",
		`{"bound":"20s","more":1}`:    "wait=20s",
		"something else":              "wait=45s",
	} {
		t.Run(info, func(t *testing.T) {
			t.Parallel()
			url := pgtest.URL(t)
			node := open(t, url, postgres.Options{})
			renew := func() {
				if _, err := node.Renew(t.Context(), store.Node{ID: "n", Info: info}); err != nil {
					t.Errorf("Renew: %v", err)
				}
			}
			renew()
			said := make(chan string, 1)
			opened := make(chan error, 1)
			go func() {
				_, err := postgres.Open(t.Context(), url, postgres.Options{Hold: time.Hour, Logger: slog.New(slog.NewTextHandler(lines(said), nil))})
				opened <- err
			}()
			select {
			case line := <-said:
				if !strings.Contains(line, want) {
					t.Errorf("got %q, want %q in it", line, want)
				}
			case err := <-opened:
				t.Fatalf("got %v, want it to wait", err)
			}
			renew()
			if err := <-opened; !errors.Is(err, store.ErrLocked) {
				t.Errorf("when it renewed: got error %v, want ErrLocked", err)
			}
			renew() // and its right to the store is what it was
		})
	}
}

// lines is a channel of what is written to it, one line at a time.
type lines chan string

func (l lines) Write(b []byte) (int, error) {
	l <- string(b)
	return len(b), nil
}

// A store that was moved elsewhere serves nobody any more, whoever had it before or asks for it again.
func TestARetiredStoreIsNeverOpened(t *testing.T) {
	url := pgtest.URL(t)
	node := open(t, url, postgres.Options{})
	if err := node.Retire(t.Context()); err == nil {
		t.Error("by one of those who share it: got no error")
	}
	mover := open(t, url, postgres.Options{Hold: time.Hour})
	if err := mover.Retire(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := mover.Close(); err != nil {
		t.Fatal(err)
	}
	for name, opts := range map[string]postgres.Options{"a node": {}, "another move": {Hold: time.Second}} {
		if _, err := postgres.Open(t.Context(), url, opts); !errors.Is(err, store.ErrMoved) {
			t.Errorf("%s: got error %v, want ErrMoved", name, err)
		}
	}
	if _, err := postgres.Migrate(t.Context(), url, postgres.Options{}); !errors.Is(err, store.ErrMoved) {
		t.Errorf("migrate: got error %v, want ErrMoved", err)
	}
	if _, err := node.Renew(t.Context(), store.Node{ID: "n"}); !errors.Is(err, store.ErrUnavailable) || !strings.Contains(err.Error(), "serve from where it is now") {
		t.Errorf("Renew of a node that slept: got error %v, want ErrUnavailable that says what happened", err)
	}
	pgtest.Do(t, url, `UPDATE job SET until = 0 WHERE name = 'store'`) // as docs/operate.md says
	commit(t, open(t, url, postgres.Options{}), increment)
}
