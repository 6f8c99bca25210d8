package server

import (
	"context"
	"net/http"
	"sync"
	"time"

	"qkms/internal/audit"
	"qkms/internal/authz"
	"qkms/internal/coherence"
	"qkms/internal/fault"
	"qkms/internal/key"
	"qkms/internal/metrics"
	"qkms/internal/op"
	"qkms/internal/trace"
	"qkms/internal/uuid"
	"qkms/internal/wire"
)

// An exchange is one request on its way to its answer: its context, what is known of it, and how far it came. It
// belongs to the goroutine that serves the request, but for the methods of context.Context.
//
// All of it is one piece of memory, which no other request is given afterwards: whoever still has a part of it then,
// as somebody who waits with the context may, has that of a request that is over, not that of somebody else's.
type exchange struct {
	began time.Time
	timer timer // of the context

	msg  wire.Message
	rec  audit.Record
	from party

	call      op.Call       // of the first try
	request   authz.Request // of call
	keys      [1]*key.Key   // of call
	resources [2]audit.Resource

	additional [1]audit.Member // of call

	reached metrics.Stage
	told    *fault.Error // nil: no refusal
	trace   *trace.Request
	fence   *coherence.Reach // how far the change has got that takes something away; nil: there was none
	turn    *turn            // nil: it has collided with nobody
}

func (s *Server) begin(hr *http.Request) *exchange {
	s.metrics.Begin()
	x := &exchange{began: time.Now(), trace: s.trace.Begin(hr.Header)}
	x.rec.RequestID, x.rec.EventID = uuid.Two()
	return x
}

// end counts the request, once its answer is written.
func (s *Server) end(x *exchange) {
	s.metrics.Done(metrics.Request{Operation: x.rec.EventName, Reached: x.reached, Told: x.told, Took: time.Since(x.began)})
	x.trace.End(x.rec.EventName, x.rec.RequestID, x.told)
	x.timer.stop()
	x.msg.Release()
	x.from.signed.Body = nil // somebody who still has the context keeps all of x
}

// steps are the stages that have a span of their own.
var steps = [...]string{metrics.Authenticate: "authenticate", metrics.Authorize: "authorize", metrics.Run: "run", metrics.Commit: "commit"}

// reach says that a stage begins, and so that the one before it is done.
func (x *exchange) reach(stage metrics.Stage) {
	x.reached = stage
	x.trace.Step(steps[stage])
}

// patience is how long one request may take the service: far beyond any operation, so that what is
// stuck ends.
const patience = 30 * time.Second

// A timer is the context of a request under its own: it ends after patience, and not when the client leaves. Work that
// was begun is finished: a change half made because somebody hung up would be the worst of both.
//
// It is started by whoever first wants to wait with it. Most requests find everything in memory and wait for nothing.
type timer struct {
	once    sync.Once
	started *running
}

type running struct {
	context.Context
	cancel context.CancelFunc
}

func (x *exchange) timed() context.Context {
	x.timer.once.Do(func() {
		ctx, cancel := context.WithDeadline(context.Background(), x.began.Add(patience))
		x.timer.started = &running{ctx, cancel}
	})
	return x.timer.started.Context
}

// stop ends the context. One that was never waited with ends, too: for whoever begins to now.
func (t *timer) stop() {
	t.once.Do(func() { t.started = over })
	t.started.cancel()
}

var over = func() *running {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	return &running{ctx, cancel}
}()

// Deadline, Done, Err and Value are of context.Context.
func (x *exchange) Deadline() (time.Time, bool) { return x.began.Add(patience), true }
func (x *exchange) Done() <-chan struct{}       { return x.timed().Done() }
func (x *exchange) Err() error                  { return x.timed().Err() }
func (x *exchange) Value(key any) any           { return x.timed().Value(key) }
