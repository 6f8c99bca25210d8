package node

import (
	"context"

	"qkms/internal/audit"
	"qkms/internal/coherence"
	"qkms/internal/record"
)

// Commit makes an operator's change that takes something away and its record durable together (ledger.Ledger.Commit),
// and waits until it is in force on every node, for some seconds at most (ledger.Ledger.Fence). It returns how far
// the change got, for the operator to be told; the error is of the change alone.
func (n *Node) Commit(ctx context.Context, change *record.Change, rec *audit.Record) (coherence.Reach, error) {
	if err := n.Ledger.Commit(ctx, change, rec); err != nil {
		return coherence.Reach{}, err
	}
	r := n.Ledger.Fence(ctx, n.Lease, rec, change.Positions())
	if !r.Fenced() {
		n.Logger.WarnContext(ctx, "a change is not in force on every node yet", "event", rec.EventName, "event_id", rec.EventID, "coherence", r)
	}
	return r, nil
}
