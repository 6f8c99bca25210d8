package admin

import (
	"context"
	"time"

	"qkms/internal/audit"
	"qkms/internal/coherence"
	"qkms/internal/ledger"
	"qkms/internal/record"
)

// InForce says how far a change has got that takes something away from somebody. It is made whatever this says.
type InForce struct {
	// Coherence is fenced when no node goes by what was before any more, pending when some node may, and empty
	// where no other node shares the store, or nothing was taken away.
	Coherence string `json:"coherence,omitempty"`

	// WithinSeconds is how long it takes at most, from the answer on, until what is pending is in force on every node.
	WithinSeconds int64 `json:"inForceWithinSeconds,omitempty"`
}

func (c *call) inForce(r coherence.Reach) InForce {
	if !c.Lease.Shared() {
		return InForce{}
	}
	return InForce{ledger.State(r), ledger.Within(r, time.Second)}
}

// detail is what the record of an action says of it whose changes have records of their own.
func (f InForce) detail() audit.Detail {
	return audit.Detail{
		audit.String("coherence", f.Coherence).If(f.Coherence != ""),
		audit.Int("inForceWithinSeconds", f.WithinSeconds).If(f.WithinSeconds != 0),
	}
}

// commit makes a change durable together with the record of the action, and in force on every node.
func (c *call) commit(ctx context.Context, change *record.Change) (InForce, error) {
	r, err := c.Commit(ctx, change, c.rec)
	c.recorded = err == nil
	if err != nil {
		return InForce{}, err
	}
	return c.inForce(r), nil
}

// add is commit of what takes nothing away from anybody, which waits for nobody.
func (c *call) add(ctx context.Context, change *record.Change) error {
	err := c.Ledger.Commit(ctx, change, c.rec)
	c.recorded = err == nil
	return err
}
