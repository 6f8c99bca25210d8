package server

import (
	"context"
	"net/http"
	"strconv"
	"time"

	"qkms/internal/audit"
	"qkms/internal/ledger"
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
	r := s.ledger.Fence(ctx, s.lease, rec, at)
	if w, ok := ctx.Value(wayKey{}).(*way); ok {
		w.fence = &r
	}
}

// announce sets the header of an answer that waited for a fence.
func (w *way) announce(h http.Header) {
	if w.fence == nil {
		return
	}
	value := ledger.State(*w.fence)
	if !w.fence.Fenced() {
		value += "; at-most=" + strconv.FormatInt(ledger.Within(*w.fence, time.Second), 10)
	}
	h.Set(coherenceHeader, value)
}
