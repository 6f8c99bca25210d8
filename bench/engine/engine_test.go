package engine_test

import (
	"context"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"qkms/bench/engine"
	"qkms/internal/store"
	"qkms/internal/store/sqlite"
)

// The shape of a change is what it has written, and a store takes changes of that shape.
func TestShape(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "qkms.db")
	db, err := sqlite.Open(t.Context(), path, sqlite.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	commit := func(txn store.Txn) *engine.Rows {
		t.Helper()
		if _, err := db.Commit(context.Background(), txn); err != nil {
			t.Fatal(err)
		}
		rows, err := engine.Read(path)
		if err != nil {
			t.Fatal(err)
		}
		return rows
	}
	put := func(shard int, key string, ver uint64, body int) store.Put {
		return store.Put{Shard: shard, Key: []byte(key), Ver: ver, Body: make([]byte, body)}
	}
	before := commit(store.Txn{Puts: []store.Put{put(1, "count", 1, 8)}, Notes: map[int][]byte{1: make([]byte, 5)}})
	after := commit(store.Txn{Puts: []store.Put{put(1, "count", 2, 9), put(1, "grant", 1, 300), put(store.Loose, "row", 1, 700)}, Notes: map[int][]byte{1: make([]byte, 40)}})
	shape, err := after.Since(before)
	if err != nil {
		t.Fatal(err)
	}
	if got, want := shape.Bytes(), 5+9+5+300+3+700+40; got != want {
		t.Errorf("got %d bytes, want %d", got, want)
	}
	if _, err := commit(store.Txn{Puts: []store.Put{put(2, "a", 1, 1), put(3, "b", 1, 1)}, Notes: map[int][]byte{2: {1}, 3: {1}}}).Since(after); err == nil {
		t.Error("got a shape of a change of two shards, want an error")
	}
	if _, err := after.Since(after); err == nil {
		t.Error("got a shape of no change, want an error")
	}

	alone := filepath.Join(dir, "alone")
	if err := os.Mkdir(alone, 0o700); err != nil {
		t.Fatal(err)
	}
	for range 2 { // the second time over what the first has left
		s, err := engine.Open(alone)
		if err != nil {
			t.Fatal(err)
		}
		var told atomic.Int64
		n, err := s.Sustain(shape, 4, 20*time.Millisecond, func(int, time.Duration) { told.Add(1) })
		if err != nil || n < 4 || int64(n) != told.Load() {
			t.Errorf("got %d changes, %d told, %v; want one of each caller at least", n, told.Load(), err)
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
}
