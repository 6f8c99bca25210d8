package oversight

import (
	"context"
	"time"

	"qkms/internal/audit"
	"qkms/internal/query"
	"qkms/internal/record"
)

// nothing is what operations are told that need to be told nothing.
type nothing struct{}

// An AuditState is how the audit log of one node is.
type AuditState struct {
	Log         string
	VerifierKey string // public: keep it elsewhere
	Records     uint64 // so many there were, of all accounts; the next one has this number
	First       uint64 // the oldest that is here: those before were retired or moved away
	Oldest      time.Time
	Newest      time.Time

	Signed        uint64    // the records before this number are covered by the newest checkpoint
	SignedAt      time.Time // zero: there is none
	Unsigned      uint64    // records that it does not cover
	UnsignedSince time.Duration

	Bytes, Limit int64 // of the spool

	Verification *Verification // the last one asked for since the process began, or the one that runs; nil: none
}

// auditState says how the log is, without reading it.
func (d *Deps) auditState() query.Row {
	return &query.Op[nothing, AuditState]{
		Name:  "AuditState",
		Check: func(c *query.Call, _ *nothing) error { return d.operates(c) },
		Needs: needs[nothing]("AuditState"),
		Run: func(context.Context, *query.Call, *nothing) (*AuditState, *record.Change, error) {
			s, err := d.Audit.State()
			return &AuditState{
				Log: s.Name, VerifierKey: d.Audit.VerifierKey(), Records: s.Next, First: s.First, Oldest: s.Oldest, Newest: s.Newest,
				Signed: s.Signed.Size, SignedAt: s.Signed.Time, Unsigned: s.Unsigned, UnsignedSince: s.Lag, Bytes: s.Bytes, Limit: s.Limit,
				Verification: d.Verifier.last(),
			}, nil, err
		},
		ReadOnly: true,
	}
}

// verifyAudit holds the whole log against what was signed, once at a time, and waits a little for the outcome; AuditState has
// it later.
func (d *Deps) verifyAudit() query.Row {
	return &query.Op[nothing, Verification]{
		Name:  "VerifyAudit",
		Check: func(c *query.Call, _ *nothing) error { return d.operates(c) },
		Needs: needs[nothing]("VerifyAudit"),
		Run: func(ctx context.Context, c *query.Call, _ *nothing) (*Verification, *record.Change, error) {
			return d.Verifier.begin(ctx, c.Now, d.Audit), nil, nil
		},
		Result: func(out *Verification) audit.Detail {
			return audit.Detail{audit.Bool("running", out.Running), audit.Int("problems", out.Found)}
		},
		ReadOnly: true,
	}
}
