package record

import (
	"context"

	"qkms/internal/store"
)

// OpenRow opens a row.
func (b *Book) OpenRow(ctx context.Context, r store.Record) ([]byte, error) { return b.open(ctx, r) }

// Named is the Key of a row.
func Named(row []byte) Key { return Key{string(row)} }

// Raw is the key of the row of k.
func Raw(k Key) []byte { return k.bytes() }

// StateKey is where the wrapped keys are, which are no sealed record.
func StateKey() Key { return ofState() }

// Waiting is how many wait to read.
func (b *Book) Waiting() int {
	b.reads.mu.Lock()
	defer b.reads.mu.Unlock()
	return len(b.reads.waiting)
}

// MaxReads is how many reads are in the engine at a time.
const MaxReads = maxReads
