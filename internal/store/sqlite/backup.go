package sqlite

import (
	"context"
	"database/sql"
	"io"

	"qkms/internal/store"
	"qkms/internal/store/stream"
)

// Backup implements store.Engine. While it runs the log cannot be reset, so it grows by what is
// written meanwhile.
func (d *DB) Backup(ctx context.Context, w io.Writer) (m store.Manifest, err error) {
	err = d.snapshot(ctx, func(tx *sql.Tx) (err error) {
		out := stream.NewWriter(w)
		if err := backupHeads(ctx, tx, out); err != nil {
			return err
		}
		if err := backupRecords(ctx, tx, out); err != nil {
			return err
		}
		m, err = out.Close()
		return err
	})
	if err != nil {
		return store.Manifest{}, err
	}
	return m, nil
}

func backupHeads(ctx context.Context, tx *sql.Tx, out *stream.Writer) error {
	var epoch int64
	if err := tx.QueryRowContext(ctx, `SELECT val FROM meta WHERE name = 'epoch'`).Scan(&epoch); err != nil {
		return err
	}
	heads, links := store.Heads{Epoch: uint64(epoch)}, [store.Shards][]byte{}
	rows, err := tx.QueryContext(ctx, `SELECT rev, link FROM head ORDER BY shard`)
	if err != nil {
		return err
	}
	defer rows.Close()
	for shard := 0; rows.Next(); shard++ {
		var rev int64
		if err := rows.Scan(&rev, &links[shard]); err != nil {
			return err
		}
		heads.Revs[shard] = uint64(rev)
	}
	if err := rows.Err(); err != nil {
		return err
	}
	return out.Heads(heads, links)
}

func backupRecords(ctx context.Context, tx *sql.Tx, out *stream.Writer) error {
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
		if err := out.Record(store.Placed{Record: store.Record{Key: key, Ver: uint64(ver), Body: body}, Shard: shard}); err != nil {
			return err
		}
	}
	return rows.Err()
}
