package postgres_test

import (
	"context"
	"errors"
	"testing"

	"qkms/internal/store"
	"qkms/internal/store/postgres"
	"qkms/internal/store/postgres/pgtest"
)

// reads are the calls that a primary which was deposed would answer.
var reads = map[string]func(context.Context, *postgres.DB) error{
	"Get":  func(ctx context.Context, db *postgres.DB) error { _, err := db.Get(ctx, []byte("k")); return err },
	"List": func(ctx context.Context, db *postgres.DB) error { _, _, err := db.List(ctx, nil, nil, 1); return err },
	"Changes": func(ctx context.Context, db *postgres.DB) error {
		_, _, err := db.Changes(ctx, store.Vector{}, 10)
		return err
	},
	"Peers": func(ctx context.Context, db *postgres.DB) error { _, err := db.Peers(ctx); return err },
}

// A server without the last change that a node knows of is not read from, however it knows.
func TestNothingIsReadFromAFormerPrimary(t *testing.T) {
	for name, know := range map[string]func(t *testing.T, db, writer *postgres.DB){
		"its own commit": func(t *testing.T, db, _ *postgres.DB) {
			commit(t, db, put(1, "k", 2, nil))
		},
		"a renewal": func(t *testing.T, db, writer *postgres.DB) {
			commit(t, writer, put(1, "k", 2, nil))
			if _, err := db.Renew(t.Context(), store.Node{ID: "n"}); err != nil {
				t.Fatal(err)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			url := pgtest.URL(t)
			db, writer := open(t, url, postgres.Options{}), open(t, url, postgres.Options{})
			commit(t, writer, put(1, "k", 1, nil))
			know(t, db, writer)
			ask := func(want error) {
				t.Helper()
				for call, read := range reads {
					if err := read(t.Context(), db); !errors.Is(err, want) {
						t.Errorf("%s: got %v, want %v", call, err, want)
					}
				}
			}
			ask(nil)
			for _, before := range []string{`UPDATE head SET rev = 1 WHERE shard = 1`, `DELETE FROM chg WHERE shard = 1 AND rev = 2`} {
				if err := db.Do(t.Context(), before); err != nil {
					t.Fatal(err)
				}
			}
			ask(store.ErrUnavailable)
			for _, want := range []error{store.ErrRolledBack, nil} { // whoever renews is told that history was cut, once
				if heads, err := db.Renew(t.Context(), store.Node{ID: "n"}); !errors.Is(err, want) || heads.Revs[1] != 1 {
					t.Errorf("got head %d, %v, want 1, %v", heads.Revs[1], err, want)
				}
			}
			ask(nil)
		})
	}
}
