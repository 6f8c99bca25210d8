package scale_test

import (
	"context"
	"iter"
	"os"
	"testing"
	"time"

	"qkms/internal/node"
	"qkms/internal/store"
	"qkms/internal/store/postgres"
	"qkms/internal/store/sqlite"

	"github.com/jackc/pgx/v5"
)

// What was loaded into a store.
type loaded struct {
	records int
	bytes   int64 // of keys and bodies
	took    time.Duration
	disk    int64 // bytes that the store then has there, without its log
}

// load puts a snapshot into the empty store of d.
func load(t testing.TB, d *deployment, s store.Snapshot) {
	t.Helper()
	var to interface {
		store.Engine
		store.Loader
	}
	var err error
	if d.Store == "" {
		to, err = sqlite.Open(t.Context(), node.Database(d.Dir), sqlite.Options{})
	} else {
		to, err = postgres.Open(t.Context(), d.Store, postgres.Options{Make: true})
	}
	if err != nil {
		t.Fatal(err)
	}
	s.Records = d.loaded.counting(s.Records)
	begin := time.Now()
	if err := to.Load(context.Background(), s); err != nil {
		t.Fatal(err)
	}
	d.loaded.took = time.Since(begin)
	if err := to.Close(); err != nil {
		t.Fatal(err)
	}
	d.loaded.disk = onDisk(t, d)
}

func (l *loaded) counting(all iter.Seq2[store.Placed, error]) iter.Seq2[store.Placed, error] {
	return func(yield func(store.Placed, error) bool) {
		for r, err := range all {
			l.records++
			l.bytes += int64(len(r.Key) + len(r.Body))
			if !yield(r, err) {
				return
			}
		}
	}
}

// onDisk is how many bytes the store of d has.
func onDisk(t testing.TB, d *deployment) (bytes int64) {
	t.Helper()
	if d.Store == "" {
		info, err := os.Stat(node.Database(d.Dir))
		if err != nil {
			t.Fatal(err)
		}
		return info.Size()
	}
	conn, err := pgx.Connect(t.Context(), d.Store)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(context.Background())
	if err := conn.QueryRow(t.Context(), `SELECT pg_database_size(current_database())`).Scan(&bytes); err != nil {
		t.Fatal(err)
	}
	return bytes
}

// benchLoad says how the full store was loaded: records are made, sealed and written, all at once.
func benchLoad(b *testing.B, d *deployment) {
	if d.loaded.records == 0 {
		return // it was there
	}
	b.Run("Load", func(b *testing.B) {
		for b.Loop() { // it is done already, once
		}
		b.ReportMetric(0, "ns/op")
		b.ReportMetric(float64(d.loaded.records), "records")
		b.ReportMetric(float64(d.loaded.records)/d.loaded.took.Seconds(), "records/s")
		b.ReportMetric(float64(d.loaded.bytes)/(1<<20), "MiB")
		b.ReportMetric(float64(d.loaded.disk)/(1<<20), "disk-MiB")
	})
}
