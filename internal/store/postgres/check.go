package postgres

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"
)

// Check returns an error that says what is damaged: that every shard's change log runs up to its head
// without a gap. One that was loaded (its epoch is above 1) begins at the heads it was loaded with. What the server says of its pages is its operator's business (pg_amcheck, checksums).
func (d *DB) Check(ctx context.Context) error {
	return d.run(ctx, func(ctx context.Context, conn *pgx.Conn) error {
		var shard, rev int64
		err := conn.QueryRow(ctx, `SELECT h.shard, h.rev FROM head h
			LEFT JOIN (SELECT shard, min(rev) AS first, max(rev) AS last, count(*) AS n FROM chg GROUP BY shard) c
			ON c.shard = h.shard
			WHERE h.rev <> coalesce(c.last, CASE WHEN (SELECT val FROM meta WHERE name = 'epoch') > 1 THEN h.rev ELSE 0 END) OR coalesce(c.last - c.first + 1, 0) <> coalesce(c.n, 0)
			ORDER BY h.shard ASC LIMIT 1`).Scan(&shard, &rev)
		if errors.Is(err, pgx.ErrNoRows) {
			return nil
		}
		if err == nil {
			err = fmt.Errorf("the store is damaged: the change log of shard %d does not run up to its head, revision %d", shard, rev)
		}
		return err
	})
}
