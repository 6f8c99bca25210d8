package oversight

import (
	"context"
	"encoding/json"
	"errors"
	"sync"

	"qkms/internal/audit"
	"qkms/internal/fault"
	"qkms/internal/query"
	"qkms/internal/record"
)

type eventIn struct {
	Sequence int `is:"required,sequence"` // of the record, in the log of the node that is asked
}

// An EventShown is one record.
type EventShown struct {
	Event
	Log    string // that it is in
	Signed bool   // a checkpoint covers it, so that ProveEvent can prove it
}

// getEvent finds a record by its number.
func (d *Deps) getEvent() query.Row {
	return &query.Op[eventIn, EventShown]{
		Name:  "GetEvent",
		Needs: needs[eventIn]("LookupEvents"),
		Run: func(_ context.Context, c *query.Call, in *eventIn) (*EventShown, *record.Change, error) {
			line, err := d.line(c, in)
			if err != nil {
				return nil, nil, err
			}
			state, err := d.Audit.State()
			return &EventShown{eventOf(line), state.Name, uint64(in.Sequence) < state.Signed.Size}, nil, err
		},
		ReadOnly: true,
	}
}

// line is a record of the caller's account. Whether there is none of the number or it is another account's is not told.
func (d *Deps) line(c *query.Call, in *eventIn) ([]byte, error) {
	line, err := audit.Line(d.Audit.Dir(), uint64(in.Sequence))
	if err != nil {
		return nil, err
	}
	var of struct{ RecipientAccountID string }
	if line == nil || json.Unmarshal(line, &of) != nil || of.RecipientAccountID != c.Caller.Account || of.RecipientAccountID == "" {
		return nil, fault.NoSuchEvent(in.Sequence)
	}
	return line, nil
}

// An EventProof is what proves a record to whoever has the log's public key: docs/formats/audit-checkpoint.md §5.
type EventProof struct {
	Proof       string
	VerifierKey string // to be compared with one that came another way
}

// proveEvent proves that a record is in the log. It reads the history of checkpoints through, which grows by about a KB in a
// minute: one proof at a time.
func (d *Deps) proveEvent() query.Row {
	var one sync.Mutex
	return &query.Op[eventIn, EventProof]{
		Name:  "ProveEvent",
		Needs: needs[eventIn]("LookupEvents"),
		Run: func(ctx context.Context, c *query.Call, in *eventIn) (*EventProof, *record.Change, error) {
			line, err := d.line(c, in)
			if err != nil {
				return nil, nil, err
			}
			if !one.TryLock() {
				return nil, nil, fault.RateExceeded()
			}
			defer one.Unlock()
			key := d.Audit.VerifierKey()
			proof, err := audit.Inclusion(ctx, d.Audit.Dir(), key, line)
			if errors.Is(err, audit.ErrUnsigned) {
				return nil, nil, fault.EventUnsigned(in.Sequence)
			}
			return &EventProof{proof, key}, nil, err
		},
		ReadOnly: true,
	}
}
