package postgres_test

import (
	"errors"
	"fmt"
	"net/url"
	"strings"
	"sync"
	"testing"

	"qkms/internal/store"
	"qkms/internal/store/postgres"
	"qkms/internal/store/postgres/pgtest"
)

func TestManyMakeOneStore(t *testing.T) {
	url := pgtest.URL(t)
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			db, err := postgres.Open(t.Context(), url, postgres.Options{Make: true})
			if err != nil {
				t.Errorf("Open: %v", err)
				return
			}
			if _, err := db.Commit(t.Context(), put(1, fmt.Sprint("k", i), 1, nil)); err != nil {
				t.Errorf("Commit: %v", err)
			}
			if err := db.Close(); err != nil {
				t.Errorf("Close: %v", err)
			}
		})
	}
	wg.Wait()
	db := open(t, url, postgres.Options{})
	if heads, err := db.Renew(t.Context(), store.Node{ID: "n"}); err != nil || heads.Revs[1] != 8 {
		t.Errorf("got head %d, %v, want 8", heads.Revs[1], err)
	}
}

func TestForeignDatabaseIsLeftAlone(t *testing.T) {
	for name, statements := range map[string][]string{
		"a table of our name":       {`CREATE TABLE rec (id int)`},
		"a meta of somebody else's": {`CREATE TABLE meta (id int)`},
	} {
		t.Run(name, func(t *testing.T) {
			url := pgtest.URL(t)
			for _, s := range statements {
				pgtest.Do(t, url, s)
			}
			for _, asked := range []bool{true, false} {
				if _, err := postgres.Open(t.Context(), url, postgres.Options{Make: asked}); err == nil || !strings.Contains(err.Error(), "a database of its own") {
					t.Errorf("got error %v, want one that tells what to do", err)
				}
			}
		})
	}
}

func TestStoreOfANewerProgramIsRefused(t *testing.T) {
	for what, row := range map[string]struct{ statement, want string }{
		"writer": {`UPDATE meta SET val = 2 WHERE name = 'min_writer'`, "(to be written it needs store format 2, this program knows 1): install a newer qkms"},
		"reader": {`UPDATE meta SET val = 2 WHERE name = 'min_reader'`, "(to be read it needs store format 2, this program knows 1): install a newer qkms"},
		"shards": {`UPDATE meta SET val = 128 WHERE name = 'shards'`, "128 shards"},
		"cut":    {`DELETE FROM meta WHERE name = 'epoch'`, "damaged"},
	} {
		url := pgtest.URL(t)
		db := open(t, url, postgres.Options{})
		if err := db.Do(t.Context(), row.statement); err != nil {
			t.Fatal(err)
		}
		if _, err := postgres.Open(t.Context(), url, postgres.Options{}); err == nil || !strings.Contains(err.Error(), row.want) {
			t.Errorf("%s: got error %v, want %q", what, err, row.want)
		}
	}
}

func TestOldNotesAreTrimmed(t *testing.T) {
	db := newStore(t)
	if err := db.Do(t.Context(), fmt.Sprintf(`WITH n AS (INSERT INTO chg SELECT 3, n, 'n' FROM generate_series(1, %[1]d) AS g(n))
		UPDATE head SET rev = %[1]d WHERE shard = 3`, store.NoteWindow+200)); err != nil {
		t.Fatal(err)
	}
	for range 100 {
		commit(t, db, store.Txn{Notes: map[int][]byte{3: []byte("n")}})
	}
	if _, _, err := db.Changes(t.Context(), store.Vector{}, 10); !errors.Is(err, store.ErrGone) {
		t.Errorf("got error %v, want ErrGone", err)
	}
	if err := db.Check(t.Context()); err != nil {
		t.Errorf("a trimmed log is not damage, got %v", err)
	}
}

func TestCheckFindsALostNote(t *testing.T) {
	for rev := 1; rev <= 3; rev++ {
		db := newStore(t)
		for ver := range uint64(3) {
			commit(t, db, put(5, "k", ver+1, nil))
		}
		if err := db.Do(t.Context(), fmt.Sprint(`DELETE FROM chg WHERE shard = 5 AND rev = `, rev)); err != nil {
			t.Fatal(err)
		}
		err := db.Check(t.Context())
		if rev == 1 { // which is what trimming does
			if err != nil {
				t.Errorf("first note gone: got error %v, want none", err)
			}
			continue
		}
		if err == nil || !strings.Contains(err.Error(), "shard 5") {
			t.Errorf("note %d of 3 gone: got error %v, want one naming shard 5", rev, err)
		}
		if _, _, err := db.Changes(t.Context(), store.Vector{}, 10); !errors.Is(err, store.ErrGone) {
			t.Errorf("note %d of 3 gone: Changes got error %v, want ErrGone", rev, err)
		}
	}
}

// Behind a pooler that hands out server connections by the transaction, no call may rely on what the
// one before left on its connection. Here each has a new one.
func TestNothingIsLeftOnAConnection(t *testing.T) {
	db := newStore(t)
	for ver := range uint64(3) {
		commit(t, db, put(1, "k", ver+1, nil))
		db.Forget()
		if got := version(t, db, "k"); got != ver+1 {
			t.Errorf("got version %d, want %d", got, ver+1)
		}
		db.Forget()
		if _, err := db.Renew(t.Context(), store.Node{ID: "n"}); err != nil {
			t.Error(err)
		}
		db.Forget()
		if notes, _, err := db.Changes(t.Context(), store.Vector{}, 10); err != nil || len(notes) != int(ver+1) {
			t.Errorf("got %d notes, %v, want %d", len(notes), err, ver+1)
		}
		db.Forget()
		if err := db.Touch(t.Context(), []store.Use{{Key: []byte("u"), At: ver + 1}}); err != nil {
			t.Error(err)
		}
		db.Forget()
	}
}

// A server that is not there is passed over, and so is one that takes no writes: its answers prove nothing.
func TestHostsAreTriedInTurn(t *testing.T) {
	whole := pgtest.URL(t)
	u, err := url.Parse(whole)
	if err != nil {
		t.Fatal(err)
	}
	u.Host = "127.0.0.1:1," + u.Host
	commit(t, open(t, u.String(), postgres.Options{}), increment)

	name := strings.TrimPrefix(u.Path, "/")
	u.Path, u.Host = "/postgres", strings.TrimPrefix(u.Host, "127.0.0.1:1,")
	pgtest.Do(t, u.String(), `ALTER DATABASE `+name+` SET default_transaction_read_only = on`)
	defer pgtest.Do(t, u.String(), `ALTER DATABASE `+name+` RESET default_transaction_read_only`)
	_, err = postgres.Open(t.Context(), whole, postgres.Options{})
	if !errors.Is(err, store.ErrUnavailable) || !strings.Contains(err.Error(), "read only") {
		t.Errorf("a server that takes no writes: got error %v, want ErrUnavailable that says so", err)
	}
}
