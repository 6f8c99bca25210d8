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
	"qkms/internal/metrics"
	"qkms/internal/query"
	"qkms/internal/record"
	"qkms/internal/throttle"
)

// A Query is an API of the Query protocol, at the endpoint of KMS because clients have one endpoint for everything.
type Query struct {
	Service *query.Service
	Authn   *authn.Verifier // of requests signed for it
}

// Services are those of queries.
func Services(queries []Query) (all []*query.Service) {
	for _, q := range queries {
		all = append(all, q.Service)
	}
	return all
}

// verifier is who checks signatures for a service.
func (s *Server) verifier(of *query.Service) *authn.Verifier {
	for _, q := range s.queries {
		if q.Service == of {
			return q.Authn
		}
	}
	return nil // a Message names none but these
}

// serveQuery answers a request of the Query protocol.
func (s *Server) serveQuery(x *exchange, w http.ResponseWriter, hr *http.Request) {
	rec := &x.rec
	rec.EventSource, rec.ReadOnly = audit.SourceSTS, true
	m, err := query.Read(w, hr, s.services)
	describe(rec, hr, m.Operation())
	if m.Service != nil {
		rec.EventSource = m.Service.Source
	}
	var out any
	if err == nil {
		rec.ReadOnly = m.Row.Reads()
		out, err = guarded(s, x, func() (any, error) { return s.query(x, hr, m) })
	}
	x.announce(w.Header())
	if err != nil {
		query.Refuse(w, rec.RequestID, m, s.services, s.refuse(x, err))
		return
	}
	query.Answer(w, rec.RequestID, m, out)
}

// query is the life of one such request, in the order of serve.
func (s *Server) query(x *exchange, hr *http.Request, m *query.Message) (any, error) {
	if err := s.sender(x, hr, m); err != nil { // who, over the bytes that came
		return nil, err
	}
	x.reach(metrics.Decode)
	req, err := m.Row.Decode(m.Form) // what; the constraints of the API hold from here on
	x.rec.Request = req.Audit()
	if err != nil {
		return nil, err
	}
	if c := x.from.caller; c != nil { // whoever signs nothing pays nothing: what they send is bounded by the spool of strangers
		if s.rates.Take(x.from.at, c.Account, c.Region, throttle.Of(m.Service.Signing).Once()) != nil {
			return nil, fault.RateExceeded()
		}
	}
	out, err := attempt(s, x, func() (any, error) { return s.perform(x, hr, req, m.Row.Restricts()) })
	if err == nil && m.Row.Restricts() {
		s.fence(x)
	}
	return out, err
}

// sender finds out who signed the request: nobody where it needs no signature.
func (s *Server) sender(x *exchange, hr *http.Request, m *query.Message) error {
	if m.Row.Unsigned() {
		return s.meet(x, &x.from)
	}
	x.reach(metrics.Authenticate)
	x.from.verifier, x.from.signed = s.verifier(m.Service), sigv4.From(hr, m.Body)
	if err := s.meet(x, &x.from); err != nil {
		x.rec.Identity.AccessKeyID = sigv4.Claimed(&x.from.signed)
		return err
	}
	identify(&x.rec, x.from.caller)
	s.keyUsed(&x.from)
	if m.Service.Admits != nil {
		return m.Service.Admits(x.from.caller)
	}
	return nil
}

// perform goes from the names in a request to its effect. Nothing here takes long, so all of it is done again when
// something has changed meanwhile.
func (s *Server) perform(x *exchange, hr *http.Request, req query.Request, restricts bool) (any, error) {
	rec, caller := &x.rec, x.from.caller
	call := &query.Call{Deps: s.queryDeps, Caller: caller, Now: x.from.at, Peer: peer(hr)}
	call.Request = &authz.Request{
		Caller: caller, Now: call.Now, SourceIP: rec.SourceIP, UserAgent: rec.UserAgent, TLS: rec.TLS != nil,
		Says: authz.SayerFunc(func(name string) []string { return req.Says(call, name) }),
	}
	rec.Authorization = (*decided)(call.Request)
	out, change, err := s.propose(x, call, req)
	rec.Resources = call.Resources
	if caller == nil {
		rec.Identity, rec.RecipientAccount = call.Proved, call.Account
	}
	if err != nil {
		return nil, err
	}
	if err := x.from.use.Check(); err != nil { // what it was decided by, while it was done
		return nil, err
	}
	x.reach(metrics.Commit)
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
	return out, s.commit(x, change, rec.Copies()...) // the change and its record together
}

// peer is the certificate of the client that sent hr, or nil.
func peer(hr *http.Request) *x509.Certificate {
	if hr.TLS == nil || len(hr.TLS.PeerCertificates) == 0 {
		return nil
	}
	return hr.TLS.PeerCertificates[0]
}

// propose returns the answer and the change that makes it true, nil unless something is to be stored.
func (s *Server) propose(x *exchange, call *query.Call, req query.Request) (any, *record.Change, error) {
	if err := req.Check(call); err != nil {
		return nil, nil, err
	}
	x.reach(metrics.Authorize)
	if err := s.allowed(x, call, req); err != nil {
		return nil, nil, err
	}
	x.reach(metrics.Run)
	return req.Run(x, call)
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
