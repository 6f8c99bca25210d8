package server

import (
	"context"
	"net/http"
	"time"

	"qkms/internal/audit"
	"qkms/internal/coherence"
	"qkms/internal/fault"
	"qkms/internal/metrics"
	"qkms/internal/trace"
)

// A way is the context of one request, and how far that came, for whoever watches the service from
// outside. It belongs to the goroutine that serves the request.
type way struct {
	context.Context
	began   time.Time
	reached metrics.Stage
	told    *fault.Error // nil: no refusal
	trace   *trace.Request
	fence   *coherence.Reach // how far the change has got that takes something away; nil: there was none
}

type wayKey struct{}

// Value is of context.Context.
func (w *way) Value(key any) any {
	if key == (wayKey{}) {
		return w
	}
	return w.Context.Value(key)
}

func (s *Server) begin(ctx context.Context, hr *http.Request) *way {
	s.metrics.Begin()
	return &way{Context: ctx, began: time.Now(), trace: s.trace.Begin(hr.Header)}
}

// end counts the request, once its answer is written.
func (s *Server) end(w *way, rec *audit.Record) {
	s.metrics.Done(metrics.Request{Operation: rec.EventName, Reached: w.reached, Told: w.told, Took: time.Since(w.began)})
	w.trace.End(rec.EventName, rec.RequestID, w.told)
}

// steps are the stages that have a span of their own.
var steps = [...]string{metrics.Authenticate: "authenticate", metrics.Authorize: "authorize", metrics.Run: "run", metrics.Commit: "commit"}

// reach says that a stage begins, and so that the one before it is done.
func reach(ctx context.Context, stage metrics.Stage) {
	if w, ok := ctx.Value(wayKey{}).(*way); ok {
		w.reached = stage
		w.trace.Step(steps[stage])
	}
}

// tell says what the caller is told instead of an answer.
func tell(ctx context.Context, told *fault.Error) {
	if w, ok := ctx.Value(wayKey{}).(*way); ok {
		w.told = told
	}
}
