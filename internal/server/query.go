package server

import (
	"context"
	"crypto/x509"
	"net/http"

	"qkms/internal/audit"
	"qkms/internal/authn"
	"qkms/internal/authn/sigv4"
	"qkms/internal/authz"
	"qkms/internal/coherence"
	"qkms/internal/fault"
	"qkms/internal/iam"
	"qkms/internal/metrics"
	"qkms/internal/query"
	"qkms/internal/record"
	"qkms/internal/sts"
	"qkms/internal/throttle"
	"qkms/internal/wire"
)

// services are the APIs of the Query protocol, at the endpoint of KMS because clients have one endpoint for
// everything. What names none of them is answered as the last one.
var services = []*query.Service{iam.Service, sts.Service}

// serveQuery answers a request of the Query protocol.
func (s *Server) serveQuery(ctx *way, w http.ResponseWriter, hr *http.Request, rec *audit.Record) {
	rec.EventSource, rec.ReadOnly = audit.SourceSTS, true
	m, err := query.Read(w, hr, services)
	describe(rec, hr, &wire.Message{Operation: m.Operation(), RemoteAddr: wire.Peer(hr)})
	if m.Service != nil {
		rec.EventSource = m.Service.Source
	}
	var out any
	if err == nil {
		rec.ReadOnly = m.Row.Reads()
		out, err = guarded(ctx, s, rec, func() (any, error) { return s.query(ctx, hr, m, rec) })
	}
	ctx.announce(w.Header())
	if err != nil {
		query.Refuse(w, rec.RequestID, m, services, s.refuse(ctx, rec, err))
		return
	}
	query.Answer(w, rec.RequestID, m, out)
}

// query is the life of one such request, in the order of serve.
func (s *Server) query(ctx context.Context, hr *http.Request, m *query.Message, rec *audit.Record) (any, error) {
	from, err := s.sender(ctx, hr, m, rec) // who, over the bytes that came
	if err != nil {
		return nil, err
	}
	reach(ctx, metrics.Decode)
	req, err := m.Row.Decode(m.Form) // what; the constraints of the API hold from here on
	rec.Request = req.Audit()
	if err != nil {
		return nil, err
	}
	if c := from.caller; c != nil { // whoever signs nothing pays nothing: what they send is bounded by the spool of strangers
		if s.rates.Take(s.now(), c.Account, c.Region, throttle.Of(m.Service.Signing).Once()) != nil {
			return nil, fault.RateExceeded()
		}
	}
	out, err := attempt(ctx, s, from, func() (any, error) { return s.perform(ctx, hr, from, req, m.Row.Restricts(), rec) })
	if err == nil && m.Row.Restricts() {
		s.fence(ctx, rec, from.at)
	}
	return out, err
}

// sender is who signed the request: nobody where it needs no signature.
func (s *Server) sender(ctx context.Context, hr *http.Request, m *query.Message, rec *audit.Record) (*party, error) {
	if m.Row.Unsigned() {
		return s.meet(func() (*authn.Caller, error) { return nil, nil })
	}
	reach(ctx, metrics.Authenticate)
	signed := sigv4.From(hr, m.Body)
	from, err := s.meet(func() (*authn.Caller, error) { return s.queries[m.Service.Signing].Verify(ctx, signed) })
	if err != nil {
		rec.Identity.AccessKeyID = sigv4.Claimed(signed)
		return nil, err
	}
	identify(rec, from.caller)
	s.keyUsed(from.caller, m.Service.Signing)
	if m.Service.Admits != nil {
		err = m.Service.Admits(from.caller)
	}
	return from, err
}

// perform goes from the names in a request to its effect. Nothing here takes long, so all of it is done again when
// something has changed meanwhile.
func (s *Server) perform(ctx context.Context, hr *http.Request, from *party, req query.Request, restricts bool, rec *audit.Record) (any, error) {
	caller := from.caller
	call := &query.Call{Deps: s.queryDeps, Caller: caller, Now: s.now(), Peer: peer(hr)}
	call.Request = &authz.Request{
		Caller: caller, Now: call.Now, SourceIP: rec.SourceIP, UserAgent: rec.UserAgent, TLS: rec.TLS.Version != "",
		Says: func(name string) []string { return req.Says(call, name) },
	}
	rec.Authorization = (*decided)(call.Request)
	out, change, err := s.propose(ctx, call, req)
	rec.Resources = call.Resources
	if caller == nil {
		rec.Identity, rec.RecipientAccount = call.Proved, call.Account
	}
	if err != nil {
		return nil, err
	}
	if err := from.use.Check(); err != nil { // what it was decided by, while it was done
		return nil, err
	}
	reach(ctx, metrics.Commit)
	rec.Response, rec.Additional = req.Result(), call.Additional
	if change == nil && restricts && s.lease.Shared() {
		change = call.Confirm()
	}
	if change == nil {
		if err = s.ledger.Note(rec, rec.Copies()...); err == nil && !s.lease.Valid() { // no record, no answer; see note
			err = coherence.ErrLapsed
		}
		return out, err
	}
	err = s.ledger.Commit(ctx, change, rec, rec.Copies()...) // the change and its record together
	from.at = change.Positions()
	return out, err
}

// peer is the certificate of the client that sent hr, or nil.
func peer(hr *http.Request) *x509.Certificate {
	if hr.TLS == nil || len(hr.TLS.PeerCertificates) == 0 {
		return nil
	}
	return hr.TLS.PeerCertificates[0]
}

// propose returns the answer and the change that makes it true, nil unless something is to be stored.
func (s *Server) propose(ctx context.Context, call *query.Call, req query.Request) (any, *record.Change, error) {
	if err := req.Check(call); err != nil {
		return nil, nil, err
	}
	reach(ctx, metrics.Authorize)
	if err := s.allowed(ctx, call, req); err != nil {
		return nil, nil, err
	}
	reach(ctx, metrics.Run)
	return req.Run(ctx, call)
}

// allowed returns nil when the caller may do all that the request needs. An operation without a signature
// decides for itself whom it believes.
func (s *Server) allowed(ctx context.Context, call *query.Call, req query.Request) error {
	acts, err := req.Needs(ctx, call)
	if err != nil || len(acts) == 0 {
		return err
	}
	if call.Caller == nil {
		return fault.MissingAuthentication()
	}
	return call.Authz.Allow(ctx, call.Request, acts...)
}
