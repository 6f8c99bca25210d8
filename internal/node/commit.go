package node

import (
	"context"

	"qkms/internal/audit"
	"qkms/internal/record"
)

// Commit makes an operator's change and its record durable together (ledger.Ledger.Commit), and in force on every
// node: it takes as long as Lease.Barrier does. When not all can be reached the log says by when they obey.
func (n *Node) Commit(ctx context.Context, change *record.Change, rec *audit.Record) error {
	if err := n.Ledger.Commit(ctx, change, rec); err != nil {
		return err
	}
	if r := n.Lease.Barrier(ctx, change.Positions()); !r.Fenced() {
		n.Logger.WarnContext(ctx, "a change is not in force on every node yet", "event", rec.EventName, "event_id", rec.EventID, "coherence", r)
	}
	return nil
}
