package node

import (
	"context"

	"qkms/internal/audit"
	"qkms/internal/record"
)

// Commit makes a change and its record durable together: the record goes into the transaction, so that
// no crash leaves one without the other, and then to the log. It sets rec's time and event id. It
// returns what record.Book.Commit returns, or that the log has no room; the record is then safe in the
// outbox, and the change is done.
func (n *Node) Commit(ctx context.Context, change *record.Change, rec *audit.Record) error {
	rec.Time, rec.EventID = n.Now(), "" // an id of its own for each attempt: an earlier one may be in the outbox
	line := rec.Encode()
	if err := n.Book.Commit(ctx, change, rec.EventID, line); err != nil {
		return err
	}
	if err := n.Audit.AppendEncoded(line, true); err != nil {
		return err
	}
	n.Book.Delivered(rec.EventID)
	return nil
}
