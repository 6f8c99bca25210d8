package server

import (
	"context"
	"errors"
	"net/http"

	"qkms/internal/audit"
	"qkms/internal/authn"
	"qkms/internal/authn/sigv4"
	"qkms/internal/authz"
	"qkms/internal/fault"
	"qkms/internal/metrics"
	"qkms/internal/op"
	"qkms/internal/store"
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
	caller, err := s.authn.Verify(ctx, signed) // who, over those very bytes
	if err != nil {
		rec.Identity.AccessKeyID = sigv4.Claimed(signed) // nobody: only what was claimed
		return nil, err
	}
	identify(rec, caller)
	s.keyUsed(caller, "kms")
	reach(ctx, metrics.Decode)
	req, err := op.ByName[msg.Operation].Decode(msg.Body) // what; the model's constraints hold from here on
	if req != nil {
		rec.Request, rec.ReadOnly = req.Audit(), req.ReadOnly()
	}
	if err != nil {
		return nil, err
	}
	if err := s.rates.Take(s.now(), caller.Account, caller.Region, req.Tolls()); err != nil { // once, and before any work
		return nil, err
	}
	return attempt(s, func() (op.Answer, error) { return s.act(ctx, caller, req, rec) })
}

// attempts is how often a change is built anew when what it relied on changed meanwhile.
const attempts = 8

// attempt acts until nothing gets in the way. Who lost once waits for the others who lost: sixteen that
// all want a grant on one key would otherwise undo each other, and half of them give up.
func attempt[T any](s *Server, act func() (T, error)) (out T, err error) {
	for i := range attempts {
		if i == 1 {
			s.losers.Lock()
			defer s.losers.Unlock()
		}
		if err = s.held(); err != nil {
			break
		}
		out, err = act()
		var conflict *store.Conflict
		if !errors.As(err, &conflict) {
			return out, err
		}
	}
	return *new(T), err
}

// note records an answer that changes nothing, if what it was decided by is still true: it was in memory,
// and the store may have passed to another process meanwhile. A change finds that out by its commit.
func (s *Server) note(rec *audit.Record) error {
	if err := s.held(); err != nil {
		return err
	}
	return s.ledger.Note(rec, rec.Copies()...)
}

// act goes from the names in a request to its effect.
func (s *Server) act(ctx context.Context, caller *authn.Caller, req op.Request, rec *audit.Record) (op.Answer, error) {
	reach(ctx, metrics.Authorize)
	needs, err := req.Needs()
	if err != nil {
		return nil, err
	}
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
	out, change, err := req.Run(ctx, call) // change is nil unless something is to be stored
	if err != nil {
		return nil, err
	}
	if req.DryRun() {
		return nil, fault.WouldSucceed()
	}
	reach(ctx, metrics.Commit)
	rec.Response, rec.Additional = req.Result(call), call.Additional
	if change == nil {
		err = s.note(rec) // no record, no answer
	} else {
		err = s.ledger.Commit(ctx, change, rec, append(call.Also, rec.Copies()...)...) // the change and its records together
		call.Settle()
	}
	if err == nil && req.Tracks() {
		s.used(rec, keys)
	}
	return out, err
}
