package server

import (
	"context"
	"net/http"
	"strconv"
	"time"

	"qkms/internal/audit"
	"qkms/internal/coherence"
	"qkms/internal/store"
)

// coherenceHeader tells whoever took something away whether that is in force on every node already.
const coherenceHeader = "X-Qkms-Coherence"

// fence waits, for some seconds at most, until no node goes by what was before the change that rec is of. The change
// was made and recorded whatever comes of it: the answer and a second record say how far it got, and
// by when it is in force everywhere.
//
// Where there was nothing to change rec is of that, and waits for the same: who asks again after an answer that never
// came, as SDKs do by themselves, must not be told of success before it is in force (Call.Confirm).
func (s *Server) fence(ctx context.Context, rec *audit.Record, at []store.Position) {
	if len(at) == 0 { // nothing was changed, and there is nobody else
		return
	}
	began := time.Now()
	r := s.lease.Barrier(ctx, at)
	if w, ok := ctx.Value(wayKey{}).(*way); ok {
		w.fence = &r
	}
	if !s.lease.Shared() { // the commit was all there is to wait for
		return
	}
	told := &audit.Record{
		EventName: "FenceChange", EventSource: rec.EventSource, EventType: audit.TypeServiceEvent, RequestID: rec.RequestID, Region: rec.Region,
		Identity: audit.Identity{Type: "AWSService", InvokedBy: "AWS Internal"}, RecipientAccount: rec.RecipientAccount, Resources: rec.Resources,
		ServiceDetails: audit.Detail{
			audit.String("changeEventID", rec.EventID), audit.String("coherence", state(r)),
			audit.Int("waitedMilliseconds", time.Since(began).Milliseconds()),
			audit.Int("inForceWithinMilliseconds", ceil(r.Pending, time.Millisecond)).If(!r.Fenced()),
		},
	}
	if err := s.ledger.Note(told); err != nil {
		s.log.ErrorContext(ctx, "a change was made and recorded, and there was no room to record how far it got", "request_id", rec.RequestID, "change_event_id", rec.EventID, "coherence", state(r), "error", err)
	}
}

func state(r coherence.Reach) string {
	if r.Fenced() {
		return "fenced"
	}
	return "pending"
}

// announce sets the header of an answer that waited for a fence.
func (w *way) announce(h http.Header) {
	if w.fence == nil {
		return
	}
	value := state(*w.fence)
	if !w.fence.Fenced() {
		value += "; at-most=" + strconv.FormatInt(ceil(w.fence.Pending, time.Second), 10)
	}
	h.Set(coherenceHeader, value)
}

// ceil is d in units, never less than it is.
func ceil(d, unit time.Duration) int64 { return int64((d + unit - 1) / unit) }
