package sqlite

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
)

// A step leads from one store format to the next.
type step struct {
	statements string

	// reader and writer are the oldest formats whose programs may read, and write, what the step makes
	// (docs/formats/store.md). One that only adds leaves them.
	reader, writer int64
}

// theSteps are those this program knows; the format it writes is their number.
var theSteps = []step{{reader: 1, writer: 1, statements: tables}}

// upgrade brings a store of an older format up to date, after a copy of it was made. A crash leaves the store as it
// was, and the next start begins anew.
func (d *DB) upgrade(ctx context.Context, conn *sql.Conn, steps []step, logger *slog.Logger) error {
	format, err := meta(ctx, conn, "format")
	if err != nil || format >= int64(len(steps)) {
		return err
	}
	kept := fmt.Sprint(d.path, ".format-", format)
	if err := keep(ctx, conn, kept); err != nil {
		return fmt.Errorf("copy the store to %s before it is changed: %w", kept, err)
	}
	if err := bring(ctx, conn, steps, format); err != nil {
		return fmt.Errorf("change store format %d to %d: %w", format, len(steps), err)
	}
	cmp.Or(logger, slog.Default()).InfoContext(ctx, "the store has a new format; as it was before it is kept beside it", "from", format, "to", len(steps), "kept", kept)
	return nil
}

// keep copies the store to path, durably, whole or not at all. A copy that is there is of an earlier attempt, or from
// before the operator went back: the store as it is now takes its place.
func keep(ctx context.Context, conn *sql.Conn, path string) error {
	partial := path + ".partial"
	if err := os.Remove(partial); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	f, err := os.OpenFile(partial, os.O_CREATE|os.O_EXCL|os.O_RDWR, 0o600) // SQLite would let others read it
	if err != nil {
		return err
	}
	_, err = conn.ExecContext(ctx, `VACUUM INTO ?`, partial)
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return errors.Join(err, os.Remove(partial))
	}
	if err := os.Rename(partial, path); err != nil {
		return err
	}
	return syncDirectory(filepath.Dir(path))
}

// bring takes the store from a format to that of steps, in one transaction.
func bring(ctx context.Context, conn *sql.Conn, steps []step, format int64) error {
	tx, err := conn.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer tx.Rollback()
	for _, s := range steps[format:] {
		if _, err := tx.ExecContext(ctx, s.statements); err != nil {
			return err
		}
		if _, err := tx.ExecContext(ctx, `UPDATE meta SET val = ?1 WHERE name = 'min_reader' AND val < ?1`, s.reader); err != nil {
			return err
		}
		if _, err := tx.ExecContext(ctx, `UPDATE meta SET val = ?1 WHERE name = 'min_writer' AND val < ?1`, s.writer); err != nil {
			return err
		}
		if _, err := tx.ExecContext(ctx, `UPDATE meta SET val = val + 1 WHERE name = 'format'`); err != nil {
			return err
		}
	}
	return tx.Commit()
}
