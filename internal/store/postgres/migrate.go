package postgres

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"
)

// A Migration is what Migrate found, and what it made of it.
type Migration struct {
	From int64 `json:"from"` // the store's format before
	To   int64 `json:"to"`   // and now

	Reader int64 `json:"min_reader"` // the oldest format whose programs may read the store now
	Writer int64 `json:"min_writer"` // and write it
}

// Migrate brings the tables of the store at url, which is written as for Open, to the format of this program. A
// store of this format, or of a later one that this program may use, is left as it is. Interrupted, it goes on when
// it is called again. Several that call it at once do it once.
func Migrate(ctx context.Context, url string, opts Options) (m Migration, err error) {
	config, err := parse(url)
	if err != nil {
		return m, err
	}
	d, err := connect(ctx, config, opts)
	if err != nil {
		return m, fmt.Errorf("migrate store %s: %w", describe(config), err)
	}
	defer d.pool.Close()
	if m, err = d.migrate(ctx); err != nil {
		return m, fmt.Errorf("migrate store %s: %w", describe(config), err)
	}
	return m, nil
}

func (d *DB) migrate(ctx context.Context) (m Migration, err error) {
	for range attempts { // each takes as long as its statements take: no call's limit is upon it but the context's
		err = d.once(ctx, func(ctx context.Context, conn *pgx.Conn) (err error) {
			if m.From, err = formatOf(ctx, conn); err != nil {
				return err
			}
			if m.From == 0 {
				return ErrNone
			}
			if err := admit(ctx, conn, d.format()); err != nil {
				return err
			}
			if err := d.share(ctx); err != nil { // by a connection of its own: whoever has the store for itself reads what is to be changed
				return err
			}
			m.To, err = bring(ctx, conn, d.steps, m.From)
			return err
		})
		if !passing(err) || ctx.Err() != nil {
			break
		}
	}
	if err != nil {
		return m, err
	}
	return m, d.run(ctx, func(ctx context.Context, conn *pgx.Conn) error {
		return conn.QueryRow(ctx, `SELECT r.val, w.val FROM meta r, meta w WHERE r.name = 'min_reader' AND w.name = 'min_writer'`).Scan(&m.Reader, &m.Writer)
	})
}

// bring takes the store from a format to that of steps, and returns the one it has then. Of several that try at
// once one goes ahead, and the others wait for the row that says the format.
func bring(ctx context.Context, conn *pgx.Conn, steps []step, format int64) (int64, error) {
	if format == 0 {
		if err := makeMeta(ctx, conn); err != nil {
			return 0, err
		}
	}
	for format < int64(len(steps)) {
		next, err := steps[format].take(ctx, conn, format)
		if err != nil {
			return format, fmt.Errorf("from store format %d to %d: %w", format, format+1, err)
		}
		format = next
	}
	return format, nil
}

func makeMeta(ctx context.Context, conn *pgx.Conn) error {
	_, err := conn.Exec(ctx, `CREATE TABLE IF NOT EXISTS meta (name text COLLATE "C" NOT NULL PRIMARY KEY, val bigint NOT NULL)`)
	switch code(err) {
	case duplicate, tableThere, typeThere: // IF NOT EXISTS does not see what another one is making
	default:
		if err != nil {
			return err
		}
	}
	b := begin()
	b.Queue(`INSERT INTO meta (name, val) VALUES ('format', 0) ON CONFLICT DO NOTHING`)
	return commit(ctx, conn, b)
}

// take takes one step from a format, unless another process has, and returns the format that the store has then.
//
// Programs that must not use what the step makes are kept out first, in a transaction of its own: a step that
// breaks off, on an engine that does not undo it, must not leave them with half of it.
func (s step) take(ctx context.Context, conn *pgx.Conn, format int64) (int64, error) {
	b := begin()
	b.Queue(`UPDATE meta SET val = $1::bigint WHERE name = 'min_reader' AND val < $1::bigint`, s.reader)
	b.Queue(`UPDATE meta SET val = $1::bigint WHERE name = 'min_writer' AND val < $1::bigint`, s.writer)
	if err := commit(ctx, conn, b); err != nil {
		return format, err
	}
	var found int64
	b = begin()
	b.Queue(`SELECT set_config('lock_timeout', '0', true)`) // for whoever takes the same step, as long as that takes
	b.Queue(`SELECT val FROM meta WHERE name = 'format' FOR UPDATE`).QueryRow(func(row pgx.Row) error { return row.Scan(&found) })
	// Who waits for a table has all others wait behind: what a backup reads is not waited for.
	b.Queue(`SELECT set_config('lock_timeout', '3000', true)`)
	if _, _, err := send(ctx, conn, b); err != nil {
		return format, busy(err)
	}
	if found == format {
		for _, statement := range s.statements {
			if _, err := conn.Exec(ctx, statement); err != nil { // one by one: each is parsed when those before it are done
				return format, busy(err)
			}
		}
	}
	b = &pgx.Batch{}
	b.Queue(`UPDATE meta SET val = $1::bigint WHERE name = 'format' AND val < $1::bigint`, format+1)
	return max(found, format+1), commit(ctx, conn, b)
}

// busy puts a plain sentence on a lock that was not to be had.
func busy(err error) error {
	if code(err) == lockTimeout {
		return refusal("its tables are being read, perhaps for a backup: when that is done, run it again, it goes on where it was")
	}
	return err
}
