package postgres

import (
	"context"
	"errors"
	"fmt"

	"qkms/internal/store"

	"github.com/jackc/pgx/v5"
)

// storeFormat is what this program writes: the number of migrations it knows.
const storeFormat = 1

// migrations lead from each store format to the next. Every statement may be run again: not every
// engine of this family undoes DDL with its transaction.
//
// Names sort and keys compare byte by byte. rec.shard is -1 for records outside all shards.
var migrations = [storeFormat][]string{{
	`CREATE TABLE IF NOT EXISTS rec  (k bytea NOT NULL PRIMARY KEY, shard int NOT NULL, ver bigint NOT NULL, body bytea NOT NULL)`,
	`CREATE TABLE IF NOT EXISTS head (shard int NOT NULL PRIMARY KEY, rev bigint NOT NULL, link bytea)`,
	`CREATE TABLE IF NOT EXISTS chg  (shard int NOT NULL, rev bigint NOT NULL, note bytea NOT NULL, link bytea, PRIMARY KEY (shard, rev))`,
	`CREATE TABLE IF NOT EXISTS node (id text COLLATE "C" NOT NULL PRIMARY KEY, beat bigint NOT NULL, applied bytea NOT NULL, info text NOT NULL)`,
	`CREATE TABLE IF NOT EXISTS job  (name text COLLATE "C" NOT NULL PRIMARY KEY, fence bigint NOT NULL, until bigint NOT NULL)`,
	`INSERT INTO meta (name, val) VALUES ('min_reader', 1), ('min_writer', 1), ('epoch', 1), ('shards', 64) ON CONFLICT DO NOTHING`,
	`INSERT INTO head (shard, rev) SELECT n, 0 FROM generate_series(0, 63) AS g(n) ON CONFLICT DO NOTHING`,
}}

// prepareStore makes the tables if there are none, and refuses what is not a store that we can write.
func (d *DB) prepareStore(ctx context.Context, conn *pgx.Conn) error {
	format, err := formatOf(ctx, conn)
	if err != nil {
		return err
	}
	if format < storeFormat {
		if err := migrate(ctx, conn); err != nil {
			return fmt.Errorf("create tables: %w", err)
		}
	}
	return admit(ctx, conn)
}

// formatOf is the store's format, 0 if there is none yet. Tables of somebody else are left alone.
func formatOf(ctx context.Context, conn *pgx.Conn) (int64, error) {
	var tables int
	err := conn.QueryRow(ctx, `SELECT count(*) FROM information_schema.tables
		WHERE table_schema = current_schema() AND table_name IN ('rec', 'head', 'chg', 'node', 'job')`).Scan(&tables)
	if err != nil {
		return 0, err
	}
	var format int64
	err = conn.QueryRow(ctx, `SELECT val FROM meta WHERE name = 'format'`).Scan(&format)
	missing := errors.Is(err, pgx.ErrNoRows) || code(err) == noTable
	switch {
	case missing && tables == 0:
		return 0, nil
	case missing || code(err) == noColumn:
		return 0, errors.New("the database has tables of the names of a qkms store, but is none: give it a database of its own")
	}
	return format, err
}

// migrate brings the store to storeFormat. Of several that try at once one goes ahead, and the others
// wait for the row that says the format.
func migrate(ctx context.Context, conn *pgx.Conn) error {
	_, err := conn.Exec(ctx, `CREATE TABLE IF NOT EXISTS meta (name text COLLATE "C" NOT NULL PRIMARY KEY, val bigint NOT NULL)`)
	switch code(err) {
	case duplicate, tableThere, typeThere: // IF NOT EXISTS does not see what another one is making
	default:
		if err != nil {
			return err
		}
	}
	var format int64
	b := begin()
	b.Queue(`INSERT INTO meta (name, val) VALUES ('format', 0) ON CONFLICT DO NOTHING`)
	b.Queue(`SELECT val FROM meta WHERE name = 'format' FOR UPDATE`).QueryRow(func(row pgx.Row) error { return row.Scan(&format) })
	if _, _, err := send(ctx, conn, b); err != nil {
		return err
	}
	for ; format < storeFormat; format++ {
		for _, statement := range migrations[format] {
			if _, err := conn.Exec(ctx, statement); err != nil { // one by one: each is parsed when those before it are done
				return err
			}
		}
	}
	b = &pgx.Batch{}
	b.Queue(`UPDATE meta SET val = $1::bigint WHERE name = 'format' AND val < $1::bigint`, storeFormat)
	return commit(ctx, conn, b)
}

// admit refuses a store made for another program.
func admit(ctx context.Context, conn *pgx.Conn) error {
	says := map[string]int64{}
	rows, _ := conn.Query(ctx, `SELECT name, val FROM meta`)
	if err := pairs[string](says)(rows); err != nil {
		return err
	}
	for _, name := range []string{"min_reader", "min_writer", "shards", "epoch"} {
		if says[name] == 0 {
			return fmt.Errorf("the store is damaged: it does not say its %s", name)
		}
	}
	if need := max(says["min_reader"], says["min_writer"]); need > storeFormat {
		return fmt.Errorf("a newer qkms has written this store (it needs store format %d, this program knows %d): install a newer qkms", need, storeFormat)
	}
	if says["shards"] != store.Shards {
		return fmt.Errorf("the store has %d shards, this program needs %d", says["shards"], store.Shards)
	}
	return nil
}
