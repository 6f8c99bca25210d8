package server

import (
	"context"
	"errors"
	"net/http"

	"qkms/internal/audit"
	"qkms/internal/authn"
	"qkms/internal/authn/sigv4"
	"qkms/internal/authz"
	"qkms/internal/coherence"
	"qkms/internal/fault"
	"qkms/internal/metrics"
	"qkms/internal/op"
	"qkms/internal/record"
	"qkms/internal/wire"
)

// serve is the life of one request (docs/request.md). Each line is a package. Its caller records
// whatever error comes out, so a refusal leaves the same trace as a success.
func (s *Server) serve(ctx context.Context, w http.ResponseWriter, hr *http.Request, rec *audit.Record) (op.Answer, error) {
	msg, err := wire.Read(w, hr) // the bytes, once; all below work on these
	describe(rec, hr, msg)
	if err != nil {
		return nil, err
	}
	reach(ctx, metrics.Authenticate)
	signed := sigv4.From(hr, msg.Body)
	from, err := s.meet(func() (*authn.Caller, error) { return s.authn.Verify(ctx, signed) }) // who, over those very bytes
	if err != nil {
		rec.Identity.AccessKeyID = sigv4.Claimed(signed) // nobody: only what was claimed
		return nil, err
	}
	identify(rec, from.caller)
	s.keyUsed(from.caller, "kms")
	reach(ctx, metrics.Decode)
	req, err := op.ByName[msg.Operation].Decode(msg.Body) // what; the model's constraints hold from here on
	if req != nil {
		rec.Request, rec.ReadOnly = req.Audit(), req.ReadOnly()
	}
	if err != nil {
		return nil, err
	}
	if err := s.rates.Take(s.now(), from.caller.Account, from.caller.Region, req.Tolls()); err != nil { // once, and before any work
		return nil, err
	}
	out, err := attempt(ctx, s, from, func() (op.Answer, error) { return s.act(ctx, from, req, rec) })
	if err == nil && req.Restricts() {
		s.fence(ctx, rec, from.at) // in force everywhere, or said by when
	}
	return out, err
}

// act goes from the names in a request to its effect.
func (s *Server) act(ctx context.Context, from *party, req op.Request, rec *audit.Record) (op.Answer, error) {
	call, err := s.decide(ctx, from.caller, req, rec)
	if err != nil {
		return nil, err
	}
	out, change, err := req.Run(ctx, call) // change is nil unless something is to be stored
	if err == nil && req.DryRun() {
		err = fault.WouldSucceed()
	}
	if failed := s.still(ctx, from, call, req, rec); failed != nil { // what it was decided by, while it was done; errors tell things, too
		return nil, failed
	}
	if err != nil {
		return nil, err
	}
	reach(ctx, metrics.Commit)
	rec.Response, rec.Additional = req.Result(call), call.Additional
	if change == nil && req.Restricts() && s.lease.Shared() {
		change = call.Confirm()
	}
	if change == nil {
		err = s.note(ctx, from, call, req, rec)
	} else {
		err = s.keep(ctx, from, call, req, change, rec)
	}
	if err == nil && req.Tracks() {
		s.used(rec, call.Keys)
	}
	return out, err
}

// note records an answer that changes nothing: no record, no answer. Then it looks once more whether that may leave,
// since a disk can take longer than the lease lasts. If not, the record of success stands and one of the refusal follows.
func (s *Server) note(ctx context.Context, from *party, call *op.Call, req op.Request, rec *audit.Record) error {
	err := s.ledger.Note(rec, rec.Copies()...)
	if err == nil {
		err = s.still(ctx, from, call, req, rec)
	}
	if err != nil {
		rec.EventID = "" // what follows is another event
	}
	return err
}

// keep makes a change durable, with its records, if what allowed it is still in force in the store.
func (s *Server) keep(ctx context.Context, from *party, call *op.Call, req op.Request, change *record.Change, rec *audit.Record) error {
	if err := s.ops.Authz.Rely(ctx, call.Request, change); err != nil {
		return err
	}
	err := s.ledger.Commit(ctx, change, rec, append(call.Also, rec.Copies()...)...)
	call.Settle()
	if err != nil {
		return err
	}
	from.at = change.Positions()
	return req.Placed(call, from.at)
}

// decide returns the call that a request comes to, if its caller may make it and its keys are ready for it.
func (s *Server) decide(ctx context.Context, caller *authn.Caller, req op.Request, rec *audit.Record) (*op.Call, error) {
	reach(ctx, metrics.Authorize)
	needs, err := req.Needs()
	if err != nil {
		return nil, err
	}
	s.hear(ctx, caller.Region, req, needs)
	keys, err := s.ops.Resolver.Resolve(ctx, caller.Account, caller.Region, needs) // names → keys
	if err != nil {
		return nil, err
	}
	call := &op.Call{Deps: s.ops, Caller: caller, Now: s.now(), Needs: needs, Keys: keys}
	call.Request = &authz.Request{
		Caller: caller, Now: call.Now, SourceIP: rec.SourceIP, UserAgent: rec.UserAgent, TLS: rec.TLS.Version != "",
		Says: func(name string) []string { return req.Says(call, name) },
	}
	rec.Authorization = (*decided)(call.Request)
	if err := s.ops.Authz.Check(ctx, call.Request, needs, keys); err != nil { // before state, so that strangers learn nothing
		return nil, err
	}
	reach(ctx, metrics.Run)
	s.touch(rec, caller, needs, keys)
	if err := req.Ready(ctx, call); err != nil { // grant tokens, parameters, usage, state
		return nil, err
	}
	return call, nil
}

// still returns nil when all that call was decided by is in force at this moment: the last look before an answer
// or a change leaves (docs/coherence.md, rule 4). After a change, of whatever, the decision is made again; what was
// computed stands if caller and keys are the same.
func (s *Server) still(ctx context.Context, from *party, call *op.Call, req op.Request, rec *audit.Record) error {
	for {
		err := from.use.Check()
		if !errors.Is(err, coherence.ErrChanged) || ctx.Err() != nil {
			return err
		}
		if err := s.again(from); err != nil {
			return err
		}
		now, err := s.decide(ctx, from.caller, req, rec)
		if err != nil {
			return err
		}
		if !now.Same(call) {
			return coherence.ErrChanged
		}
		call.Request = now.Request
	}
}
