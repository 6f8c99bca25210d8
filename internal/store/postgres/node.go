package postgres

import (
	"context"
	"errors"
	"fmt"
	"math"
	"time"

	"qkms/internal/store"

	"github.com/jackc/pgx/v5"
)

// Renew implements store.Engine. It is a write, committed on the synchronous standby if there is one: a
// primary that has been deposed can still read, and would answer for ever.
//
// The heads are read after the commit. Read within it they would be of a moment when nobody sees the
// renewal yet, and whoever changes something then and looks for nodes may take this one for gone. So it is with
// whoever takes the store for itself (DB.still).
func (d *DB) Renew(ctx context.Context, n store.Node) (store.Heads, error) {
	d.nodesMu.Lock()
	d.nodes[n.ID] = true
	d.nodesMu.Unlock()
	var heads store.Heads
	before := d.seen.vector()
	shards, revs := numbered(n.Applied)
	err := d.runLease(ctx, func(ctx context.Context, conn *pgx.Conn) error {
		var held int64 // stays 0 when nobody ever had the store for itself
		b := begin()
		b.Queue(`INSERT INTO node (id, beat, applied, info) VALUES ($1::text, 1, CASE WHEN EXISTS (
				SELECT 1 FROM unnest($4::int[], $5::bigint[]) AS a(shard, rev) JOIN head ON head.shard = a.shard WHERE a.rev > head.rev
			) THEN $6::bytea ELSE $2::bytea END, $3::text)
			ON CONFLICT (id) DO UPDATE SET beat = node.beat + 1, applied = excluded.applied, info = excluded.info`,
			n.ID, n.Applied.Bytes(), n.Info, shards, revs, store.Vector{}.Bytes())
		if err := commit(ctx, conn, b); err != nil {
			return err
		}
		var needs int64
		heads, held = store.Heads{}, 0
		b = &pgx.Batch{}
		queueHeads(b, &heads)
		b.Queue(`SELECT fence FROM job WHERE name = $1::text`, holdJob).Query(func(rows pgx.Rows) error {
			_, err := pgx.ForEachRow(rows, []any{&held}, func() error { return nil })
			return err
		})
		b.Queue(`SELECT max(val) FROM meta WHERE name IN ('min_reader', 'min_writer')`).QueryRow(func(row pgx.Row) error { return row.Scan(&needs) })
		_, _, err := send(ctx, conn, b)
		switch {
		case err == nil && uint64(held) != d.hold.fence.Token:
			err = errTaken
		case err == nil && needs > d.format():
			err = errChanged
		}
		return err
	})
	if err != nil {
		d.taken(err)
		return store.Heads{}, err
	}
	return heads, d.seen.renewed(before, heads.Revs)
}

// Peers implements store.Engine.
func (d *DB) Peers(ctx context.Context) (peers []store.Node, err error) {
	err = d.runLease(ctx, func(ctx context.Context, conn *pgx.Conn) error {
		peers = nil
		return d.snapshot(ctx, conn, func(b *pgx.Batch) {
			b.Queue(`SELECT id, beat, applied, info FROM node ORDER BY id ASC`).Query(func(rows pgx.Rows) error {
				peers, err = scanPeers(rows)
				return err
			})
		})
	})
	if err != nil {
		return nil, err
	}
	return peers, nil
}

func scanPeers(rows pgx.Rows) (peers []store.Node, err error) {
	var n store.Node
	var beat int64
	var applied []byte
	_, err = pgx.ForEachRow(rows, []any{&n.ID, &beat, &applied, &n.Info}, func() (err error) {
		n.Beat = uint64(beat)
		n.Applied, err = store.ParseVector(applied)
		peers = append(peers, n)
		return err
	})
	return peers, err
}

// Leave implements store.Leaver.
func (d *DB) Leave(ctx context.Context, n store.Node) error {
	return d.runLease(ctx, func(ctx context.Context, conn *pgx.Conn) error {
		b := begin()
		b.Queue(`DELETE FROM node WHERE id = $1::text AND beat = $2::bigint`, n.ID, int64(n.Beat))
		return commit(ctx, conn, b)
	})
}

// Touch implements store.Engine. It does not wait for the disk: what it writes may be lost in a crash.
func (d *DB) Touch(ctx context.Context, uses []store.Use) error {
	newest := rows{}
	for _, u := range uses {
		if len(u.Key) > store.MaxKey {
			return fmt.Errorf("%w: a key of %d bytes", store.ErrTooLarge, len(u.Key))
		}
		if len(u.Key) == 0 || u.At == 0 || u.At > math.MaxInt64 {
			return errors.New("store: invalid use: it needs a key and a time")
		}
		if int64(u.At) > newest[string(u.Key)].ver {
			newest.set(u.Key, store.Loose, u.At, u.Body)
		}
	}
	if len(uses) == 0 {
		return nil
	}
	return d.run(ctx, func(ctx context.Context, conn *pgx.Conn) error {
		b := beginSynchronous("off")
		newest.queue(b, `ON CONFLICT (k) DO UPDATE SET ver = excluded.ver, body = excluded.body WHERE excluded.ver > rec.ver`)
		return commit(ctx, conn, b)
	})
}

// clockSQL is the clock that claims expire by, in nanoseconds since 1970: $1 if it is given, else the
// database's. It is read when the row is locked, not when the transaction began.
const clockSQL = `coalesce($1::bigint, (extract(epoch FROM clock_timestamp()) * 1000000)::bigint * 1000)`

// clock is $1 of clockSQL.
func (d *DB) clock() *int64 {
	if d.now == nil {
		return nil
	}
	now := d.now().UnixNano()
	return &now
}

// Claim implements store.Engine.
func (d *DB) Claim(ctx context.Context, job string, ttl time.Duration) (fence store.Fence, err error) {
	if job == holdJob {
		return store.Fence{}, fmt.Errorf("store: job %q is the engine's own", job)
	}
	err = d.runLease(ctx, func(ctx context.Context, conn *pgx.Conn) error {
		fence, err = claim(ctx, conn, d.clock(), job, ttl)
		return err
	})
	if err != nil {
		return store.Fence{}, err
	}
	return fence, nil
}

// claim takes a job whose claim has expired. It locks every head before it commits: a commit under the
// claim before has read its fence under the lock of a head, and so has ended; later ones see this claim.
func claim(ctx context.Context, conn *pgx.Conn, now *int64, job string, ttl time.Duration) (store.Fence, error) {
	var token int64 // stays 0 when nothing was taken
	b := begin()
	b.Queue(`INSERT INTO job (name, fence, until) VALUES ($2::text, 1, `+clockSQL+` + $3::bigint)
		ON CONFLICT (name) DO UPDATE SET fence = job.fence + 1, until = excluded.until WHERE job.until <= `+clockSQL+`
		RETURNING fence`, now, job, int64(ttl)).Query(func(rows pgx.Rows) error {
		_, err := pgx.ForEachRow(rows, []any{&token}, func() error { return nil })
		return err
	})
	b.Queue(`SELECT shard FROM head ORDER BY shard ASC FOR UPDATE`)
	err := commit(ctx, conn, b)
	if err == nil && token == 0 {
		err = fmt.Errorf("%w: job %q", store.ErrClaimed, job)
	}
	return store.Fence{Job: job, Token: uint64(token)}, err
}
