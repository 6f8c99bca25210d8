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

// A Server is what the database server says of itself, as far as acknowledged changes depend on it.
type Server struct {
	Version  string
	Standbys string // synchronous_standby_names; empty: a commit is on one machine when it is acknowledged
	Unsafe   string // the setting under which a crash takes acknowledged changes back; empty: none
}

// Server asks the server about its settings.
func (d *DB) Server(ctx context.Context) (s Server, err error) {
	err = d.run(ctx, func(ctx context.Context, conn *pgx.Conn) error {
		says := map[string]*string{"server_version": &s.Version, "synchronous_standby_names": &s.Standbys, "fsync": new(string), "full_page_writes": new(string)}
		b := &pgx.Batch{}
		for name, value := range says {
			b.Queue(`SELECT current_setting($1::text)`, name).QueryRow(func(row pgx.Row) error { return row.Scan(value) })
		}
		if _, _, err := send(ctx, conn, b); err != nil {
			return err
		}
		for _, name := range []string{"full_page_writes", "fsync"} {
			if *says[name] != "on" {
				s.Unsafe = name
			}
		}
		return nil
	})
	return s, err
}
