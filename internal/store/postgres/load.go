package postgres

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"math"

	"qkms/internal/store"

	"github.com/jackc/pgx/v5"
)

var _ store.Loader = (*DB)(nil)

// Load implements store.Loader, in one transaction. It takes as long as the records take: no call's limit is
// upon it but the context's.
func (d *DB) Load(ctx context.Context, snap store.Snapshot) error {
	if snap.Heads.Epoch == 0 || snap.Heads.Epoch > math.MaxInt64 {
		return fmt.Errorf("store: load of epoch %d", snap.Heads.Epoch)
	}
	if err := d.enter(); err != nil {
		return err
	}
	defer d.mu.RUnlock()
	from := newSource(ctx, snap.Records)
	defer from.stop()
	err := d.once(ctx, func(ctx context.Context, conn *pgx.Conn) error { return fill(ctx, conn, snap, from) })
	switch {
	case from.err != nil:
		return from.err // as it is: what the snapshot says is wrong is no failure of this engine
	case err == nil, answer(err), errors.Is(err, store.ErrNotEmpty):
		return err
	}
	return fmt.Errorf("%w: %w", store.ErrUnavailable, err)
}

// fill locks every head, so that nobody writes meanwhile, and refuses a store that was ever written to: its
// heads would go backwards.
func fill(ctx context.Context, conn *pgx.Conn, snap store.Snapshot, from *source) error {
	var used bool
	b := begin()
	b.Queue(`SELECT shard FROM head ORDER BY shard ASC FOR UPDATE`)
	b.Queue(`SELECT EXISTS (SELECT 1 FROM rec) OR EXISTS (SELECT 1 FROM head WHERE rev > 0)`).QueryRow(func(row pgx.Row) error { return row.Scan(&used) })
	if _, _, err := send(ctx, conn, b); err != nil {
		return err
	}
	if used {
		return store.ErrNotEmpty
	}
	if _, err := conn.CopyFrom(ctx, pgx.Identifier{"rec"}, []string{"k", "shard", "ver", "body"}, from); err != nil {
		return err
	}
	b = &pgx.Batch{}
	for shard, rev := range snap.Heads.Revs {
		b.Queue(`UPDATE head SET rev = $1::bigint, link = $2::bytea WHERE shard = $3::int`, int64(rev), snap.Links[shard], shard)
	}
	b.Queue(`UPDATE meta SET val = $1::bigint WHERE name = 'epoch'`, int64(snap.Heads.Epoch))
	return commit(ctx, conn, b)
}

// A source feeds records to COPY (pgx.CopyFromSource).
type source struct {
	ctx  context.Context //nolint:containedctx // of one call, whose interface has none
	next func() (store.Placed, error, bool)
	stop func()
	row  store.Placed
	err  error // of the snapshot, or that the call was given up
}

func newSource(ctx context.Context, records iter.Seq2[store.Placed, error]) *source {
	s := &source{ctx: ctx}
	s.next, s.stop = iter.Pull2(records)
	return s
}

func (s *source) Next() bool {
	var more bool
	if s.row, s.err, more = s.next(); more && s.err == nil {
		s.err = s.ctx.Err()
	}
	return more && s.err == nil
}

func (s *source) Values() ([]any, error) {
	return []any{s.row.Key, int32(s.row.Shard), int64(s.row.Ver), present(s.row.Body)}, nil
}

func (s *source) Err() error { return s.err }
