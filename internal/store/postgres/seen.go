package postgres

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"qkms/internal/store"

	"github.com/jackc/pgx/v5"
)

// errBehind is of a server that lacks what a write of this process has returned.
var errBehind = errors.New("the server lacks changes that were acknowledged: it was the primary once, or they were lost when another one became it")

// seen is what the store has had when writes of this process returned.
//
// After a failover the pool may hold connections to the former primary, which answers reads as if it were
// one still. A node that has renewed on the new primary, and reads on the old, would remember for ever
// what was changed in between: the note of it has passed.
type seen struct {
	mu   sync.Mutex
	revs store.Vector // guarded by mu
}

func (s *seen) vector() store.Vector {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.revs
}

func (s *seen) wrote(at []store.Position) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, p := range at {
		s.revs[p.Shard] = max(s.revs[p.Shard], p.Rev)
	}
}

// renewed takes the heads of a renewal for true. If they lack what was seen before it was sent, history was
// cut: ErrRolledBack. Whoever renews goes on with what there is, and cannot tell that by what it has applied: it may
// have made, and read again, what it has not applied yet.
func (s *seen) renewed(before, heads store.Vector) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	for shard, rev := range heads {
		if rev < before[shard] {
			s.revs = heads
			return fmt.Errorf("%w: shard %d is at %d, but %d was seen", store.ErrRolledBack, shard, rev, before[shard])
		}
		s.revs[shard] = max(s.revs[shard], rev)
	}
	return nil
}

// snapshot runs queries in one snapshot and one round trip, on a server that has what this process has seen.
func (d *DB) snapshot(ctx context.Context, conn *pgx.Conn, queries func(*pgx.Batch)) error {
	shards, revs := numbered(d.seen.vector())
	b := &pgx.Batch{}
	b.Queue(`BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY`)
	b.Queue(`SELECT count(*) FROM unnest($1::int[], $2::bigint[]) AS s(shard, rev)
		JOIN head ON head.shard = s.shard WHERE head.rev < s.rev`, shards, revs).QueryRow(func(row pgx.Row) error {
		var behind int
		if err := row.Scan(&behind); err != nil || behind == 0 {
			return err
		}
		return errBehind
	})
	queries(b)
	b.Queue(`COMMIT`)
	_, _, err := send(ctx, conn, b)
	return err
}

// numbered is a vector as two columns.
func numbered(v store.Vector) (shards []int, revs []int64) {
	shards, revs = make([]int, store.Shards), make([]int64, store.Shards)
	for shard, rev := range v {
		shards[shard], revs[shard] = shard, int64(rev)
	}
	return shards, revs
}
