package scale_test

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"qkms/internal/store"
	"qkms/internal/store/postgres"
	"qkms/internal/store/postgres/pgtest"

	"github.com/jackc/pgx/v5"
)

// BenchmarkStore is what the calls of a store cost that is asked by 32 at once, over a disk that is synced. cpu-ns/op
// is how long the processes of PostgreSQL were on a processor for it, whatever else the machine does: the unit costs
// of the model (cost.go).
//
//	go test -run '^$' -bench Store -benchtime 2s ./internal/scale
func BenchmarkStore(b *testing.B) {
	url := pgtest.New(b, "fsync=on", "autovacuum=on", "shared_buffers=256MB").Database(b)
	db, err := postgres.Open(b.Context(), url+"?pool_max_conns=32", postgres.Options{Make: true})
	if err != nil {
		b.Fatal(err)
	}
	defer db.Close()
	server, err := pgx.Connect(b.Context(), url)
	if err != nil {
		b.Fatal(err)
	}
	defer server.Close(context.Background())
	var made atomic.Uint64
	grant := func(shard int) store.Txn { return grantTxn(shard, made.Add(1)) }

	for _, of := range []struct {
		name string
		call func(ctx context.Context, i uint64) error
	}{
		{"Commit", func(ctx context.Context, i uint64) error { return second(db.Commit(ctx, grant(int(i%store.Shards)))) }},
		{"CommitHot", func(ctx context.Context, _ uint64) error { return second(db.Commit(ctx, grant(7))) }},
		{"Get", func(ctx context.Context, i uint64) error { return second(db.Get(ctx, grantKey(i%made.Load(), 0))) }},
		{"List100", func(ctx context.Context, i uint64) error {
			return third(db.List(ctx, grantKey(i%made.Load(), 0), nil, 100))
		}},
		{"Changes1", changes(db, 1)},
		{"Changes1000", changes(db, 1000)},
		{"Touch1", touch(db, 1)},
		{"Touch500", touch(db, 500)},
		{"Claim", func(ctx context.Context, _ uint64) error { // of a job that another has: the usual case
			if _, err := db.Claim(ctx, "sweep", time.Hour); !errors.Is(err, store.ErrClaimed) {
				return err
			}
			return nil
		}},
		{"Renew", func(ctx context.Context, i uint64) error {
			return second(db.Renew(ctx, store.Node{ID: fmt.Sprint("node-", i%64)}))
		}},
	} {
		b.Run(of.name, func(b *testing.B) { saturate(b, server, of.call) })
	}
	for _, n := range []int{10, 1000} {
		for i := range n {
			if _, err := db.Renew(b.Context(), store.Node{ID: fmt.Sprint("node-", i), Info: "kms.example.com:8443"}); err != nil {
				b.Fatal(err)
			}
		}
		b.Run(fmt.Sprint("Peers", n), func(b *testing.B) {
			saturate(b, server, func(ctx context.Context, _ uint64) error { return second(db.Peers(ctx)) })
		})
	}
}

// BenchmarkStoreHint is NOTIFY with one connection that listens, and with fifty: what package postgres sends.
//
//	go test -run '^$' -bench StoreHint ./internal/scale
func BenchmarkStoreHint(b *testing.B) {
	for _, n := range []int{1, 50} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			url := pgtest.New(b, "fsync=on", "autovacuum=on", "shared_buffers=256MB").Database(b)
			server, speaker := connect(b, url), connect(b, url)
			for range n {
				listener := connect(b, url)
				if _, err := listener.Exec(b.Context(), `LISTEN scale`); err != nil {
					b.Fatal(err)
				}
				go func() {
					for listener.PgConn().WaitForNotification(context.Background()) == nil {
					}
				}()
			}
			before := onProcessor(b, server)
			for b.Loop() {
				if _, err := speaker.Exec(b.Context(), `BEGIN; SELECT set_config('synchronous_commit', 'off', true); SELECT pg_notify('scale', ''); COMMIT`); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(onProcessor(b, server)-before)/float64(b.N), "cpu-ns/op")
		})
	}
}

func connect(b *testing.B, url string) *pgx.Conn {
	b.Helper()
	conn, err := pgx.Connect(b.Context(), url)
	if err != nil {
		b.Fatal(err)
	}
	return conn // ends with its server
}

// saturate has 32 at once call.
func saturate(b *testing.B, server *pgx.Conn, call func(context.Context, uint64) error) {
	if err := call(b.Context(), 1); err != nil {
		b.Fatal(err)
	}
	var n atomic.Uint64
	n.Store(1)
	before := onProcessor(b, server)
	b.SetParallelism(16)
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			if err := call(context.Background(), n.Add(1)); err != nil {
				b.Error(err)
				return
			}
		}
	})
	b.ReportMetric(float64(onProcessor(b, server)-before)/float64(b.N), "cpu-ns/op")
}

// onProcessor is for how long the server's processes that are alive have been on a processor, in nanoseconds.
func onProcessor(b *testing.B, server *pgx.Conn) (ns int64) {
	b.Helper()
	err := server.QueryRow(b.Context(), `SELECT sum(split_part(pg_read_file('/proc/' || pid || '/schedstat', 0, 99, true), ' ', 1)::bigint)::bigint
		FROM pg_stat_activity WHERE pid <> pg_backend_pid()`).Scan(&ns)
	if err != nil {
		b.Fatal(err)
	}
	return ns
}

func second[T any](_ T, err error) error        { return err }
func third[T, U any](_ T, _ U, err error) error { return err }

// grantTxn is as large as the change of CreateGrant.
func grantTxn(shard int, n uint64) store.Txn {
	t := store.Txn{Notes: map[int][]byte{shard: make([]byte, 500)}, Link: func(int, uint64, []byte, []byte) []byte { return make([]byte, 32) }}
	for part := range 3 {
		k := grantKey(n, part)
		t.Checks = append(t.Checks, store.Check{Shard: shard, Key: k})
		t.Puts = append(t.Puts, store.Put{Shard: shard, Key: k, Ver: 1, Body: make([]byte, 400)})
	}
	t.Puts = append(t.Puts, store.Put{Shard: store.Loose, Key: grantKey(n, 9), Ver: 1, Body: make([]byte, 1500)}) // for the audit log
	if n > 1 {
		t.Deletes = append(t.Deletes, store.Delete{Shard: store.Loose, Key: grantKey(n-1, 9)})
	}
	return t
}

// grantKey is a key of the length that those of grants have, anywhere in their order.
func grantKey(n uint64, part int) []byte {
	k := make([]byte, 120)
	binary.BigEndian.PutUint64(k, n*0x9e3779b97f4a7c15)
	k[119] = byte(part)
	return k
}

// changes asks for the last n notes of the log.
func changes(db *postgres.DB, n uint64) func(context.Context, uint64) error {
	after := sync.OnceValues(func() (store.Vector, error) {
		heads, err := db.Renew(context.Background(), store.Node{ID: "reader"})
		for i := range n {
			heads.Revs[i%store.Shards]--
		}
		return heads.Revs, err
	})
	return func(ctx context.Context, _ uint64) error {
		from, err := after()
		if err == nil {
			_, _, err = db.Changes(ctx, from, 1000)
		}
		return err
	}
}

func touch(db *postgres.DB, n int) func(context.Context, uint64) error {
	return func(ctx context.Context, i uint64) error {
		uses := make([]store.Use, n)
		for j := range uses {
			uses[j] = store.Use{Key: fmt.Appendf(nil, "use-%08d", rand.IntN(100_000)), At: uint64(time.Now().UnixMilli()), Body: make([]byte, 200)}
		}
		return db.Touch(ctx, uses)
	}
}
