package postgres

import (
	"context"
	"errors"
	"fmt"
	"io"

	"qkms/internal/store"
	"qkms/internal/store/stream"

	"github.com/jackc/pgx/v5"
)

// backupPage is how many records one round trip brings, of up to 1 MiB each.
const backupPage = 64

// Backup implements store.Engine. It reads in one transaction, page by page. While it runs the server
// keeps what is deleted.
func (d *DB) Backup(ctx context.Context, w io.Writer) (store.Manifest, error) {
	if err := d.enter(); err != nil {
		return store.Manifest{}, err
	}
	defer d.mu.RUnlock()
	if err := d.turns.begin(ctx); err != nil {
		return store.Manifest{}, fmt.Errorf("%w: %w", store.ErrUnavailable, err)
	}
	defer d.turns.end()
	conn, err := d.pool.Acquire(ctx)
	if err != nil {
		return store.Manifest{}, fmt.Errorf("%w: %w", store.ErrUnavailable, err)
	}
	defer conn.Release()
	m, err := backup(ctx, conn.Conn(), stream.NewWriter(w))
	_, rollback := conn.Exec(ctx, `ROLLBACK`) // nothing was written; if it fails the pool drops the connection
	if err = errors.Join(err, rollback); err != nil {
		return store.Manifest{}, fmt.Errorf("%w: %w", store.ErrUnavailable, err)
	}
	return m, nil
}

func backup(ctx context.Context, conn *pgx.Conn, out *stream.Writer) (store.Manifest, error) {
	if err := backupHeads(ctx, conn, out); err != nil {
		return store.Manifest{}, err
	}
	for from := []byte(nil); ; {
		last, err := backupRecords(ctx, conn, out, from)
		if err != nil {
			return store.Manifest{}, err
		}
		if last == nil {
			return out.Close()
		}
		from = last
	}
}

// backupHeads begins the transaction, whose snapshot is that of its first query.
func backupHeads(ctx context.Context, conn *pgx.Conn, out *stream.Writer) error {
	var heads store.Heads
	var links [store.Shards][]byte
	q := &pgx.Batch{}
	q.Queue(`BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY`)
	queueHeads(q, &heads)
	q.Queue(`SELECT shard, link FROM head`).Query(func(rows pgx.Rows) error {
		var shard int
		var link []byte
		_, err := pgx.ForEachRow(rows, []any{&shard, &link}, func() error {
			links[shard], link = link, nil // queueHeads has refused other shards
			return nil
		})
		return err
	})
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	if _, _, err := send(ctx, conn, q); err != nil {
		return err
	}
	return out.Heads(heads, links)
}

// backupRecords writes the records after a key, a page of them, and returns the last key; nil when there was none.
func backupRecords(ctx context.Context, conn *pgx.Conn, out *stream.Writer, after []byte) (last []byte, err error) {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	rows, _ := conn.Query(ctx, `SELECT k, shard, ver, body FROM rec WHERE k > $1::bytea ORDER BY k ASC LIMIT $2::bigint`, present(after), backupPage)
	var shard int
	var ver int64
	var key, body []byte
	_, err = pgx.ForEachRow(rows, []any{&key, &shard, &ver, &body}, func() error {
		p := store.Placed{Record: store.Record{Key: key, Ver: uint64(ver), Body: body}, Shard: shard}
		last, key, body = key, nil, nil
		return out.Record(p)
	})
	return last, err
}
