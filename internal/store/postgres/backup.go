package postgres

// The backup stream, version 1, is the one of the embedded engine, byte for byte: what either wrote
// either can be filled from. Numbers are unsigned and big-endian; a "string" is a 32-bit length and
// that many bytes.
//
//	header    8 bytes "QKMSBKUP", 32-bit version (1), 32-bit number of shards, 64-bit epoch
//	heads     per shard in order: 64-bit revision, string link (empty when there is none)
//	records   in byte order of their keys, each:
//	          byte 1, 32-bit shard (2^32-1: outside every shard), 64-bit version, string key, string body
//	trailer   byte 0, 64-bit number of records, 32 bytes SHA-256 of all that comes before the trailer
//
// Nothing follows the trailer; a stream without one was cut short.

import (
	"bufio"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"hash"
	"io"

	"qkms/internal/store"

	"github.com/jackc/pgx/v5"
)

const backupMagic, backupVersion = "QKMSBKUP", 1

// backupPage is how many records one round trip brings, of up to 1 MiB each.
const backupPage = 64

// Backup implements store.Engine. It reads in one transaction, page by page. While it runs the server
// keeps what is deleted.
func (d *DB) Backup(ctx context.Context, w io.Writer) (store.Manifest, error) {
	if err := d.enter(); err != nil {
		return store.Manifest{}, err
	}
	defer d.mu.RUnlock()
	conn, err := d.pool.Acquire(ctx)
	if err != nil {
		return store.Manifest{}, fmt.Errorf("%w: %w", store.ErrUnavailable, err)
	}
	defer conn.Release()
	b := &backup{out: bufio.NewWriterSize(w, 1<<16), digest: sha256.New()}
	err = b.write(ctx, conn.Conn())
	_, rollback := conn.Exec(ctx, `ROLLBACK`) // nothing was written; if it fails the pool drops the connection
	if err = errors.Join(err, rollback); err != nil {
		return store.Manifest{}, fmt.Errorf("%w: %w", store.ErrUnavailable, err)
	}
	return b.manifest, nil
}

// A backup is a stream being written. Write errors surface in trailer at the latest.
type backup struct {
	manifest store.Manifest
	out      *bufio.Writer
	digest   hash.Hash
	buf      []byte
}

func (b *backup) write(ctx context.Context, conn *pgx.Conn) error {
	if err := b.heads(ctx, conn); err != nil {
		return err
	}
	for from := []byte(nil); ; {
		last, err := b.page(ctx, conn, from)
		if err != nil {
			return err
		}
		if last == nil {
			return b.trailer()
		}
		from = last
	}
}

// emit writes what is in buf.
func (b *backup) emit() error {
	b.digest.Write(b.buf)
	b.manifest.Bytes += int64(len(b.buf))
	_, err := b.out.Write(b.buf)
	b.buf = b.buf[:0]
	return err
}

func (b *backup) u32(n int)    { b.buf = binary.BigEndian.AppendUint32(b.buf, uint32(n)) }
func (b *backup) u64(n uint64) { b.buf = binary.BigEndian.AppendUint64(b.buf, n) }

func (b *backup) string(s []byte) {
	b.u32(len(s))
	b.buf = append(b.buf, s...)
}

// heads begins the transaction, whose snapshot is that of its first query.
func (b *backup) heads(ctx context.Context, conn *pgx.Conn) error {
	h := &b.manifest.Heads
	var links [store.Shards][]byte
	q := &pgx.Batch{}
	q.Queue(`BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY`)
	queueHeads(q, h)
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
	b.buf = append(b.buf, backupMagic...)
	b.u32(backupVersion)
	b.u32(store.Shards)
	b.u64(h.Epoch)
	for shard, rev := range h.Revs {
		b.u64(rev)
		b.string(links[shard])
	}
	return b.emit()
}

// page writes the records after a key, and returns the last of them; nil when there was none.
func (b *backup) page(ctx context.Context, conn *pgx.Conn, after []byte) (last []byte, err error) {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	rows, _ := conn.Query(ctx, `SELECT k, shard, ver, body FROM rec WHERE k > $1::bytea ORDER BY k ASC LIMIT $2::bigint`, present(after), backupPage)
	var shard int
	var ver int64
	var key, body []byte
	_, err = pgx.ForEachRow(rows, []any{&key, &shard, &ver, &body}, func() error {
		b.buf = append(b.buf, 1)
		b.u32(shard)
		b.u64(uint64(ver))
		b.string(key)
		b.string(body)
		b.manifest.Records++
		last, key, body = key, nil, nil
		return b.emit()
	})
	return last, err
}

func (b *backup) trailer() error {
	b.digest.Sum(b.manifest.SHA256[:0])
	b.buf = append(b.buf, 0)
	b.u64(uint64(b.manifest.Records))
	b.buf = append(b.buf, b.manifest.SHA256[:]...)
	if err := b.emit(); err != nil {
		return err
	}
	return b.out.Flush()
}
