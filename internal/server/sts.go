package server

import (
	"context"
	"net/http"

	"qkms/internal/audit"
	"qkms/internal/authn/sigv4"
	"qkms/internal/sts"
	"qkms/internal/wire"
)

// serveSTS answers the calls that clients make before those of KMS, and send here because they have one
// endpoint for everything. They are authenticated and recorded like any other; they need no permission.
func (s *Server) serveSTS(ctx context.Context, w http.ResponseWriter, hr *http.Request, rec *audit.Record) {
	rec.EventSource, rec.ReadOnly = audit.SourceSTS, true
	who, err := s.callerIdentity(ctx, w, hr, rec)
	if err != nil {
		sts.Refuse(w, rec.RequestID, s.refuse(ctx, rec, err))
		return
	}
	sts.Answer(w, rec.RequestID, who)
}

func (s *Server) callerIdentity(ctx context.Context, w http.ResponseWriter, hr *http.Request, rec *audit.Record) (sts.Identity, error) {
	action, body, err := sts.Read(w, hr)
	describe(rec, hr, &wire.Message{Operation: action, RemoteAddr: wire.Peer(hr)})
	if err != nil {
		return sts.Identity{}, err
	}
	signed := sigv4.From(hr, body)
	caller, err := s.sts.Verify(ctx, signed)
	if err != nil {
		rec.Identity.AccessKeyID = sigv4.Claimed(signed)
		return sts.Identity{}, err
	}
	identify(rec, caller)
	who := sts.Identity{Arn: caller.ARN, UserId: caller.PrincipalID, Account: caller.Account}
	return who, s.ledger.Note(rec)
}
