package postgres

import (
	"context"
	"fmt"

	"qkms/internal/store"

	"github.com/jackc/pgx/v5"
)

// Get implements store.Engine.
func (d *DB) Get(ctx context.Context, keys ...[]byte) ([]store.Record, error) {
	wanted := make([][]byte, len(keys))
	for i, k := range keys {
		wanted[i] = present(k)
	}
	found := map[string]store.Record{}
	err := d.run(ctx, func(ctx context.Context, conn *pgx.Conn) error {
		clear(found)
		return d.snapshot(ctx, conn, func(b *pgx.Batch) {
			b.Queue(`SELECT k, ver, body FROM rec WHERE k = ANY($1::bytea[])`, wanted).Query(func(rows pgx.Rows) error {
				return eachRecord(rows, func(r store.Record) { found[string(r.Key)] = r })
			})
		})
	})
	if err != nil {
		return nil, err
	}
	records := make([]store.Record, len(keys))
	for i, k := range keys {
		records[i] = found[string(k)]
		records[i].Key = k
	}
	return records, nil
}

// eachRecord reads rows of key, version and body to their end.
func eachRecord(rows pgx.Rows, each func(store.Record)) error {
	var r store.Record
	var ver int64
	_, err := pgx.ForEachRow(rows, []any{&r.Key, &ver, &r.Body}, func() error {
		r.Ver = uint64(ver)
		each(r)
		r = store.Record{} // the next row gets bytes of its own
		return nil
	})
	return err
}

// List implements store.Engine.
func (d *DB) List(ctx context.Context, from, to []byte, limit int) (page []store.Record, more bool, err error) {
	if limit < 1 || limit > store.MaxList {
		return nil, false, fmt.Errorf("store: list of %d records: want 1 to %d", limit, store.MaxList)
	}
	query, args := `SELECT k, ver, body FROM rec WHERE k >= $1::bytea ORDER BY k ASC LIMIT $2::bigint`, []any{present(from), limit + 1}
	if to != nil {
		query, args = `SELECT k, ver, body FROM rec WHERE k >= $1::bytea AND k < $3::bytea ORDER BY k ASC LIMIT $2::bigint`, append(args, to)
	}
	err = d.run(ctx, func(ctx context.Context, conn *pgx.Conn) error {
		page = nil
		return d.snapshot(ctx, conn, func(b *pgx.Batch) {
			b.Queue(query, args...).Query(func(rows pgx.Rows) error {
				return eachRecord(rows, func(r store.Record) { page = append(page, r) })
			})
		})
	})
	if err != nil {
		return nil, false, err
	}
	if more = len(page) > limit; more {
		page = page[:limit]
	}
	return page, more, nil
}

// Changes implements store.Engine. Heads and notes are read in one snapshot and one round trip.
func (d *DB) Changes(ctx context.Context, after store.Vector, limit int) (notes []store.Note, now store.Vector, err error) {
	shards, revs := numbered(after)
	var heads store.Heads
	err = d.runLease(ctx, func(ctx context.Context, conn *pgx.Conn) error {
		notes, heads = nil, store.Heads{}
		err := d.snapshot(ctx, conn, func(b *pgx.Batch) {
			queueHeads(b, &heads)
			// Shard by shard, so that the cost is that of the page: without LATERAL the planner may read the whole log.
			b.Queue(`SELECT a.shard, c.rev, c.note, c.link FROM unnest($1::int[], $2::bigint[]) AS a(shard, rev),
				LATERAL (SELECT rev, note, link FROM chg WHERE chg.shard = a.shard AND chg.rev > a.rev ORDER BY rev ASC LIMIT $3::bigint) AS c
				ORDER BY a.shard ASC, c.rev ASC LIMIT $3::bigint`, shards, revs, limit).Query(func(rows pgx.Rows) (err error) {
				notes, err = scanNotes(rows)
				return err
			})
		})
		if err != nil {
			return err
		}
		now, err = follow(after, heads.Revs, notes, limit)
		return err
	})
	if err != nil {
		return nil, after, err
	}
	return notes, now, nil
}

func scanNotes(rows pgx.Rows) (notes []store.Note, err error) {
	var n store.Note
	var rev int64
	_, err = pgx.ForEachRow(rows, []any{&n.Shard, &rev, &n.Body, &n.Link}, func() error {
		n.Rev = uint64(rev)
		notes = append(notes, n)
		n = store.Note{}
		return nil
	})
	return notes, err
}

// follow returns the vector that has the notes applied, if they follow on from after without a gap and,
// unless the page is full, reach the heads.
func follow(after, heads store.Vector, notes []store.Note, limit int) (store.Vector, error) {
	now := after
	for _, n := range notes {
		if now[n.Shard]++; n.Rev != now[n.Shard] {
			return after, fmt.Errorf("%w: shard %d after revision %d", store.ErrGone, n.Shard, now[n.Shard]-1)
		}
	}
	for shard, head := range heads {
		if now[shard] > head {
			return after, fmt.Errorf("%w: shard %d is at %d, but %d was seen", store.ErrRolledBack, shard, head, now[shard])
		}
		if now[shard] < head && len(notes) < limit {
			return after, fmt.Errorf("%w: shard %d after revision %d", store.ErrGone, shard, now[shard])
		}
	}
	return now, nil
}

// queueHeads reads where the change log ends.
func queueHeads(b *pgx.Batch, h *store.Heads) {
	b.Queue(`SELECT val FROM meta WHERE name = 'epoch'`).QueryRow(func(row pgx.Row) error {
		var epoch int64
		err := row.Scan(&epoch)
		h.Epoch = uint64(epoch)
		return err
	})
	b.Queue(`SELECT shard, rev FROM head ORDER BY shard ASC`).Query(func(rows pgx.Rows) error {
		var shard int
		var rev int64
		_, err := pgx.ForEachRow(rows, []any{&shard, &rev}, func() error {
			if shard < 0 || shard >= store.Shards {
				return fmt.Errorf("the store is damaged: there is a head of shard %d", shard)
			}
			h.Revs[shard] = uint64(rev)
			return nil
		})
		return err
	})
}
