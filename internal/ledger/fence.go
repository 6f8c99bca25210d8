package ledger

import (
	"context"
	"time"

	"qkms/internal/audit"
	"qkms/internal/coherence"
	"qkms/internal/store"
)

// Fence waits, for some seconds at most, until no node goes by what was before a change that was committed at at, and
// records how far it got: FenceChange, besides the record of the change itself, which was made whatever comes of
// it. Where there is no other node there is nothing to wait for or to tell.
func (l *Ledger) Fence(ctx context.Context, lease *coherence.Lease, of *audit.Record, at []store.Position) coherence.Reach {
	if !lease.Shared() || len(at) == 0 {
		return coherence.Reach{}
	}
	began := time.Now()
	r := lease.Barrier(ctx, at)
	err := l.Note(&audit.Record{
		EventName: "FenceChange", EventSource: of.EventSource, EventType: audit.TypeServiceEvent, RequestID: of.RequestID, Region: of.Region,
		Identity: audit.Identity{Type: "AWSService", InvokedBy: "AWS Internal"}, RecipientAccount: of.RecipientAccount, Resources: of.Resources,
		ServiceDetails: audit.Detail{
			audit.String("changeEventID", of.EventID), audit.String("coherence", State(r)),
			audit.Int("waitedMilliseconds", time.Since(began).Milliseconds()),
			audit.Int("inForceWithinMilliseconds", Within(r, time.Millisecond)).If(!r.Fenced()),
		},
	})
	if err != nil {
		l.Logger.ErrorContext(ctx, "a change was made and recorded, and there was no room to record how far it got",
			"request_id", of.RequestID, "change_event_id", of.EventID, "coherence", State(r), "error", err)
	}
	return r
}

// State is r in one word for programs: fenced or pending.
func State(r coherence.Reach) string {
	if r.Fenced() {
		return "fenced"
	}
	return "pending"
}

// Within is how many units of time it takes at most until what is pending is in force everywhere, never less than it is.
func Within(r coherence.Reach, unit time.Duration) int64 {
	return int64((r.Pending + unit - 1) / unit)
}
