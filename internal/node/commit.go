package node

import (
	"context"

	"qkms/internal/audit"
	"qkms/internal/record"
)

// Commit makes an operator's change and its record durable together: ledger.Ledger.Commit.
func (n *Node) Commit(ctx context.Context, change *record.Change, rec *audit.Record) error {
	return n.Ledger.Commit(ctx, change, rec)
}
