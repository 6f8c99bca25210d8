package sqlite_test

import (
	"bytes"
	"database/sql"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"qkms/internal/store"
	"qkms/internal/store/sqlite"
)

func TestOpenMakesPrivateFiles(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "data", "qkms")
	db := open(t, filepath.Join(dir, "store.db"), sqlite.Options{})
	commit(t, db, put(1, "k", 1, nil))
	if got := mode(t, dir); got != 0o700 {
		t.Errorf("directory: got mode %o, want 700", got)
	}
	for _, suffix := range []string{"", "-wal", "-shm", ".lock"} {
		if got := mode(t, filepath.Join(dir, "store.db"+suffix)); got != 0o600 {
			t.Errorf("store.db%s: got mode %o, want 600", suffix, got)
		}
	}
}

func mode(t *testing.T, path string) os.FileMode {
	t.Helper()
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	return info.Mode().Perm()
}

func TestOpenTakesAnyFileName(t *testing.T) {
	for _, name := range []string{"a b.db", "q?mode=memory", "per%20cent", "hash#tag", "ключи.db"} {
		path := filepath.Join(t.TempDir(), name)
		db := open(t, path, sqlite.Options{})
		commit(t, db, put(1, "k", 1, nil))
		if err := db.Close(); err != nil {
			t.Errorf("%s: Close: %v", name, err)
		}
		if info, err := os.Stat(path); err != nil || info.Size() == 0 {
			t.Errorf("%s: the store is not where it was asked for: %v", name, err)
		}
	}
}

func TestOpenTwiceIsLocked(t *testing.T) {
	path := filepath.Join(t.TempDir(), "store.db")
	db := open(t, path, sqlite.Options{})
	link := filepath.Join(t.TempDir(), "other-name.db")
	if err := os.Symlink(path, link); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{path, link} {
		_, err := sqlite.Open(t.Context(), name, sqlite.Options{})
		if !errors.Is(err, store.ErrLocked) || !strings.Contains(err.Error(), path+".lock") {
			t.Errorf("got error %v, want ErrLocked naming the lock file", err)
		}
	}
	commit(t, db, put(1, "k", 1, nil)) // the first is none the worse
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	open(t, path, sqlite.Options{})
}

func TestOtherProcessIsLocked(t *testing.T) {
	path := filepath.Join(t.TempDir(), "store.db")
	db := open(t, path, sqlite.Options{})
	if got := string(intruder(t, path)); !strings.Contains(got, "another qkms holds "+path+".lock") {
		t.Errorf("while open: the other process said %q", got)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	if got := string(intruder(t, path)); got != "opened" {
		t.Errorf("after Close: the other process said %q, want that it opened the store", got)
	}
}

// intruder has another process open the store, and returns what it says.
func intruder(t *testing.T, path string) []byte {
	t.Helper()
	out, err := child(t, "intrude", path).Output()
	if err != nil {
		t.Fatalf("child: %v", err)
	}
	return out
}

func intrude(path string) int {
	db, err := sqlite.Open(background, path, sqlite.Options{})
	switch {
	case err == nil:
		os.Stdout.WriteString("opened")
		_ = db.Close()
	case errors.Is(err, store.ErrLocked):
		os.Stdout.WriteString(err.Error())
	default:
		return 1
	}
	return 0
}

func child(t *testing.T, role, path string) *exec.Cmd {
	t.Helper()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), exe)
	cmd.Env = append(os.Environ(), "QKMS_TEST_CHILD="+role, "QKMS_TEST_STORE="+path)
	cmd.Stderr = os.Stderr
	return cmd
}

func TestOpenRefusesWhatIsNoStore(t *testing.T) {
	foreign := filepath.Join(t.TempDir(), "foreign.db")
	db, err := sql.Open("sqlite", foreign)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := db.ExecContext(t.Context(), `CREATE TABLE theirs (x)`); err != nil {
		t.Fatal(err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	text := filepath.Join(t.TempDir(), "notes.txt")
	if err := os.WriteFile(text, bytes.Repeat([]byte("not a database\n"), 1000), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{foreign, text} {
		before, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := sqlite.Open(t.Context(), path, sqlite.Options{}); err == nil || !strings.Contains(err.Error(), "not a qkms store") {
			t.Errorf("%s: got error %v, want that it is no store", path, err)
		}
		if after, err := os.ReadFile(path); err != nil || !bytes.Equal(after, before) {
			t.Errorf("%s: the refused file was changed: %v", path, err)
		}
	}
}

func TestOpenRefusesStoresOfOtherPrograms(t *testing.T) {
	for _, test := range []struct {
		meta string
		val  int
		want string
	}{
		{"min_reader", 2, "a newer qkms has changed this store (to be read it needs store format 2, this program knows 1)"},
		{"min_writer", 7, "a newer qkms has changed this store (to be written it needs store format 7, this program knows 1)"},
		{"shards", 128, "the store has 128 shards, this program needs 64"},
	} {
		path := filepath.Join(t.TempDir(), "store.db")
		db := open(t, path, sqlite.Options{})
		if err := db.SetMeta(t.Context(), test.meta, test.val); err != nil {
			t.Fatal(err)
		}
		if err := db.Close(); err != nil {
			t.Fatal(err)
		}
		if _, err := sqlite.Open(t.Context(), path, sqlite.Options{}); err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: got error %v, want %q", test.meta, err, test.want)
		}
	}
}

func TestOpenFinishesWhatACrashLeft(t *testing.T) {
	path := filepath.Join(t.TempDir(), "store.db")
	if err := os.WriteFile(path, nil, 0o600); err != nil { // made, but no table in it yet
		t.Fatal(err)
	}
	commit(t, open(t, path, sqlite.Options{}), put(1, "k", 1, nil))
}

// A dead process leaves its node row and its claims. The lock proves it dead, so no barrier need
// wait for it and no job either.
func TestOpenClearsTheDead(t *testing.T) {
	dir := t.TempDir()
	db := open(t, filepath.Join(dir, "store.db"), sqlite.Options{})
	if _, err := db.Renew(t.Context(), store.Node{ID: "dead"}); err != nil {
		t.Fatal(err)
	}
	old, err := db.Claim(t.Context(), "sweep", time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	copied := filepath.Join(t.TempDir(), "store.db") // the files as a crash leaves them
	for _, suffix := range []string{"", "-wal"} {
		b, err := os.ReadFile(filepath.Join(dir, "store.db"+suffix))
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(copied+suffix, b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	after := open(t, copied, sqlite.Options{})
	if peers, err := after.Peers(t.Context()); err != nil || len(peers) != 0 {
		t.Errorf("got peers %v, %v, want none", peers, err)
	}
	if fence, err := after.Claim(t.Context(), "sweep", time.Hour); err != nil || fence.Token <= old.Token {
		t.Errorf("got %v, %v, want a claim newer than %v", fence, err, old)
	}
}

func TestARetiredStoreIsNeverOpened(t *testing.T) {
	path := filepath.Join(t.TempDir(), "store.db")
	db := open(t, path, sqlite.Options{})
	for range 2 {
		if err := db.Retire(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if _, err := sqlite.Open(t.Context(), path, sqlite.Options{}); !errors.Is(err, store.ErrMoved) {
			t.Errorf("got error %v, want ErrMoved", err)
		}
	}
	file, err := sql.Open("sqlite", path)
	if err != nil {
		t.Fatal(err)
	}
	_, err = file.Exec(`DELETE FROM meta WHERE name = 'moved'`) // as docs/operate.md says
	if err := errors.Join(err, file.Close()); err != nil {
		t.Fatal(err)
	}
	commit(t, open(t, path, sqlite.Options{}), put(1, "k", 1, nil))
}
