// Package server answers requests.
//
// pipeline.go is the map of the whole program: read it first. This file is what stands around it, so
// that whatever happens to a request, one answer leaves and one record stays.
package server

import (
	"errors"
	"log/slog"
	"net/http"
	"runtime/debug"
	"syscall"
	"time"

	"qkms/internal/audit"
	"qkms/internal/authn"
	"qkms/internal/coherence"
	"qkms/internal/fault"
	"qkms/internal/ledger"
	"qkms/internal/metrics"
	"qkms/internal/op"
	"qkms/internal/query"
	"qkms/internal/store"
	"qkms/internal/throttle"
	"qkms/internal/trace"
	"qkms/internal/wire"
)

// Config is what a Server stands on; every field is needed.
type Config struct {
	Authn *authn.Verifier
	Ops   *op.Deps
	Rates *throttle.Throttle // of Ops

	Queries   []Query // what names none of them is answered as the last one
	QueryDeps *query.Deps

	Audit   *audit.Log
	Ledger  *ledger.Ledger
	Lease   *coherence.Lease // the right to use what is in memory
	Now     func() time.Time
	Metrics *metrics.Metrics
	Trace   *trace.Tracer // nil: off
	Logger  *slog.Logger  // hears of failures of the service itself, never of callers' mistakes
}

// A Server is the http.Handler of the API.
type Server struct {
	authn *authn.Verifier
	ops   *op.Deps
	rates *throttle.Throttle

	queries   []Query
	services  []*query.Service // of queries
	queryDeps *query.Deps

	audit   *audit.Log
	ledger  *ledger.Ledger
	lease   *coherence.Lease
	now     func() time.Time
	metrics *metrics.Metrics
	trace   *trace.Tracer
	log     *slog.Logger

	unrecorded audit.Sparing // about requests that the audit log has no room for

	turns *turns
}

// New returns a server.
func New(c Config) *Server {
	return &Server{authn: c.Authn, ops: c.Ops, rates: c.Rates, queries: c.Queries, services: Services(c.Queries), queryDeps: c.QueryDeps,
		audit: c.Audit, ledger: c.Ledger, lease: c.Lease, now: c.Now, metrics: c.Metrics, trace: c.Trace, log: c.Logger,
		turns: newTurns()}
}

// ServeHTTP answers one request.
func (s *Server) ServeHTTP(w http.ResponseWriter, hr *http.Request) {
	if s.lease.Ready() != nil { // who keeps this connection would keep asking a node that is about to refuse
		w.Header().Set("Connection", "close")
	}
	x := s.begin(hr)
	defer s.end(x)
	if query.Asked(hr) {
		s.serveQuery(x, w, hr)
		return
	}

	out, err := guarded(s, x, func() (op.Answer, error) { return s.serve(x, w, hr) })
	x.announce(w.Header())
	if err != nil {
		err = s.refuse(x, err)
	}
	if err != nil {
		wire.Refuse(w, x.rec.RequestID, err)
		return
	}
	if out == nil {
		wire.Answer(w, x.rec.RequestID, nil)
		return
	}
	wire.Answer(w, x.rec.RequestID, out)
}

// guarded turns a panic into an error: a bug must not cost the record of the request that met it.
func guarded[T any](s *Server, x *exchange, serve func() (T, error)) (out T, err error) {
	defer func() {
		if p := recover(); p != nil {
			s.log.ErrorContext(x, "panic while serving a request", "request_id", x.rec.RequestID, "panic", p, "stack", string(debug.Stack()))
			out, err = *new(T), fault.InternalError()
		}
	}()
	return serve()
}

// refuse records a refusal and returns what the caller is told. When it cannot be recorded the caller
// learns nothing: no record, no answer.
func (s *Server) refuse(x *exchange, err error) error {
	rec := &x.rec
	if busy(err) {
		err = fault.StoreBusy().Because(err)
	}
	told := wire.Fault(err)
	x.told = told
	if told.Status() >= 500 && !unrecorded(told.Unwrap()) {
		s.log.ErrorContext(x, "request failed", "request_id", rec.RequestID, "operation", rec.EventName, "code", told.Code, "error", told.Unwrap())
	}
	rec.EventID = "" // a commit of unknown outcome may have left the former one in the outbox
	rec.ErrorCode, rec.ErrorMessage = string(told.Code), told.Text
	rec.Response, rec.Additional = nil, nil
	if told.Code == fault.AccessDenied {
		rec.Request = nil // as CloudTrail has it for what was not authorized (access.md §7.4)
	}
	rec.Time = s.now()
	if err := s.audit.Append(rec, rec.Copies()...); err != nil {
		if held, due := s.unrecorded.Due(s.now()); due {
			s.log.ErrorContext(x, "requests fail because they cannot be recorded; this line comes once a minute at most", "request_id", rec.RequestID, "error", err, "not_said_before", held)
		}
		x.told = fault.InternalError()
		return x.told
	}
	return err
}

// unrecorded reports whether a request failed because the audit log had no room for its record: then that
// of the failure finds none either, and refuse says so.
func unrecorded(err error) bool {
	return errors.Is(err, audit.ErrFull) || errors.Is(err, syscall.ENOSPC)
}

// busy reports whether the store could not do something now that it may do later.
func busy(err error) bool {
	var conflict *store.Conflict
	return errors.As(err, &conflict) || errors.Is(err, store.ErrUnavailable) || errors.Is(err, store.ErrUnknown) ||
		errors.Is(err, coherence.ErrLapsed) || errors.Is(err, coherence.ErrChanged)
}
