package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"qkms/internal/store"
)

// queries are the statements of the reading connections; database/sql prepares them on each.
type queries struct {
	get, list, listUpTo, heads, epoch, changes, peers *sql.Stmt
}

func prepareQueries(ctx context.Context, db *sql.DB) (q queries, err error) {
	for _, p := range []struct {
		stmt  **sql.Stmt
		query string
	}{
		{&q.get, `SELECT ver, body FROM rec WHERE k = ?`},
		{&q.list, `SELECT k, ver, body FROM rec WHERE k >= ? ORDER BY k LIMIT ?`},
		{&q.listUpTo, `SELECT k, ver, body FROM rec WHERE k >= ? AND k < ? ORDER BY k LIMIT ?`},
		{&q.heads, `SELECT shard, rev FROM head ORDER BY shard`},
		{&q.epoch, `SELECT val FROM meta WHERE name = 'epoch'`},
		{&q.changes, `SELECT rev, note, link FROM chg WHERE shard = ? AND rev > ? ORDER BY rev LIMIT ?`},
		{&q.peers, `SELECT id, beat, applied, info FROM node ORDER BY id`},
	} {
		if *p.stmt, err = db.PrepareContext(ctx, p.query); err != nil {
			return q, err
		}
	}
	return q, nil
}

// read runs f in a call of its own. What f returns counts as unavailable unless it is one of the
// errors that a reader may answer with.
func (d *DB) read(f func() error) error {
	if err := d.enter(); err != nil {
		return err
	}
	defer d.mu.RUnlock()
	if d.unsettled.Load() {
		return errUnsettled
	}
	err := f()
	if errors.Is(err, store.ErrGone) || errors.Is(err, store.ErrRolledBack) {
		return err
	}
	return unavailable(err)
}

// snapshot runs f in one read transaction.
func (d *DB) snapshot(ctx context.Context, f func(tx *sql.Tx) error) error {
	return d.read(func() error {
		tx, err := d.readers.BeginTx(ctx, &sql.TxOptions{ReadOnly: true})
		if err != nil {
			return err
		}
		defer tx.Rollback()
		return f(tx)
	})
}

// Get implements store.Engine.
func (d *DB) Get(ctx context.Context, keys ...[]byte) ([]store.Record, error) {
	records := make([]store.Record, len(keys))
	one := func(ctx context.Context, get *sql.Stmt, i int) error {
		r := &records[i]
		r.Key = keys[i]
		var ver int64
		err := get.QueryRowContext(ctx, blob(keys[i])).Scan(&ver, &r.Body)
		if errors.Is(err, sql.ErrNoRows) {
			return nil
		}
		r.Ver = uint64(ver)
		return err
	}
	var err error
	if len(keys) == 1 { // one statement is one snapshot, without BEGIN and COMMIT
		err = d.read(func() error { return one(ctx, d.queries.get, 0) })
	} else {
		err = d.snapshot(ctx, func(tx *sql.Tx) error {
			get := tx.StmtContext(ctx, d.queries.get)
			for i := range keys {
				if err := one(ctx, get, i); err != nil {
					return err
				}
			}
			return nil
		})
	}
	if err != nil {
		return nil, err
	}
	return records, nil
}

// List implements store.Engine.
func (d *DB) List(ctx context.Context, from, to []byte, limit int) (page []store.Record, more bool, err error) {
	if limit < 1 || limit > store.MaxList {
		return nil, false, fmt.Errorf("store: list of %d records: want 1 to %d", limit, store.MaxList)
	}
	err = d.read(func() error {
		rows, err := d.rangeOf(ctx, from, to, limit+1)
		if err != nil {
			return err
		}
		defer rows.Close()
		for rows.Next() {
			if len(page) == limit {
				more = true
				break
			}
			var r store.Record
			var ver int64
			if err := rows.Scan(&r.Key, &ver, &r.Body); err != nil {
				return err
			}
			r.Ver = uint64(ver)
			page = append(page, r)
		}
		return rows.Err()
	})
	if err != nil {
		return nil, false, err
	}
	return page, more, nil
}

func (d *DB) rangeOf(ctx context.Context, from, to []byte, n int) (*sql.Rows, error) {
	if to == nil {
		return d.queries.list.QueryContext(ctx, blob(from), n)
	}
	return d.queries.listUpTo.QueryContext(ctx, blob(from), to, n)
}

// Changes implements store.Engine.
func (d *DB) Changes(ctx context.Context, after store.Vector, limit int) ([]store.Note, store.Vector, error) {
	var notes []store.Note
	now := after
	err := d.snapshot(ctx, func(tx *sql.Tx) error {
		heads, err := d.headsIn(ctx, tx)
		if err != nil {
			return err
		}
		for shard, head := range heads.Revs {
			if now[shard] > head {
				return fmt.Errorf("%w: shard %d is at %d, but %d was seen", store.ErrRolledBack, shard, head, now[shard])
			}
			if now[shard] == head || len(notes) >= limit {
				continue
			}
			got, err := d.notesAfter(ctx, tx, shard, now[shard], limit-len(notes))
			if err != nil {
				return err
			}
			notes = append(notes, got...)
			now[shard] += uint64(len(got))
		}
		return nil
	})
	if err != nil {
		return nil, after, err
	}
	return notes, now, nil
}

// notesAfter reads notes of a shard whose head is beyond rev. It never returns a gap: what does not
// follow on was trimmed.
func (d *DB) notesAfter(ctx context.Context, tx *sql.Tx, shard int, rev uint64, limit int) ([]store.Note, error) {
	rows, err := tx.StmtContext(ctx, d.queries.changes).QueryContext(ctx, shard, int64(rev), limit)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var notes []store.Note
	for rows.Next() {
		n := store.Note{Shard: shard}
		var at int64
		if err := rows.Scan(&at, &n.Body, &n.Link); err != nil {
			return nil, err
		}
		rev++
		if n.Rev = uint64(at); n.Rev != rev {
			return nil, fmt.Errorf("%w: shard %d after revision %d", store.ErrGone, shard, rev-1)
		}
		notes = append(notes, n)
	}
	if err := rows.Err(); err != nil {
		return nil, err
	}
	if len(notes) == 0 {
		return nil, fmt.Errorf("%w: shard %d after revision %d", store.ErrGone, shard, rev)
	}
	return notes, nil
}

// headsIn reads where the change log ends, in the snapshot of tx.
func (d *DB) headsIn(ctx context.Context, tx *sql.Tx) (h store.Heads, err error) {
	var epoch int64
	if err := tx.StmtContext(ctx, d.queries.epoch).QueryRowContext(ctx).Scan(&epoch); err != nil {
		return h, err
	}
	h.Epoch = uint64(epoch)
	rows, err := tx.StmtContext(ctx, d.queries.heads).QueryContext(ctx)
	if err != nil {
		return h, err
	}
	return h, scanHeads(rows, &h.Revs)
}

// scanHeads reads rows of shard and revision into v, and closes them.
func scanHeads(rows *sql.Rows, v *store.Vector) error {
	defer rows.Close()
	for rows.Next() {
		var shard int
		var rev int64
		if err := rows.Scan(&shard, &rev); err != nil {
			return err
		}
		if shard < 0 || shard >= store.Shards {
			return fmt.Errorf("the store is damaged: there is a head of shard %d", shard)
		}
		v[shard] = uint64(rev)
	}
	return rows.Err()
}
