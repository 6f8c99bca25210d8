package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
)

// Check reads the whole store and returns an error that says what is damaged: SQLite's own
// integrity_check, then that every shard's change log runs up to its head without a gap. It holds a
// snapshot, not a lock, and takes time in proportion to the store.
func (d *DB) Check(ctx context.Context) error {
	return d.snapshot(ctx, func(tx *sql.Tx) error {
		if err := checkPages(ctx, tx); err != nil {
			return err
		}
		return checkLog(ctx, tx)
	})
}

func checkPages(ctx context.Context, tx *sql.Tx) error {
	var verdict string
	err := tx.QueryRowContext(ctx, `PRAGMA integrity_check(1)`).Scan(&verdict)
	if err == nil && verdict != "ok" {
		return fmt.Errorf("the store is damaged: %s", verdict)
	}
	return err
}

// checkLog finds a shard whose notes do not run up to its head, one by one. One that was loaded (its epoch
// is not the first) may have none yet.
func checkLog(ctx context.Context, tx *sql.Tx) error {
	var shard, rev int64
	err := tx.QueryRowContext(ctx, `SELECT h.shard, h.rev FROM head h
		LEFT JOIN (SELECT shard, min(rev) AS first, max(rev) AS last, count(*) AS n FROM chg GROUP BY shard) c
		ON c.shard = h.shard
		WHERE h.rev <> coalesce(c.last, CASE WHEN (SELECT val FROM meta WHERE name = 'epoch') > 1 THEN h.rev ELSE 0 END) OR coalesce(c.last - c.first + 1, 0) <> coalesce(c.n, 0)
		LIMIT 1`).Scan(&shard, &rev)
	if errors.Is(err, sql.ErrNoRows) {
		return nil
	}
	if err == nil {
		return fmt.Errorf("the store is damaged: the change log of shard %d does not run up to its head, revision %d", shard, rev)
	}
	return err
}
