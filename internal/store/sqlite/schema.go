package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"

	"qkms/internal/store"

	driver "modernc.org/sqlite"
	lib "modernc.org/sqlite/lib"
)

const applicationID = 0x514b4d53 // "QKMS" in the file's header, where file(1) and we look

// The tables of every SQL engine. rec.shard is -1 for records outside all shards.
const tables = `
CREATE TABLE rec  (k BLOB NOT NULL PRIMARY KEY, shard INTEGER NOT NULL, ver INTEGER NOT NULL, body BLOB NOT NULL) WITHOUT ROWID, STRICT;
CREATE TABLE head (shard INTEGER NOT NULL PRIMARY KEY, rev INTEGER NOT NULL, link BLOB) WITHOUT ROWID, STRICT;
CREATE TABLE chg  (shard INTEGER NOT NULL, rev INTEGER NOT NULL, note BLOB NOT NULL, link BLOB, PRIMARY KEY (shard, rev)) WITHOUT ROWID, STRICT;
CREATE TABLE node (id TEXT NOT NULL PRIMARY KEY, beat INTEGER NOT NULL, applied BLOB NOT NULL, info TEXT NOT NULL) WITHOUT ROWID, STRICT;
CREATE TABLE job  (name TEXT NOT NULL PRIMARY KEY, fence INTEGER NOT NULL, until INTEGER NOT NULL) WITHOUT ROWID, STRICT;
CREATE TABLE meta (name TEXT NOT NULL PRIMARY KEY, val INTEGER NOT NULL) WITHOUT ROWID, STRICT;
INSERT INTO meta (name, val) VALUES ('format', 0), ('min_reader', 1), ('min_writer', 1), ('epoch', 1), ('settled', 0), ('shards', 64);
WITH RECURSIVE n(shard) AS (VALUES (0) UNION ALL SELECT shard + 1 FROM n WHERE shard < 63) INSERT INTO head (shard, rev) SELECT shard, 0 FROM n;
PRAGMA application_id = 0x514b4d53;
`

// dsn names the file to the driver, with what every connection needs. fullfsync matters on macOS
// alone, where fsync does not reach the disk.
//
// Tried once, over 30,000 of the first 300,000 records of a file of 1.1 GB, and left as they are: cache_size of 8 and
// 64 MB per connection made reads of single records no cheaper, since pages come from the system's cache anyway; mmap_size
// made them some 20 % cheaper, but an error of the disk is then a signal that ends the process, and no error of one read.
func dsn(path string, pragmas ...string) string {
	q := url.Values{"_pragma": append([]string{
		"busy_timeout(5000)",
		"fullfsync(1)",
		"checkpoint_fullfsync(1)",
		"temp_store(2)", // in memory: no stray copy of a record on disk
		"trusted_schema(0)",
	}, pragmas...)}
	return (&url.URL{Scheme: "file", OmitHost: true, Path: path, RawQuery: q.Encode()}).String()
}

// prepareStore makes a new file a store, or refuses what is not one that we can read and write, or brings one of an
// older format up to date.
func (d *DB) prepareStore(ctx context.Context, conn *sql.Conn, opts Options) error {
	fresh, err := identify(ctx, conn)
	if err != nil {
		return err
	}
	if err := configure(ctx, conn, opts); err != nil {
		return err
	}
	steps := opts.steps
	if steps == nil {
		steps = theSteps
	}
	if fresh {
		if err := bring(ctx, conn, steps, 0); err != nil {
			return fmt.Errorf("create tables: %w", err)
		}
	}
	if err := admit(ctx, conn, int64(len(steps))); err != nil {
		return err
	}
	if err := d.upgrade(ctx, conn, steps, opts.Logger); err != nil {
		return err
	}
	return bury(ctx, conn)
}

// identify says whether the file is new. A crash may have left it empty, or with a header and no
// tables: both are new.
func identify(ctx context.Context, conn *sql.Conn) (fresh bool, err error) {
	var id, tables int
	if err := conn.QueryRowContext(ctx, `PRAGMA application_id`).Scan(&id); err != nil {
		return false, foreign(err)
	}
	if err := conn.QueryRowContext(ctx, `SELECT count(*) FROM sqlite_schema`).Scan(&tables); err != nil {
		return false, foreign(err)
	}
	switch {
	case id == applicationID && tables > 0:
		return false, nil
	case id == 0 && tables == 0:
		return true, nil
	}
	return false, errors.New("the file is an SQLite database, but not a qkms store")
}

// foreign puts a plain sentence on SQLite's "file is not a database".
func foreign(err error) error {
	var e *driver.Error
	if errors.As(err, &e) && e.Code()&0xff == lib.SQLITE_NOTADB {
		return errors.New("the file is not a qkms store")
	}
	return err
}

// configure sets up the writing connection. Deleted rows are overwritten (secure_delete), because a
// deleted key's wrapped material must not outlive it in free pages.
func configure(ctx context.Context, conn *sql.Conn, opts Options) error {
	var mode string
	if err := conn.QueryRowContext(ctx, `PRAGMA journal_mode = WAL`).Scan(&mode); err != nil {
		return fmt.Errorf("set WAL mode: %w", err)
	}
	if mode != "wal" {
		return fmt.Errorf("the file system does not support WAL mode (journal mode is %q)", mode)
	}
	synchronous := "FULL"
	if opts.LoseOnPowerCut {
		synchronous = "NORMAL"
	}
	for _, pragma := range []string{
		"synchronous = " + synchronous,
		"secure_delete = ON",
		"wal_autocheckpoint = 1000",     // pages: about 4 MB of log to replay after a crash
		"journal_size_limit = 67108864", // what the log shrinks to after a long backup held it
	} {
		if _, err := conn.ExecContext(ctx, "PRAGMA "+pragma); err != nil {
			return fmt.Errorf("set %s: %w", pragma, err)
		}
	}
	return nil
}

// admit refuses a store made for another program than one of the given format.
func admit(ctx context.Context, conn *sql.Conn, format int64) error {
	for _, must := range []struct{ name, what string }{{"min_reader", "read"}, {"min_writer", "written"}} {
		val, err := meta(ctx, conn, must.name)
		if err != nil {
			return err
		}
		if val > format {
			return fmt.Errorf("a newer qkms has changed this store (to be %s it needs store format %d, this program knows %d): install a newer qkms", must.what, val, format)
		}
	}
	var moved bool
	if err := conn.QueryRowContext(ctx, `SELECT EXISTS (SELECT 1 FROM meta WHERE name = ?)`, retired).Scan(&moved); err != nil {
		return err
	}
	if moved {
		return store.ErrMoved
	}
	shards, err := meta(ctx, conn, "shards")
	if err != nil {
		return err
	}
	if shards != store.Shards {
		return fmt.Errorf("the store has %d shards, this program needs %d", shards, store.Shards)
	}
	return nil
}

// bury clears what dead processes left: holding the lock proves that no other node is alive and no claim is being
// worked on.
func bury(ctx context.Context, conn *sql.Conn) error {
	_, err := conn.ExecContext(ctx, `DELETE FROM node; UPDATE job SET until = 0 WHERE until <> 0`)
	return err
}

// meta reads one number about the store itself.
func meta(ctx context.Context, conn *sql.Conn, name string) (val int64, err error) {
	err = conn.QueryRowContext(ctx, `SELECT val FROM meta WHERE name = ?`, name).Scan(&val)
	if errors.Is(err, sql.ErrNoRows) {
		return 0, fmt.Errorf("the store is damaged: it does not say its %s", name)
	}
	return val, err
}
