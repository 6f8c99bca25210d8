package postgres

import (
	"context"
	"errors"
	"fmt"

	"qkms/internal/store"

	"github.com/jackc/pgx/v5"
)

// A step leads from one store format to the next. Every statement may be run again: not every engine of this
// family undoes DDL with its transaction.
type step struct {
	statements []string

	// reader and writer are the oldest formats whose programs may read, and write, what the step makes. A step that
	// only adds leaves them, so that nodes of the version before go on (docs/formats/store.md).
	reader, writer int64
}

// steps are those this program knows; the format it writes is their number.
//
// Names sort and keys compare byte by byte. rec.shard is -1 for records outside all shards.
var steps = []step{{reader: 1, writer: 1, statements: []string{
	`CREATE TABLE IF NOT EXISTS rec  (k bytea NOT NULL PRIMARY KEY, shard int NOT NULL, ver bigint NOT NULL, body bytea NOT NULL)`,
	`CREATE TABLE IF NOT EXISTS head (shard int NOT NULL PRIMARY KEY, rev bigint NOT NULL, link bytea)`,
	`CREATE TABLE IF NOT EXISTS chg  (shard int NOT NULL, rev bigint NOT NULL, note bytea NOT NULL, link bytea, PRIMARY KEY (shard, rev))`,
	`CREATE TABLE IF NOT EXISTS node (id text COLLATE "C" NOT NULL PRIMARY KEY, beat bigint NOT NULL, applied bytea NOT NULL, info text NOT NULL)`,
	`CREATE TABLE IF NOT EXISTS job  (name text COLLATE "C" NOT NULL PRIMARY KEY, fence bigint NOT NULL, until bigint NOT NULL)`,
	`INSERT INTO meta (name, val) VALUES ('min_reader', 1), ('min_writer', 1), ('epoch', 1), ('shards', 64) ON CONFLICT DO NOTHING`,
	`INSERT INTO head (shard, rev) SELECT n, 0 FROM generate_series(0, 63) AS g(n) ON CONFLICT DO NOTHING`,
}}}

// ErrNone is returned by Open when the database holds no store, and Options.Make does not ask for one.
var ErrNone error = refusal("the database holds no store")

// A refusal is why a store, or what is in its place, is left alone; nothing is wrong with the connection.
type refusal string

func (r refusal) Error() string { return string(r) }

// prepareStore refuses what is not a store that we can read and write. With opts.Make it makes the tables if there
// are none; an older store is changed by Migrate alone, for other programs may be at work on it.
func (d *DB) prepareStore(opts Options) func(context.Context, *pgx.Conn) error {
	return func(ctx context.Context, conn *pgx.Conn) error {
		format, err := formatOf(ctx, conn)
		switch {
		case err != nil:
			return err
		case format == 0 && !opts.Make:
			return ErrNone
		case format == 0:
			if _, err := bring(ctx, conn, d.steps, 0); err != nil {
				return fmt.Errorf("create tables: %w", err)
			}
		case format < d.format():
			return refusal(fmt.Sprintf("the store has format %d, and this qkms needs %d: run `qkms migrate` with it first", format, d.format()))
		}
		return admit(ctx, conn, d.format())
	}
}

// format is the one that this program writes.
func (d *DB) format() int64 { return int64(len(d.steps)) }

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
		return 0, refusal("the database has tables of the names of a qkms store, but is none: give it a database of its own")
	}
	return format, err
}

// admit refuses a store made for another program than one of the given format.
func admit(ctx context.Context, conn *pgx.Conn, format int64) error {
	says := map[string]int64{}
	rows, _ := conn.Query(ctx, `SELECT name, val FROM meta`)
	if err := pairs[string](says)(rows); err != nil {
		return err
	}
	for _, name := range []string{"min_reader", "min_writer", "shards", "epoch"} {
		if says[name] == 0 {
			return refusal("the store is damaged: it does not say its " + name)
		}
	}
	if err := outdated(says["min_reader"], says["min_writer"], format); err != nil {
		return err
	}
	if says["shards"] != store.Shards {
		return refusal(fmt.Sprintf("the store has %d shards, this program needs %d", says["shards"], store.Shards))
	}
	return nil
}

// outdated says why a program of a format is too old for a store. One that could read is refused as well if it may
// not write, since every node renews its lease by a write.
func outdated(reader, writer, format int64) error {
	for _, need := range []struct {
		format int64
		what   string
	}{{reader, "read"}, {writer, "written"}} {
		if need.format > format {
			return refusal(fmt.Sprintf("a newer qkms has changed this store (to be %s it needs store format %d, this program knows %d): install a newer qkms", need.what, need.format, format))
		}
	}
	return nil
}
