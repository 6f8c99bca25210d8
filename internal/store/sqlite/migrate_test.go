package sqlite_test

import (
	"bytes"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"qkms/internal/store/sqlite"
)

// The next version of a program, and the one after: the first only adds.
var (
	expand   = sqlite.Step{Reader: 1, Writer: 1, Statements: `ALTER TABLE rec ADD COLUMN kind INTEGER`}
	contract = sqlite.Step{Reader: 2, Writer: 3, Statements: `UPDATE rec SET kind = 7`}

	next = sqlite.Options{}.Newer(expand)
	last = sqlite.Options{}.Newer(expand, contract)
)

// made is the file of a store with a record, as this program makes it.
func made(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "store.db")
	db := open(t, path, sqlite.Options{})
	commit(t, db, put(1, "k", 1, []byte("before")))
	closed(t, db)
	return path
}

func closed(t *testing.T, db *sqlite.DB) {
	t.Helper()
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
}

func wantFormat(t *testing.T, db *sqlite.DB, want int64) {
	t.Helper()
	if got, err := db.Meta(t.Context(), "format"); err != nil || got != want {
		t.Errorf("got format %d, %v, want %d", got, err, want)
	}
}

func wantNotOpened(t *testing.T, path string, opts sqlite.Options, want string) {
	t.Helper()
	db, err := sqlite.Open(t.Context(), path, opts)
	if err == nil {
		db.Close()
	}
	if err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("got error %v, want %q", err, want)
	}
}

func TestOlderStoreIsCopiedThenChanged(t *testing.T) {
	path := made(t)
	var said bytes.Buffer
	newer := last
	newer.Logger = slog.New(slog.NewTextHandler(&said, nil))
	db := open(t, path, newer)
	wantFormat(t, db, 3)
	commit(t, db, put(1, "k", 2, []byte("after")))
	closed(t, db)
	kept := path + ".format-1"
	if !strings.Contains(said.String(), "kept="+kept) || !strings.Contains(said.String(), "from=1 to=3") {
		t.Errorf("got log %q, want what was done and where the copy is", said.String())
	}
	wantNotOpened(t, path, sqlite.Options{}, "(to be read it needs store format 2, this program knows 1): install a newer qkms")
	wantNotOpened(t, path, next, "(to be written it needs store format 3, this program knows 2): install a newer qkms")

	if got := mode(t, kept); got != 0o600 {
		t.Errorf("got mode %o of the copy, want 600", got)
	}
	old := open(t, kept, sqlite.Options{}) // who goes back puts it in the store's place
	wantFormat(t, old, 1)
	if got := version(t, old, "k"); got != 1 {
		t.Errorf("got version %d in the copy, want 1", got)
	}
	if err := old.Check(t.Context()); err != nil {
		t.Error(err)
	}

	said.Reset()
	wantFormat(t, open(t, path, newer), 3)
	if said.Len() > 0 {
		t.Errorf("opened again: got log %q, want none", said.String())
	}
}

// Who goes back by one version, where the step only adds, keeps what it added.
func TestProgramBeforeLeavesANewerFormat(t *testing.T) {
	path := made(t)
	closed(t, open(t, path, next))
	old := open(t, path, sqlite.Options{})
	commit(t, old, put(1, "k", 2, nil))
	wantFormat(t, old, 2)
	closed(t, old)
	db := open(t, path, next)
	if got := version(t, db, "k"); got != 2 {
		t.Errorf("got version %d, want 2", got)
	}
}

func TestMigrationThatFailsChangesNothing(t *testing.T) {
	path := made(t)
	broken := sqlite.Options{}.Newer(expand, sqlite.Step{Reader: 3, Writer: 3, Statements: `UPDATE rec SET kind = 7; UPDATE nothing SET x = 1`})
	wantNotOpened(t, path, broken, "change store format 1 to 3: ")
	old := open(t, path, sqlite.Options{})
	wantFormat(t, old, 1)
	commit(t, old, put(1, "k", 2, nil))
	closed(t, old)
	db := open(t, path, last)
	wantFormat(t, db, 3)
	if got := version(t, open(t, path+".format-1", sqlite.Options{}), "k"); got != 2 {
		t.Errorf("got version %d in the copy, want 2: that of the attempt before is out of date", got)
	}
}

// Without room for the copy nothing is changed; what a crash left of one is in nobody's way.
func TestNoCopyNoMigration(t *testing.T) {
	path := made(t)
	partial := path + ".format-1.partial"
	if err := os.MkdirAll(filepath.Join(partial, "in the way"), 0o700); err != nil {
		t.Fatal(err)
	}
	wantNotOpened(t, path, next, "copy the store to "+path+".format-1 before it is changed")
	old := open(t, path, sqlite.Options{})
	wantFormat(t, old, 1)
	closed(t, old)
	if err := os.RemoveAll(partial); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(partial, []byte("SQLite form"), 0o600); err != nil {
		t.Fatal(err)
	}
	wantFormat(t, open(t, path, next), 2)
	if _, err := os.Stat(partial); !os.IsNotExist(err) {
		t.Errorf("got %v, want the partial copy gone", err)
	}
}
