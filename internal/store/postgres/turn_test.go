package postgres_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"

	"qkms/internal/store"
	"qkms/internal/store/postgres"
	"qkms/internal/store/postgres/pgtest"

	"github.com/jackc/pgx/v5"
)

// freeze has somebody take the head of a shard and fall silent, until thaw.
func freeze(t *testing.T, url string, shard int) (thaw func()) {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	for _, statement := range []string{`BEGIN`, fmt.Sprintf(`SELECT 1 FROM head WHERE shard = %d FOR UPDATE`, shard)} {
		if _, err := conn.Exec(t.Context(), statement); err != nil {
			t.Fatal(err)
		}
	}
	thaw = sync.OnceFunc(func() { _ = conn.Close(context.Background()) })
	t.Cleanup(thaw)
	return thaw
}

// Commits that wait for a head which a frozen node has do not take the connections away by which the lease is renewed,
// nor those of commits elsewhere: one node that is frozen would have the healthy ones lapse.
func TestAFrozenNodeHoldsUpItsShardAlone(t *testing.T) {
	for name, txn := range map[string]func(int) store.Txn{
		"one shard":  func(i int) store.Txn { return put(1, fmt.Sprint("k", i), 1, nil) },
		"two shards": func(i int) store.Txn { return store.Txn{Notes: map[int][]byte{1: nil, 2 + i: nil}} },
	} {
		t.Run(name, func(t *testing.T) {
			url := pgtest.URL(t)
			db := open(t, url, postgres.Options{})
			thaw := freeze(t, url, 1)
			const commits = 40
			outcomes := make(chan error)
			for i := range commits {
				go func() {
					_, err := db.Commit(context.WithoutCancel(t.Context()), txn(i))
					outcomes <- err
				}()
			}
			for i := range 50 { // more than the commits need to wait for everything that there is
				if _, err := db.Renew(t.Context(), store.Node{ID: "n"}); err != nil {
					t.Fatalf("Renew: %v", err)
				}
				if _, err := db.Peers(t.Context()); err != nil {
					t.Fatalf("Peers: %v", err)
				}
				if _, _, err := db.Changes(t.Context(), store.Vector{}, 1); err != nil {
					t.Fatalf("Changes: %v", err)
				}
				commit(t, db, put(50, fmt.Sprint("elsewhere", i), 1, nil))
				version(t, db, "k0")
			}
			select {
			case err := <-outcomes:
				t.Errorf("a commit behind a head that is taken: got %v, want it to wait", err)
			default:
			}
			thaw()
			for range commits {
				if err := <-outcomes; err != nil && !errors.Is(err, store.ErrUnavailable) {
					t.Errorf("a commit afterwards: %v", err)
				}
			}
		})
	}
}

// A commit does not wait in the database for a head until its caller gives up: it has the server forget it, and asks again.
func TestALockIsAskedForAgain(t *testing.T) {
	direct := pgtest.URL(t)
	p, url := through(t, direct)
	db := open(t, url, postgres.Options{})
	commit(t, db, increment) // statements are described
	var asked atomic.Int32
	again := make(chan struct{})
	watch := func(piece []byte) ([]byte, bool) {
		if bytes.Contains(piece, []byte("FOR UPDATE")) && asked.Add(1) == 2 {
			close(again)
		}
		return piece, false
	}
	p.toServer.Store(&watch)
	thaw := freeze(t, direct, 1)
	outcome := make(chan error, 1)
	go func() {
		_, err := db.Commit(t.Context(), increment)
		outcome <- err
	}()
	select {
	case <-again:
	case err := <-outcome:
		t.Fatalf("got %v, want another attempt", err)
	}
	thaw()
	if err := <-outcome; err != nil {
		t.Errorf("when the head is free: got %v, want success", err)
	}
	if heads, err := db.Renew(t.Context(), store.Node{ID: "n"}); err != nil || heads.Revs[1] != 2 {
		t.Errorf("got head %d, %v, want 2", heads.Revs[1], err)
	}
}

// Commits on many shards come through although others, on one of them each, never leave them all alone.
func TestCommitsOnManyShardsGetTheirTurn(t *testing.T) {
	db := newStore(t)
	wide := store.Txn{Notes: map[int][]byte{}}
	for shard := range store.Shards {
		wide.Notes[shard] = nil
	}
	ctx, stop := context.WithCancel(t.Context())
	var narrow sync.WaitGroup
	for i := range 32 {
		narrow.Go(func() {
			for ctx.Err() == nil {
				if _, err := db.Commit(context.WithoutCancel(ctx), put(i%4, fmt.Sprint("k", i), 1, nil)); err != nil {
					t.Errorf("Commit: %v", err)
				}
			}
		})
	}
	for range 5 {
		commit(t, db, wide)
	}
	stop()
	narrow.Wait()
}
