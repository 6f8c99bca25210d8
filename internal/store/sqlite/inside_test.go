package sqlite_test

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"qkms/internal/store"
	"qkms/internal/store/sqlite"
)

// A deleted key's wrapped material must not be left in free pages of the file.
func TestDeletedBytesAreOverwritten(t *testing.T) {
	path := filepath.Join(t.TempDir(), "store.db")
	secret := bytes.Repeat([]byte("wrapped-material"), 1000)
	db := open(t, path, sqlite.Options{})
	commit(t, db, put(1, "m", 1, secret))
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	if file, err := os.ReadFile(path); err != nil || !bytes.Contains(file, secret[:16]) {
		t.Fatalf("the material is not in the file to begin with: %v", err)
	}
	db = open(t, path, sqlite.Options{})
	commit(t, db, store.Txn{Deletes: []store.Delete{{Shard: 1, Key: []byte("m")}}})
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	if file, err := os.ReadFile(path); err != nil || bytes.Contains(file, secret[:16]) {
		t.Errorf("the deleted material is still in the file: %v", err)
	}
	if _, err := os.Stat(path + "-wal"); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the log outlives Close: %v", err)
	}
}

func TestOldNotesAreTrimmed(t *testing.T) {
	db := newStore(t)
	var wg sync.WaitGroup
	for range 64 {
		wg.Go(func() {
			for range store.NoteWindow/64 + 16 {
				if _, err := db.Commit(t.Context(), store.Txn{Notes: map[int][]byte{3: []byte("n")}}); err != nil {
					t.Errorf("Commit: %v", err)
				}
			}
		})
	}
	wg.Wait()
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
		if err := db.LoseNote(t.Context(), 5, rev); err != nil {
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
		if _, _, err := db.Changes(t.Context(), store.Vector{}, 10); rev == 2 && !errors.Is(err, store.ErrGone) {
			t.Errorf("note 2 of 3 gone: Changes got error %v, want ErrGone", err)
		}
	}
}

func TestCheckFindsADamagedPage(t *testing.T) {
	path := filepath.Join(t.TempDir(), "store.db")
	db := open(t, path, sqlite.Options{})
	for i := range 50 {
		commit(t, db, put(1, strings.Repeat("k", i+1), 1, bytes.Repeat([]byte("body"), 500)))
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	file, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	copy(file[len(file)-3*4096:], bytes.Repeat([]byte{0xff}, 4096))
	if err := os.WriteFile(path, file, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := open(t, path, sqlite.Options{}).Check(t.Context()); err == nil {
		t.Error("got no error for a page of 0xff")
	}
}
