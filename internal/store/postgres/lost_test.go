package postgres_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"qkms/internal/store"
	"qkms/internal/store/postgres"
	"qkms/internal/store/postgres/pgtest"
)

// increment is a change that shows when it is applied twice: it does not check what it replaces, but
// the head moves each time.
var increment = store.Txn{
	Puts:  []store.Put{{Shard: 1, Key: []byte("k"), Ver: 1, Body: []byte("body")}},
	Notes: map[int][]byte{1: []byte("note")},
}

// The connection is cut at each point of a commit. Whatever the answer, it is applied once at most, and
// the answer is true.
func TestConnectionCutInACommit(t *testing.T) {
	for name, row := range map[string]struct {
		arm     func(p *proxy)
		want    error // nil: it goes through, on another connection
		applied uint64
	}{
		"before it began":           {func(p *proxy) { p.toServer.Store(once("FOR UPDATE", cut)) }, nil, 1},
		"before the heads are told": {func(p *proxy) { p.toServer.Store(once("FOR UPDATE", cutAfter)) }, nil, 1},
		"before COMMIT is sent":     {func(p *proxy) { p.toServer.Store(once("COMMIT\x00", cut)) }, store.ErrUnknown, 0},
		"before COMMIT is answered": {func(p *proxy) { p.toClient.Store(once("COMMIT\x00", cut)) }, store.ErrUnknown, 1},
	} {
		t.Run(name, func(t *testing.T) {
			p, url := through(t, pgtest.URL(t))
			db := open(t, url, postgres.Options{})
			commit(t, db, store.Txn{Puts: []store.Put{{Shard: 2, Key: []byte("warm"), Ver: 1}}, Notes: map[int][]byte{2: nil}}) // statements are described
			row.arm(p)
			_, err := db.Commit(t.Context(), increment)
			if !errors.Is(err, row.want) {
				t.Errorf("got error %v, want %v", err, row.want)
			}
			if row.applied == 1 {
				await(t, db, 1)
			}
			if heads, err := db.Renew(t.Context(), store.Node{ID: "n"}); err != nil || heads.Revs[1] != row.applied {
				t.Errorf("got head %d, %v, want %d", heads.Revs[1], err, row.applied)
			}
			if n := p.cancels.Load(); n != 0 {
				t.Errorf("got %d requests to cancel, want none", n)
			}
		})
	}
}

// await returns when shard 1 is at rev: a commit whose answer was cut off may still be on its way.
func await(t *testing.T, db *postgres.DB, rev uint64) {
	t.Helper()
	for t.Context().Err() == nil {
		heads, err := db.Renew(t.Context(), store.Node{ID: "n"})
		if err != nil {
			t.Fatal(err)
		}
		if heads.Revs[1] >= rev {
			return
		}
	}
}

// A caller that gives up while COMMIT is on its way learns that nobody knows, and nothing is cancelled:
// the wait for a synchronous standby would be, and the commit acknowledged without it.
func TestNothingIsCancelled(t *testing.T) {
	p, url := through(t, pgtest.URL(t))
	db := open(t, url, postgres.Options{})
	commit(t, db, increment)
	ctx, cancel := context.WithCancel(t.Context())
	p.toClient.Store(once("COMMIT\x00", func([]byte) ([]byte, bool) { cancel(); return nil, false }))
	if _, err := db.Commit(ctx, increment); !errors.Is(err, store.ErrUnknown) {
		t.Errorf("got error %v, want ErrUnknown", err)
	}
	await(t, db, 2)
	if err := db.Close(); err != nil {
		t.Error(err)
	}
	_ = p.listener.Close()
	p.running.Wait() // a request to cancel would have come by now
	if n := p.cancels.Load(); n != 0 {
		t.Errorf("got %d requests to cancel, want none", n)
	}
}

// With a standby that never answers a commit waits; the operator who cancels the wait makes the server
// say success, with a warning.
func TestWarningOnCommitIsUnknown(t *testing.T) {
	server := pgtest.New(t, "fsync=off")
	db := open(t, server.Database(t), postgres.Options{})
	commit(t, db, increment)
	for _, statement := range []string{`ALTER SYSTEM SET synchronous_standby_names = 'nobody'`, `SELECT pg_reload_conf()`} {
		if err := server.Do(statement); err != nil {
			t.Fatal(err)
		}
	}
	server.Until(t, `SELECT current_setting('synchronous_standby_names') = 'nobody'`)
	done := make(chan error)
	go func() {
		_, err := db.Commit(t.Context(), increment)
		done <- err
	}()
	server.Until(t, `SELECT bool_or(pg_cancel_backend(pid)) FROM pg_stat_activity WHERE wait_event = 'SyncRep'`)
	if err := <-done; !errors.Is(err, store.ErrUnknown) {
		t.Errorf("got error %v, want ErrUnknown", err)
	}
	if err := server.Do(`ALTER SYSTEM RESET synchronous_standby_names`); err != nil { // for what Close writes
		t.Fatal(err)
	}
	if err := server.Do(`SELECT pg_reload_conf()`); err != nil {
		t.Fatal(err)
	}
}

func TestServerThatIsNotThere(t *testing.T) {
	p, url := through(t, pgtest.URL(t))
	db := open(t, url, postgres.Options{})
	commit(t, db, increment)
	hang := cut
	p.toServer.Store(&hang)
	_ = p.listener.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	if _, err := db.Commit(ctx, increment); !errors.Is(err, store.ErrUnavailable) {
		t.Errorf("Commit: got error %v, want ErrUnavailable", err)
	}
	if _, err := db.Get(ctx, []byte("k")); !errors.Is(err, store.ErrUnavailable) {
		t.Errorf("Get: got error %v, want ErrUnavailable", err)
	}
}
