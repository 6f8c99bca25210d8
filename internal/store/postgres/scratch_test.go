package postgres_test

import (
	"bytes"
	"net/url"
	"strings"
	"testing"

	"qkms/internal/store/postgres"
	"qkms/internal/store/postgres/pgtest"
)

func TestScratchStoresDoNotMeet(t *testing.T) {
	url := pgtest.URL(t)
	for range 2 { // what the first leaves is nothing
		s, err := postgres.OpenScratch(t.Context(), url)
		if err != nil {
			t.Fatal(err)
		}
		var drops []func() error
		for range 2 {
			at, drop, err := s.New(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			drops = append(drops, drop)
			db := open(t, at, postgres.Options{})
			if got := version(t, db, "k"); got != 0 {
				t.Errorf("got version %d in a new store, want none", got)
			}
			commit(t, db, put(1, "k", 1, nil))
			if err := db.Close(); err != nil {
				t.Error(err)
			}
		}
		if other, err := postgres.OpenScratch(t.Context(), url); err == nil || !strings.Contains(err.Error(), "DROP SCHEMA qkms_store_test_1 CASCADE") {
			t.Errorf("a second test: got %v, %v, want to hear of the first", other, err)
		}
		for _, drop := range drops {
			if err := drop(); err != nil {
				t.Error(err)
			}
		}
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}
}

func TestScratchIsNobodyElsesDatabase(t *testing.T) {
	wantRefusal := func(what, url, table string) {
		t.Helper()
		if _, err := postgres.OpenScratch(t.Context(), url); err == nil || !strings.Contains(err.Error(), table+": the test wants a database with nothing in it") {
			t.Errorf("%s: got error %v, want one that names table %s", what, err, table)
		}
	}
	used := pgtest.URL(t)
	pgtest.Do(t, used, `CREATE TABLE invoices (id int)`)
	wantRefusal("a table", used, "public.invoices")
	wantRefusal("a table of somebody else", as(t, used, "visitor"), "public.invoices")
	kept := pgtest.URL(t)
	_ = open(t, kept, postgres.Options{}).Close()
	wantRefusal("a store", kept, "public.chg")
}

func TestScratchNeedsTheRightToMakeSchemas(t *testing.T) {
	s, err := postgres.OpenScratch(t.Context(), as(t, pgtest.URL(t), "guest"))
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if _, _, err := s.New(t.Context()); err == nil || !strings.Contains(err.Error(), "make a schema: ERROR: permission denied for database") {
		t.Errorf("got error %v, want one about the schema", err)
	}
}

// as is the URL with a user who has no rights, and goes when the test ends.
func as(t *testing.T, store, user string) string {
	t.Helper()
	pgtest.Do(t, store, `CREATE ROLE `+user+` LOGIN PASSWORD 'secret'`)
	t.Cleanup(func() { pgtest.Do(t, store, `DROP ROLE `+user) })
	u, err := url.Parse(store)
	if err != nil {
		t.Fatal(err)
	}
	u.User = url.UserPassword(user, "secret")
	return u.String()
}

// asOwner is as, for a user who owns the database, without further rights.
func asOwner(t *testing.T, store, user string) string {
	t.Helper()
	guest := as(t, store, user)
	pgtest.Do(t, store, `ALTER SCHEMA public OWNER TO `+user)
	t.Cleanup(func() { pgtest.Do(t, store, `REASSIGN OWNED BY `+user+` TO postgres`) })
	return guest
}

// A pooler gives connections that others had, and may drop what a new one asks for.
func TestScratchNeedsItsSearchPath(t *testing.T) {
	p, url := through(t, pgtest.URL(t))
	deaf := func(piece []byte) ([]byte, bool) {
		return bytes.Replace(piece, []byte("\x00search_path\x00"), []byte("\x00qkms.nobody\x00"), 1), false
	}
	p.toServer.Store(&deaf)
	s, err := postgres.OpenScratch(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if _, _, err := s.New(t.Context()); err == nil || !strings.Contains(err.Error(), "not a pooler") {
		t.Errorf("got error %v, want one about the search_path", err)
	}
	p.toServer.Store(nil)
	if _, drop, err := s.New(t.Context()); err != nil || drop() != nil {
		t.Errorf("got error %v, want none", err)
	}
}
