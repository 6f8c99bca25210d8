package sqlite_test

import (
	"bufio"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"qkms/internal/store"
	"qkms/internal/store/sqlite"
)

// loadedRecords of loadedBody bytes are three times what SQLite keeps in memory of one transaction (2 MB), so that most
// are in the file long before it is committed.
const (
	loadedRecords = 1600
	loadedBody    = 4000
)

// loads is a snapshot of so many records; before each so many of them, also has it look at the store.
func loads(records, each int, also func(n int)) store.Snapshot {
	s := store.Snapshot{Heads: store.Heads{Epoch: 7}, Records: func(yield func(store.Placed, error) bool) {
		for n := range records {
			if n%each == 0 {
				also(n)
			}
			if !yield(store.Placed{Shard: 1, Record: store.Record{Key: fmt.Appendf(nil, "k%09d", n), Ver: 1, Body: make([]byte, loadedBody)}}, nil) {
				return
			}
		}
	}}
	s.Heads.Revs[1] = uint64(records)
	return s
}

// wantLoaded looks for all of loads, or for nothing of it: then it can be loaded still.
func wantLoaded(t *testing.T, db *sqlite.DB, all bool) {
	t.Helper()
	if err := db.Check(t.Context()); err != nil {
		t.Errorf("Check: %v", err)
	}
	m, err := db.Backup(t.Context(), io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	want := map[bool]store.Manifest{
		true:  {Records: loadedRecords, Heads: loads(loadedRecords, 1, nil).Heads},
		false: {Heads: store.Heads{Epoch: 1}},
	}[all]
	if m.Records != want.Records || m.Heads != want.Heads {
		t.Errorf("got %d records, epoch %d, revision %d; want %d, %d, %d", m.Records, m.Heads.Epoch, m.Heads.Revs[1], want.Records, want.Heads.Epoch, want.Heads.Revs[1])
	}
}

func load(t *testing.T, db *sqlite.DB) {
	t.Helper()
	if err := db.Load(t.Context(), loads(loadedRecords, loadedRecords, func(int) {})); err != nil {
		t.Fatalf("Load: %v", err)
	}
	wantLoaded(t, db, true)
}

// A store of many gigabytes needs its room on the disk once: what is beside the file stays small.
func TestLoadTakesRoomOnce(t *testing.T) {
	path := filepath.Join(t.TempDir(), "store.db")
	db := open(t, path, sqlite.Options{})
	beside := func() (most int64) {
		for _, suffix := range []string{"-journal", "-wal"} {
			if info, err := os.Stat(path + suffix); err == nil {
				most = max(most, info.Size())
			}
		}
		return most
	}
	var most, early int64
	if err := db.Load(t.Context(), loads(loadedRecords, 20, func(int) {
		most = max(most, beside())
		if info, err := os.Stat(path); err == nil {
			early = info.Size()
		}
	})); err != nil {
		t.Fatal(err)
	}
	if most = max(most, beside()); most > 256<<10 {
		t.Errorf("got %d bytes beside the file, want at most 256 KiB", most)
	}
	if early < loadedRecords*loadedBody/2 {
		t.Errorf("got %d bytes in the file before the last records, want most of all %d", early, loadedRecords*loadedBody)
	}
	wantLoaded(t, db, true)
	commit(t, db, put(2, "after", 1, nil)) // with a log again, beside which everybody reads
	if info, err := os.Stat(path + "-wal"); err != nil || info.Size() == 0 {
		t.Errorf("after Load: got no log of the next commit: %v", err)
	}
}

// A crash leaves the store as empty as before, wherever it comes: here are its files as they are then.
func TestCrashDuringLoad(t *testing.T) {
	path := filepath.Join(t.TempDir(), "store.db")
	db := open(t, path, sqlite.Options{})
	crashes := 0
	if err := db.Load(t.Context(), loads(loadedRecords, 200, func(int) {
		crashes++
		left := open(t, leftOf(t, path), sqlite.Options{})
		wantLoaded(t, left, false)
		if crashes%4 == 0 {
			load(t, left)
		}
		closed(t, left)
	})); err != nil {
		t.Fatal(err)
	}
	if crashes != loadedRecords/200 {
		t.Errorf("got %d crashes, want %d", crashes, loadedRecords/200)
	}
	left := open(t, leftOf(t, path), sqlite.Options{}) // and one right after it
	wantLoaded(t, left, true)
}

// leftOf copies the files of a store that is open, as a crash would leave them.
func leftOf(t *testing.T, path string) string {
	t.Helper()
	to := filepath.Join(t.TempDir(), "store.db")
	for _, suffix := range []string{"", "-wal", "-journal"} {
		b, err := os.ReadFile(path + suffix)
		if errors.Is(err, os.ErrNotExist) {
			continue
		}
		if err == nil {
			err = os.WriteFile(to+suffix, b, 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	return to
}

// TestKilledLoadIsWholeOrNothing kills a process at random points while it loads, the moment after included.
func TestKilledLoadIsWholeOrNothing(t *testing.T) {
	path := filepath.Join(t.TempDir(), "store.db")
	for range 8 {
		done := killLoad(t, path, rand.IntN(loadedRecords/20))
		db := open(t, path, sqlite.Options{})
		m, err := db.Backup(t.Context(), io.Discard)
		if err != nil {
			t.Fatal(err)
		}
		if done && m.Records == 0 {
			t.Error("what was reported as loaded is gone")
		}
		wantLoaded(t, db, m.Records > 0)
		closed(t, db)
		if m.Records > 0 {
			path = filepath.Join(t.TempDir(), "store.db")
		}
	}
}

// killLoad starts a process that loads, kills it when it has reported so many steps, and says whether it had
// reported the end.
func killLoad(t *testing.T, path string, steps int) (done bool) {
	t.Helper()
	cmd := child(t, "load", path)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	lines := 0
	for said := bufio.NewScanner(out); said.Scan(); lines++ {
		if done = done || said.Text() == "done"; done || lines == steps {
			_ = cmd.Process.Kill()
		}
	}
	if lines < steps {
		t.Errorf("the child ended by itself after %d steps, want %d", lines, steps)
	}
	_ = cmd.Wait() // it was killed, and says so
	return done
}

// loadAndSay loads, prints a line now and then, and "done" once Load returned.
func loadAndSay(path string) int {
	db, err := sqlite.Open(background, path, sqlite.Options{})
	if err == nil {
		err = db.Load(background, loads(loadedRecords, 20, func(n int) { fmt.Println(n) }))
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	fmt.Println("done")
	select {} // until it is killed
}

func TestLoadOntoAFullDisk(t *testing.T) {
	db := newStore(t)
	if err := db.LimitPages(t.Context(), 1000); err != nil { // 4 MB of 6
		t.Fatal(err)
	}
	if err := db.Load(t.Context(), loads(loadedRecords, loadedRecords, func(int) {})); !errors.Is(err, store.ErrUnavailable) {
		t.Errorf("got error %v, want ErrUnavailable", err)
	}
	wantLoaded(t, db, false)
	if err := db.LimitPages(t.Context(), 1_000_000); err != nil {
		t.Fatal(err)
	}
	load(t, db)
}

// Somebody who looks into the file with another program keeps its log in use.
func TestLoadBesideAnotherProgram(t *testing.T) {
	path := filepath.Join(t.TempDir(), "store.db")
	db := open(t, path, sqlite.Options{})
	release := holdOpen(t, path)
	err := db.Load(t.Context(), loads(loadedRecords, loadedRecords, func(int) {}))
	if !errors.Is(err, store.ErrUnavailable) || !strings.Contains(err.Error(), "locked") {
		t.Errorf("got error %v, want ErrUnavailable that says why", err)
	}
	wantLoaded(t, db, false)
	release()
	load(t, db)
}

// holdOpen reads the file by a connection that is none of the store's, and keeps it until release is called.
func holdOpen(t *testing.T, path string) (release func()) {
	t.Helper()
	file, err := sql.Open("sqlite", path)
	if err == nil {
		_, err = file.Exec(`SELECT count(*) FROM rec`)
	}
	if err != nil {
		t.Fatal(err)
	}
	return func() {
		if err := file.Close(); err != nil {
			t.Error(err)
		}
	}
}
