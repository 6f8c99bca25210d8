package sqlite_test

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"qkms/internal/store"
	"qkms/internal/store/sqlite"
)

var background = context.Background() // of a child process, which has no test to end it

const (
	kills   = 20
	writers = 4
)

// TestKilledProcessLosesNothing kills a process at random points while it commits, and looks for
// every commit that it had reported.
func TestKilledProcessLosesNothing(t *testing.T) {
	path := filepath.Join(t.TempDir(), "store.db")
	acknowledged := map[string]bool{}
	for range kills {
		killOne(t, path, acknowledged)
		db := open(t, path, sqlite.Options{})
		if err := db.Check(t.Context()); err != nil {
			t.Fatalf("Check: %v", err)
		}
		for key := range acknowledged {
			if version(t, db, key) != 1 {
				t.Errorf("acknowledged commit %s is missing", key)
			}
		}
		if err := db.Close(); err != nil {
			t.Fatal(err)
		}
	}
	if len(acknowledged) < kills {
		t.Errorf("got %d acknowledged commits in %d runs, want more", len(acknowledged), kills)
	}
}

// killOne starts a process that commits, kills it after some acknowledgements, and adds all that it
// still managed to report.
func killOne(t *testing.T, path string, acknowledged map[string]bool) {
	t.Helper()
	cmd := child(t, "commit", path)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	left := 1 + rand.IntN(200)
	for lines := bufio.NewScanner(out); lines.Scan(); left-- {
		acknowledged[lines.Text()] = true
		if left == 0 {
			_ = cmd.Process.Kill()
		}
	}
	if left > 0 {
		t.Error("the child ended by itself")
	}
	_ = cmd.Wait() // it was killed, and says so
}

// commitForEver commits from a few goroutines and prints the key of each commit once it returned.
func commitForEver(path string) int {
	db, err := sqlite.Open(background, path, sqlite.Options{})
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	run := rand.Uint64()
	var wg sync.WaitGroup
	for w := range writers {
		wg.Go(func() {
			for n := 0; ; n++ {
				key := fmt.Sprintf("%016x/%d/%d", run, w, n)
				if _, err := db.Commit(background, put(w, key, 1, make([]byte, 300))); err != nil {
					fmt.Fprintln(os.Stderr, err)
					return
				}
				fmt.Println(key) // one write call per line
			}
		})
	}
	wg.Wait()
	return 1
}

func TestFullDisk(t *testing.T) {
	db := newStore(t)
	body := bytes.Repeat([]byte{7}, 20_000)
	commit(t, db, put(1, "before", 1, body))
	if err := db.LimitPages(t.Context(), 50); err != nil { // 200 KB
		t.Fatal(err)
	}
	written := fillUp(t, db, body)
	if len(written) == 0 || len(written) == 32 {
		t.Fatalf("got %d of 32 commits onto the disk, want some but not all", len(written))
	}
	heads, err := db.Renew(t.Context(), store.Node{ID: "n"})
	if err != nil {
		t.Fatalf("Renew on a full disk, where it needs no space: %v", err)
	}
	if got := heads.Revs[2]; got != uint64(len(written)) {
		t.Errorf("got head %d, want %d: one per commit that was acknowledged", got, len(written))
	}
	for i := range 32 {
		key := fmt.Sprint("key", i)
		if got := version(t, db, key) == 1; got != written[key] {
			t.Errorf("%s: got present %v, want %v", key, got, written[key])
		}
	}
	if err := db.LimitPages(t.Context(), 1_000_000); err != nil {
		t.Fatal(err)
	}
	commit(t, db, put(2, "after", 1, body))
	if err := db.Check(t.Context()); err != nil {
		t.Error(err)
	}
}

// fillUp commits 32 bodies at once and returns the keys of those that were acknowledged.
func fillUp(t *testing.T, db *sqlite.DB, body []byte) map[string]bool {
	t.Helper()
	var mu sync.Mutex
	var wg sync.WaitGroup
	written := map[string]bool{}
	for i := range 32 {
		wg.Go(func() {
			key := fmt.Sprint("key", i)
			_, err := db.Commit(t.Context(), put(2, key, 1, body))
			if err != nil && !errors.Is(err, store.ErrUnavailable) {
				t.Errorf("got error %v, want ErrUnavailable", err)
			}
			if err == nil {
				mu.Lock()
				defer mu.Unlock()
				written[key] = true
			}
		})
	}
	wg.Wait()
	return written
}
