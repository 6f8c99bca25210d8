package server

import (
	"net/http"
	"strconv"
	"time"

	"qkms/internal/ledger"
)

// coherenceHeader tells whoever took something away whether that is in force on every node already.
const coherenceHeader = "X-Qkms-Coherence"

// fence waits, for some seconds at most, until no node goes by what was before the change that x made. The change
// was made and recorded whatever comes of it: the answer and a second record say how far it got, and
// by when it is in force everywhere.
//
// Where there was nothing to change x for the same: who asks again after an answer that never
// came, as SDKs do by themselves, must not be told of success before it is in force (Call.Confirm).
func (s *Server) fence(x *exchange) {
	if len(x.from.changed) == 0 { // nothing was changed, and there is nobody else
		return
	}
	r := s.ledger.Fence(x, s.lease, &x.rec, x.from.changed)
	x.fence = &r
}

// announce sets the header of an answer that waited for a fence.
func (x *exchange) announce(h http.Header) {
	if x.fence == nil {
		return
	}
	value := ledger.State(*x.fence)
	if !x.fence.Fenced() {
		value += "; at-most=" + strconv.FormatInt(ledger.Within(*x.fence, time.Second), 10)
	}
	h.Set(coherenceHeader, value)
}
