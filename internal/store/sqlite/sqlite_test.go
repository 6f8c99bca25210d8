package sqlite_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"qkms/internal/store"
	"qkms/internal/store/sqlite"
	"qkms/internal/store/storetest"
	"qkms/internal/store/storetest/modeltest"
)

// TestMain lets the test binary be the other process of a test: one that tries to open a store in
// use, or one that is killed while it commits or loads.
func TestMain(m *testing.M) {
	switch path := os.Getenv("QKMS_TEST_STORE"); os.Getenv("QKMS_TEST_CHILD") {
	case "":
		os.Exit(m.Run())
	case "intrude":
		os.Exit(intrude(path))
	case "commit":
		os.Exit(commitForEver(path))
	case "load":
		os.Exit(loadAndSay(path))
	default:
		os.Exit(2)
	}
}

func TestConformance(t *testing.T) {
	for _, c := range storetest.Cases() {
		if c.Timed {
			continue
		}
		t.Run(c.Name, func(t *testing.T) { c.Run(t, newPlace(t)) })
	}
}

func TestModel(t *testing.T) { modeltest.Run(t, newStore(t)) }

func newPlace(t *testing.T) storetest.Place {
	path := filepath.Join(t.TempDir(), "store.db")
	return func(ctx context.Context, now func() time.Time) (store.Engine, error) {
		db, err := sqlite.Open(ctx, path, sqlite.Options{Now: now})
		if err != nil {
			return nil, err
		}
		return db, nil
	}
}

// open opens a store that the caller or the end of the test closes.
func open(t testing.TB, path string, opts sqlite.Options) *sqlite.DB {
	t.Helper()
	db, err := sqlite.Open(t.Context(), path, opts)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	return db
}

func newStore(t testing.TB) *sqlite.DB {
	return open(t, filepath.Join(t.TempDir(), "store.db"), sqlite.Options{})
}

// put writes one record and checks nothing.
func put(shard int, key string, ver uint64, body []byte) store.Txn {
	return store.Txn{Puts: []store.Put{{Shard: shard, Key: []byte(key), Ver: ver, Body: body}}}
}

func commit(t testing.TB, db *sqlite.DB, txn store.Txn) {
	t.Helper()
	if _, err := db.Commit(t.Context(), txn); err != nil {
		t.Fatalf("Commit: %v", err)
	}
}

// version is what Get says about one key.
func version(t testing.TB, db *sqlite.DB, key string) uint64 {
	t.Helper()
	records, err := db.Get(t.Context(), []byte(key))
	if err != nil {
		t.Fatalf("Get: %v", err)
	}
	return records[0].Ver
}

func BenchmarkCommit(b *testing.B) {
	for _, goroutines := range []int{1, 64} {
		b.Run(fmt.Sprintf("goroutines=%d", goroutines), func(b *testing.B) {
			db, body := newStore(b), make([]byte, 300)
			next := make(chan int)
			done := make(chan error, goroutines)
			b.ResetTimer()
			for range goroutines {
				go func() {
					var err error
					for i := range next {
						if _, e := db.Commit(b.Context(), put(i%store.Shards, fmt.Sprintf("key%010d", i), 1, body)); e != nil {
							err = e
						}
					}
					done <- err
				}()
			}
			for i := range b.N {
				next <- i
			}
			close(next)
			for range goroutines {
				if err := <-done; err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkGet(b *testing.B) {
	db := newStore(b)
	for i := range 1000 {
		commit(b, db, put(i%store.Shards, fmt.Sprintf("key%010d", i), 1, make([]byte, 300)))
	}
	for b.Loop() {
		if _, err := db.Get(b.Context(), []byte("key0000000500")); err != nil {
			b.Fatal(err)
		}
	}
}
