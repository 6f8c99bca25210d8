package postgres_test

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"qkms/internal/store"
	"qkms/internal/store/postgres"
	"qkms/internal/store/postgres/pgtest"
)

// The next version of a program, and the one after: the first only adds, so that this one can go on.
var (
	expand   = postgres.Step{Reader: 1, Writer: 1, Statements: []string{`ALTER TABLE rec ADD COLUMN IF NOT EXISTS kind int`, `UPDATE meta SET val = val + 1 WHERE name = 'epoch'`}}
	contract = postgres.Step{Reader: 2, Writer: 3, Statements: []string{`UPDATE rec SET kind = 7`}}

	next = postgres.Options{}.Newer(expand)
	last = postgres.Options{}.Newer(expand, contract)
)

// migrate is Migrate that must succeed.
func migrate(t *testing.T, url string, opts postgres.Options) postgres.Migration {
	t.Helper()
	m, err := postgres.Migrate(t.Context(), url, opts)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func wantMigration(t *testing.T, got, want postgres.Migration) {
	t.Helper()
	if got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
}

func wantNotOpened(t *testing.T, url string, opts postgres.Options, want string) {
	t.Helper()
	db, err := postgres.Open(t.Context(), url, opts)
	if err == nil {
		db.Close()
	}
	if err == nil || !strings.Contains(err.Error(), want) || errors.Is(err, store.ErrUnavailable) {
		t.Errorf("got error %v, want %q and no fault of the database's", err, want)
	}
}

// Nodes are upgraded one after the other: the step that adds is taken while the former ones serve.
func TestProgramsBeforeGoOnWhereAStepOnlyAdds(t *testing.T) {
	url := pgtest.URL(t)
	before := open(t, url, postgres.Options{})
	commit(t, before, put(1, "k", 1, []byte("old")))
	wantNotOpened(t, url, next, "the store has format 1, and this qkms needs 2: run `qkms migrate` with it first")
	making := next
	making.Make = true
	wantNotOpened(t, url, making, "run `qkms migrate`")

	wantMigration(t, migrate(t, url, next), postgres.Migration{From: 1, To: 2, Reader: 1, Writer: 1})
	wantMigration(t, migrate(t, url, next), postgres.Migration{From: 2, To: 2, Reader: 1, Writer: 1})
	if _, err := before.Renew(t.Context(), store.Node{ID: "before"}); err != nil {
		t.Errorf("the program before: %v", err)
	}
	commit(t, before, put(1, "k", 2, []byte("old")))
	after := open(t, url, next)
	commit(t, after, put(1, "k", 3, []byte("new")))
	again := open(t, url, postgres.Options{}) // it may be started again, too
	commit(t, again, put(1, "k", 4, []byte("old")))
	wantMigration(t, migrate(t, url, postgres.Options{}), postgres.Migration{From: 2, To: 2, Reader: 1, Writer: 1})
	if got := version(t, after, "k"); got != 4 {
		t.Errorf("got version %d, want 4", got)
	}
}

// A step after which programs before must not go on ends those at work, with their next renewal, and refuses others.
func TestProgramsBeforeEndWhereAStepTakesAway(t *testing.T) {
	url := pgtest.URL(t)
	before := open(t, url, postgres.Options{})
	commit(t, before, put(1, "k", 1, nil))
	wantMigration(t, migrate(t, url, last), postgres.Migration{From: 1, To: 3, Reader: 2, Writer: 3})
	if _, err := before.Renew(t.Context(), store.Node{ID: "before"}); !errors.Is(err, store.ErrUnavailable) || !strings.Contains(err.Error(), "too old for") {
		t.Errorf("Renew of the program before: got error %v, want ErrUnavailable that says why", err)
	}
	if _, err := before.Commit(t.Context(), put(1, "k", 2, nil)); !errors.Is(err, store.ErrUnavailable) {
		t.Errorf("Commit of the program before: got error %v, want ErrUnavailable", err)
	}
	wantNotOpened(t, url, postgres.Options{}, "(to be read it needs store format 2, this program knows 1): install a newer qkms")
	wantNotOpened(t, url, next, "(to be written it needs store format 3, this program knows 2): install a newer qkms")
	if _, err := postgres.Migrate(t.Context(), url, next); err == nil || !strings.Contains(err.Error(), "install a newer qkms") {
		t.Errorf("Migrate of a program before: got error %v, want that it is too old", err)
	}
	commit(t, open(t, url, last), put(1, "k", 2, nil))
}

func TestManyMigrateOnce(t *testing.T) {
	url := pgtest.URL(t)
	commit(t, open(t, url, postgres.Options{}), put(1, "k", 1, nil))
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			if m, err := postgres.Migrate(t.Context(), url, last); err != nil || m.To != 3 {
				t.Errorf("got %+v, %v, want format 3", m, err)
			}
		})
	}
	wg.Wait()
	if heads, err := open(t, url, last).Renew(t.Context(), store.Node{ID: "n"}); err != nil || heads.Epoch != 2 {
		t.Errorf("got epoch %d, %v, want 2: what the step does was done once", heads.Epoch, err)
	}
}

// A migration that broke off leaves the store to those who may have it, and goes on when it is run again.
func TestMigrationThatBrokeOff(t *testing.T) {
	for name, row := range map[string]struct {
		broken postgres.Step
		before string // what a program before is told; empty: it goes on
	}{
		"one that adds":       {postgres.Step{Reader: 1, Writer: 1, Statements: append(expand.Statements[:1:1], `SELECT 1/0`)}, ""},
		"one that takes away": {postgres.Step{Reader: 1, Writer: 2, Statements: append(expand.Statements[:1:1], `SELECT 1/0`)}, "to be written it needs store format 2"},
	} {
		t.Run(name, func(t *testing.T) {
			url := pgtest.URL(t)
			commit(t, open(t, url, postgres.Options{}), put(1, "k", 1, nil))
			broken := postgres.Options{}.Newer(row.broken)
			if _, err := postgres.Migrate(t.Context(), url, broken); err == nil || !strings.Contains(err.Error(), "from store format 1 to 2") {
				t.Fatalf("got error %v, want one that says which step", err)
			}
			if row.before == "" {
				commit(t, open(t, url, postgres.Options{}), put(1, "k", 2, nil))
			} else {
				wantNotOpened(t, url, postgres.Options{}, row.before)
			}
			wantNotOpened(t, url, next, "run `qkms migrate`")
			if m := migrate(t, url, next); m.From != 1 || m.To != 2 {
				t.Errorf("got %+v, want from 1 to 2", m)
			}
			commit(t, open(t, url, next), put(1, "k", 3, nil))
		})
	}
}

func TestMigrateLeavesAloneWhatIsNotItsOwn(t *testing.T) {
	refused := func(url, want string) {
		t.Helper()
		if _, err := postgres.Migrate(t.Context(), url, next); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got error %v, want %q", err, want)
		}
	}
	empty := pgtest.URL(t)
	refused(empty, "the database holds no store")
	wantNotOpened(t, empty, postgres.Options{}, "the database holds no store")

	theirs := pgtest.URL(t)
	pgtest.Do(t, theirs, `CREATE TABLE rec (id int)`)
	refused(theirs, "a database of its own")

	moving := pgtest.URL(t)
	alone := open(t, moving, postgres.Options{Hold: time.Hour})
	refused(moving, "another qkms has this store for itself")
	if err := alone.Close(); err != nil {
		t.Fatal(err)
	}
	migrate(t, moving, next)
}

// Who waits for a table makes all others wait: a migration gives way to a long backup, and says so.
func TestMigrationGivesWayToABackup(t *testing.T) {
	url := pgtest.URL(t)
	db := open(t, url, postgres.Options{})
	commit(t, db, put(1, "k", 1, nil))
	reader, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	defer reader.Close(t.Context())
	if _, err := reader.Exec(t.Context(), `BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; SELECT * FROM rec`); err != nil {
		t.Fatal(err)
	}
	if _, err := postgres.Migrate(t.Context(), url, next); err == nil || !strings.Contains(err.Error(), "run it again, it goes on where it was") {
		t.Errorf("got error %v, want that its tables are being read", err)
	}
	for ver := range uint64(3) { // nobody is held up
		commit(t, db, put(1, fmt.Sprint("after", ver), 1, nil))
	}
	if _, err := reader.Exec(t.Context(), `COMMIT`); err != nil {
		t.Fatal(err)
	}
	migrate(t, url, next)
}
