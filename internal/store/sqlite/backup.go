package sqlite

// The backup stream is docs/formats/backup.md §1, the same of every engine: any store can be filled from it.

import (
	"bufio"
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/binary"
	"hash"
	"io"

	"qkms/internal/store"
)

const backupMagic, backupVersion = "QKMSBKUP", 1

// Backup implements store.Engine. While it runs the log cannot be reset, so it grows by what is
// written meanwhile.
func (d *DB) Backup(ctx context.Context, w io.Writer) (store.Manifest, error) {
	var m store.Manifest
	err := d.snapshot(ctx, func(tx *sql.Tx) error {
		b := newBackup(w)
		if err := b.heads(ctx, tx); err != nil {
			return err
		}
		if err := b.records(ctx, tx); err != nil {
			return err
		}
		if err := b.trailer(); err != nil {
			return err
		}
		m = b.manifest
		return nil
	})
	if err != nil {
		return store.Manifest{}, err
	}
	return m, nil
}

// A backup is a stream being written. Write errors surface in trailer at the latest.
type backup struct {
	manifest store.Manifest
	out      *bufio.Writer
	digest   hash.Hash
	buf      []byte
}

func newBackup(w io.Writer) *backup {
	return &backup{out: bufio.NewWriterSize(w, 1<<16), digest: sha256.New()}
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

func (b *backup) heads(ctx context.Context, tx *sql.Tx) error {
	var epoch int64
	if err := tx.QueryRowContext(ctx, `SELECT val FROM meta WHERE name = 'epoch'`).Scan(&epoch); err != nil {
		return err
	}
	b.manifest.Heads.Epoch = uint64(epoch)
	b.buf = append(b.buf, backupMagic...)
	b.u32(backupVersion)
	b.u32(store.Shards)
	b.u64(uint64(epoch))
	rows, err := tx.QueryContext(ctx, `SELECT rev, link FROM head ORDER BY shard`)
	if err != nil {
		return err
	}
	defer rows.Close()
	for shard := 0; rows.Next(); shard++ {
		var rev int64
		var link []byte
		if err := rows.Scan(&rev, &link); err != nil {
			return err
		}
		b.manifest.Heads.Revs[shard] = uint64(rev)
		b.u64(uint64(rev))
		b.string(link)
	}
	if err := rows.Err(); err != nil {
		return err
	}
	return b.emit()
}

func (b *backup) records(ctx context.Context, tx *sql.Tx) error {
	rows, err := tx.QueryContext(ctx, `SELECT shard, ver, k, body FROM rec ORDER BY k`)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		var shard int
		var ver int64
		var key, body sql.RawBytes
		if err := rows.Scan(&shard, &ver, &key, &body); err != nil {
			return err
		}
		b.buf = append(b.buf, 1)
		b.u32(shard)
		b.u64(uint64(ver))
		b.string(key)
		b.string(body)
		if err := b.emit(); err != nil {
			return err
		}
		b.manifest.Records++
	}
	return rows.Err()
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
