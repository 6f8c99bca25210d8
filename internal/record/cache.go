package record

import (
	"context"
	"fmt"

	"qkms/internal/memo"
	"qkms/internal/store"
)

// cached is what memory keeps of a record, or of a list of them.
type cached struct {
	value any
	ver   uint64
}

// maxReads is how many reads of a node are in its engine at a time; the others wait here. When everything
// was dropped from memory, every request misses. Were they all let through, the renewals of the lease would
// wait behind them for a connection, and the node could lapse just for being busy. It is half of the
// connections that a process opens to PostgreSQL: the other half is for renewals, barriers and commits.
//
// This also spreads the load of many nodes that forget at once: each asks only as fast as it is answered.
// A random delay would spread nothing more, and each is a delay of somebody who waits.
const maxReads = 8

func (b *Book) get(ctx context.Context, keys ...[]byte) ([]store.Record, error) {
	if err := b.enter(ctx); err != nil {
		return nil, err
	}
	defer b.leave()
	return b.engine.Get(ctx, keys...)
}

func (b *Book) list(ctx context.Context, from, to []byte, limit int) ([]store.Record, bool, error) {
	if err := b.enter(ctx); err != nil {
		return nil, false, err
	}
	defer b.leave()
	return b.engine.List(ctx, from, to, limit)
}

// enter begins a read. Nobody who has begun one may wait for another.
func (b *Book) enter(ctx context.Context) error {
	select {
	case b.reads <- struct{}{}:
		return nil
	case <-ctx.Done():
		return waiting(ctx.Err())
	}
}

func (b *Book) leave() { <-b.reads }

// waiting makes the error of a context that ended in a queue what the engine makes of one that ends there.
func waiting(err error) error {
	if err == context.Canceled || err == context.DeadlineExceeded {
		return fmt.Errorf("%w: waiting to read: %w", store.ErrUnavailable, err)
	}
	return err
}

// CacheStats says how often a record was found in memory, and what is there now.
func (b *Book) CacheStats() memo.Stats { return b.cache.Stats() }
