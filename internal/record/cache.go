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

// waiting makes the error of a context that ended in a queue what the engine makes of one that ends there.
func waiting(err error) error {
	if err == context.Canceled || err == context.DeadlineExceeded {
		return fmt.Errorf("%w: waiting to read: %w", store.ErrUnavailable, err)
	}
	return err
}

// CacheStats says how often a record was found in memory, and what is there now.
func (b *Book) CacheStats() memo.Stats { return b.cache.Stats() }
