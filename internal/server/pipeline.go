package server

import (
	"errors"
	"net/http"

	"qkms/internal/authn/sigv4"
	"qkms/internal/authz"
	"qkms/internal/coherence"
	"qkms/internal/fault"
	"qkms/internal/metrics"
	"qkms/internal/op"
	"qkms/internal/record"
)

// serve is the life of one request (docs/request.md). Each line is a package. Its caller records
// whatever error comes out, so a refusal leaves the same trace as a success.
func (s *Server) serve(x *exchange, w http.ResponseWriter, hr *http.Request) (op.Answer, error) {
	rec := &x.rec
	err := x.msg.Read(w, hr) // the bytes, once; all below work on these
	describe(rec, hr, x.msg.Operation)
	if err != nil {
		return nil, err
	}
	x.reach(metrics.Authenticate)
	x.from.verifier, x.from.signed = s.authn, sigv4.From(hr, x.msg.Body)
	if err := s.meet(x, &x.from); err != nil { // who, over those very bytes
		rec.Identity.AccessKeyID = sigv4.Claimed(&x.from.signed) // nobody: only what was claimed
		return nil, err
	}
	identify(rec, x.from.caller)
	s.keyUsed(&x.from)
	x.reach(metrics.Decode)
	req, err := op.ByName[x.msg.Operation].Decode(x.msg.Body) // what; the model's constraints hold from here on
	if req != nil {
		rec.Request, rec.ReadOnly = req.Audit(), req.ReadOnly()
	}
	if err != nil {
		return nil, err
	}
	if err := s.rates.Take(x.from.at, x.from.caller.Account, x.from.caller.Region, req.Tolls()); err != nil { // once, and before any work
		return nil, err
	}
	out, err := attempt(s, x, func() (op.Answer, error) { return s.act(x, req) })
	if err == nil && req.Restricts() {
		s.fence(x) // in force everywhere, or said by when
	}
	return out, err
}

// act goes from the names in a request to its effect.
func (s *Server) act(x *exchange, req op.Request) (op.Answer, error) {
	call, err := s.decide(x, req)
	if err != nil {
		return nil, err
	}
	out, change, err := req.Run(x, call) // change is nil unless something is to be stored
	if err == nil && req.DryRun() {
		err = fault.WouldSucceed()
	}
	if failed := s.still(x, call, req); failed != nil { // what it was decided by, while it was done; errors tell things, too
		return nil, failed
	}
	if err != nil {
		return nil, err
	}
	x.reach(metrics.Commit)
	x.rec.Response, x.rec.Additional = req.Result(call), call.Additional
	x.rec.Resources = append(x.rec.Resources, call.Made...)
	if change == nil && req.Restricts() && s.lease.Shared() {
		change = call.Confirm()
	}
	if change == nil {
		err = s.note(x, call, req)
	} else {
		err = s.keep(x, call, req, change)
	}
	if err == nil && req.Tracks() {
		s.used(&x.rec, call.Keys)
	}
	return out, err
}

// note records an answer that changes nothing: no record, no answer. Then it looks once more whether that may leave,
// since a disk can take longer than the lease lasts. If not, the record of success stands and one of the refusal follows.
func (s *Server) note(x *exchange, call *op.Call, req op.Request) error {
	err := s.ledger.Note(&x.rec, x.rec.Copies()...)
	if err == nil {
		err = s.still(x, call, req)
	}
	if err != nil {
		x.rec.EventID = "" // what follows is another event
	}
	return err
}

// keep makes a change durable, with its records, if what allowed it is still in force in the store.
func (s *Server) keep(x *exchange, call *op.Call, req op.Request, change *record.Change) error {
	if err := s.ops.Authz.Rely(x, call.Request, change); err != nil {
		return err
	}
	err := s.commit(x, change, append(call.Also, x.rec.Copies()...)...)
	call.Settle()
	if err != nil {
		return err
	}
	return req.Placed(call, x.from.changed)
}

// decide returns the call that a request comes to, if its caller may make it and its keys are ready for it.
func (s *Server) decide(x *exchange, req op.Request) (*op.Call, error) {
	x.reach(metrics.Authorize)
	needs, err := req.Needs()
	if err != nil {
		return nil, err
	}
	caller := x.from.caller
	s.hear(x, caller.Region, req, needs)
	call := x.newCall()
	call.Deps, call.Of, call.Caller, call.Now, call.Needs = s.ops, req, caller, x.from.at, needs
	call.Keys, err = s.ops.Resolver.Resolve(x, call.Keys, caller.Account, caller.Region, needs) // names → keys
	if err != nil {
		return nil, err
	}
	r := call.Request
	r.Caller, r.Now, r.SourceIP, r.UserAgent, r.TLS, r.Says = caller, call.Now, x.rec.SourceIP, x.rec.UserAgent, x.rec.TLS != nil, call
	x.rec.Authorization = (*decided)(r)
	if err := s.ops.Authz.Check(x, r, needs, call.Keys); err != nil { // before state, so that strangers learn nothing
		return nil, err
	}
	x.reach(metrics.Run)
	s.touch(x, needs, call.Keys)
	if err := req.Ready(x, call); err != nil { // grant tokens, parameters, usage, state
		return nil, err
	}
	return call, nil
}

// newCall returns an empty call: that of x for the first try, and others for the next, which are compared with it.
func (x *exchange) newCall() *op.Call {
	if x.call.Request == nil {
		x.call.Request, x.call.Keys, x.call.Additional = &x.request, x.keys[:0], x.additional[:0]
		return &x.call
	}
	return &op.Call{Request: new(authz.Request)}
}

// still returns nil when all that call was decided by is in force at this moment: the last look before an answer
// or a change leaves (docs/coherence.md, rule 4). After a change, of whatever, the decision is made again; what was
// computed stands if caller and keys are the same.
func (s *Server) still(x *exchange, call *op.Call, req op.Request) error {
	for {
		err := x.from.use.Check()
		if !errors.Is(err, coherence.ErrChanged) || x.Err() != nil {
			return err
		}
		if err := s.meet(x, &x.from); err != nil {
			return err
		}
		now, err := s.decide(x, req)
		if err != nil {
			return err
		}
		if !now.Same(call) {
			return coherence.ErrChanged
		}
		call.Request = now.Request
	}
}
