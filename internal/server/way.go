package server

import (
	"context"
	"time"

	"qkms/internal/audit"
	"qkms/internal/fault"
	"qkms/internal/metrics"
)

// A way is the context of one request, and how far that came, for whoever watches the service from
// outside. It belongs to the goroutine that serves the request.
type way struct {
	context.Context
	began   time.Time
	reached metrics.Stage
	told    *fault.Error // nil: no refusal
}

type wayKey struct{}

// Value is of context.Context.
func (w *way) Value(key any) any {
	if key == (wayKey{}) {
		return w
	}
	return w.Context.Value(key)
}

func (s *Server) begin(ctx context.Context) *way {
	s.metrics.Begin()
	return &way{Context: ctx, began: time.Now()}
}

// end counts the request, once its answer has left.
func (s *Server) end(w *way, rec *audit.Record) {
	s.metrics.Done(metrics.Request{Operation: rec.EventName, Reached: w.reached, Told: w.told, Took: time.Since(w.began)})
}

// reach says that a stage begins, and so that the one before it is done.
func reach(ctx context.Context, stage metrics.Stage) {
	if w, ok := ctx.Value(wayKey{}).(*way); ok {
		w.reached = stage
	}
}

// tell says what the caller is told instead of an answer.
func tell(ctx context.Context, told *fault.Error) {
	if w, ok := ctx.Value(wayKey{}).(*way); ok {
		w.told = told
	}
}
