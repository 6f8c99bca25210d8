package postgres_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"qkms/internal/store"
	"qkms/internal/store/postgres"
	"qkms/internal/store/postgres/pgtest"
	"qkms/internal/store/storetest"
	"qkms/internal/store/storetest/modeltest"
)

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
	url := pgtest.URL(t)
	return func(ctx context.Context, now func() time.Time) (store.Engine, error) {
		db, err := postgres.Open(ctx, url, postgres.Options{Now: now, Make: true})
		if err != nil {
			return nil, err
		}
		return db, nil
	}
}

// open opens a store, made if there is none, that the caller or the end of the test closes.
func open(t testing.TB, url string, opts postgres.Options) *postgres.DB {
	t.Helper()
	opts.Make = true
	db, err := postgres.Open(t.Context(), url, opts)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	return db
}

func newStore(t testing.TB) *postgres.DB { return open(t, pgtest.URL(t), postgres.Options{}) }

// put writes one record and checks nothing.
func put(shard int, key string, ver uint64, body []byte) store.Txn {
	return store.Txn{Puts: []store.Put{{Shard: shard, Key: []byte(key), Ver: ver, Body: body}}}
}

func commit(t testing.TB, db *postgres.DB, txn store.Txn) {
	t.Helper()
	if _, err := db.Commit(t.Context(), txn); err != nil {
		t.Fatalf("Commit: %v", err)
	}
}

// version is what Get says about one key.
func version(t testing.TB, db *postgres.DB, key string) uint64 {
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
			server := pgtest.New(b, "fsync=on")
			db, body := open(b, server.Database(b), postgres.Options{}), make([]byte, 300)
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
