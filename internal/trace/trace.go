// Package trace tells a collector where the time of requests went, over OTLP.
//
// Start with New; a nil Tracer is tracing that is off, and costs a comparison. A span says which operation it
// was, which exception the caller was told and the request id, and never which key, who, or with what: what
// leaves for the collector is no more than what a caller may see of its own request.
package trace

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"sync/atomic"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/sdk/resource"
	sdk "go.opentelemetry.io/otel/sdk/trace"
	otel "go.opentelemetry.io/otel/trace"

	"qkms/internal/fault"
)

// unknown is the name of a span whose request named no operation there is.
const unknown = "unknown"

// Config of a Tracer.
type Config struct {
	URL        string      // of the collector, whole: http://127.0.0.1:4318/v1/traces
	Header     http.Header // sent with every export, for the collector to know us by; nil: none
	Version    string      // of the program
	Operations []string    // what spans may be called
	Logger     *slog.Logger
}

// A Tracer makes spans and sends them, in batches, behind the requests' backs. Those that wait are bounded;
// beyond that they are dropped, so that a collector that is slow or gone slows no request. Its methods may be
// called concurrently, and on nil.
type Tracer struct {
	provider *sdk.TracerProvider
	tracer   otel.Tracer
	known    map[string]bool
	exporter *exporter
	ended    atomic.Uint64
}

const (
	waiting  = 2048             // spans
	batch    = 512              // spans of one export
	interval = 2 * time.Second  // between exports, when there is something
	patience = 10 * time.Second // for one export
	farewell = 3 * time.Second  // for what is left at the end
)

// New returns a tracer. It connects to nobody until there is something to send.
func New(c Config) (*Tracer, error) {
	about, err := resource.New(context.Background(), // nothing of the machine or the process but what the operator says
		resource.WithAttributes(attribute.String("service.name", "qkms"), attribute.String("service.version", c.Version)), resource.WithFromEnv())
	if err != nil {
		return nil, fmt.Errorf("traces: $OTEL_RESOURCE_ATTRIBUTES: %w", err)
	}
	t := &Tracer{exporter: newExporter(c), known: map[string]bool{}}
	for _, name := range c.Operations {
		t.known[name] = true
	}
	queue := sdk.NewBatchSpanProcessor(t.exporter, sdk.WithMaxQueueSize(waiting), sdk.WithMaxExportBatchSize(batch),
		sdk.WithBatchTimeout(interval), sdk.WithExportTimeout(patience))
	t.provider = sdk.NewTracerProvider(sdk.WithResource(about), sdk.WithSpanProcessor(&counting{queue, &t.ended}))
	t.tracer = t.provider.Tracer("qkms")
	return t, nil
}

// counting is a processor that knows how many spans came.
type counting struct {
	sdk.SpanProcessor
	ended *atomic.Uint64
}

func (c *counting) OnEnd(s sdk.ReadOnlySpan) {
	c.ended.Add(1)
	c.SpanProcessor.OnEnd(s)
}

// Spans is how many spans have ended, and how many of them the collector has taken.
func (t *Tracer) Spans() (ended, sent uint64) {
	if t == nil {
		return 0, 0
	}
	return t.ended.Load(), t.exporter.sent.Load()
}

// Close sends what waits, for 3 seconds at most.
func (t *Tracer) Close() error {
	if t == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), farewell)
	defer cancel()
	_ = t.provider.Shutdown(ctx) // what could not be sent is lost, and no reason to end in failure
	return nil
}

// A Request is the trace of one request: a span for all of it, and one for each of its steps. It belongs to
// the goroutine that serves the request. Its methods may be called on nil.
type Request struct {
	tracer     *Tracer
	ctx        context.Context // with root in it
	root, step otel.Span
}

// Begin returns the trace of a request that has come, as part of the one its caller says it belongs to
// (W3C Trace Context §3.2).
func (t *Tracer) Begin(h http.Header) *Request {
	if t == nil {
		return nil
	}
	return t.begin(h)
}

func (t *Tracer) begin(h http.Header) *Request {
	r := &Request{tracer: t}
	r.ctx, r.root = t.tracer.Start(remote(h), unknown, otel.WithSpanKind(otel.SpanKindServer))
	return r
}

// remote is where the caller's traceparent points. Its tracestate is left alone: that is free text, which
// would go to the collector.
func remote(h http.Header) context.Context {
	ctx := propagation.TraceContext{}.Extract(context.Background(), only{h.Get("Traceparent")})
	caller := otel.SpanContextFromContext(ctx)
	if !caller.IsValid() {
		return context.Background()
	}
	return otel.ContextWithRemoteSpanContext(context.Background(), caller)
}

// only carries a traceparent and nothing else.
type only struct{ traceparent string }

func (o only) Get(name string) string {
	if name == "traceparent" {
		return o.traceparent
	}
	return ""
}
func (o only) Set(string, string) {}
func (o only) Keys() []string     { return []string{"traceparent"} }

// Step says that a step begins, and so that the one before it is done. An empty name is no step of its own.
func (r *Request) Step(name string) {
	if r != nil {
		r.next(name)
	}
}

func (r *Request) next(name string) {
	if r.step != nil {
		r.step.End()
		r.step = nil
	}
	if name != "" {
		_, r.step = r.tracer.tracer.Start(r.ctx, name)
	}
}

// End says how the request ended: told is nil of a success. The operation is the name the client wrote.
func (r *Request) End(operation, requestID string, told *fault.Error) {
	if r != nil {
		r.end(operation, requestID, told)
	}
}

func (r *Request) end(operation, requestID string, told *fault.Error) {
	r.next("")
	if !r.tracer.known[operation] {
		operation = unknown
	}
	r.root.SetName(operation)
	r.root.SetAttributes(attribute.String("rpc.system", "aws-api"), attribute.String("rpc.method", operation), attribute.String("aws.request_id", requestID))
	if told != nil {
		r.root.SetAttributes(attribute.String("error.type", string(told.Code)))
		if told.Status() >= 500 { // a mistake of the caller's is no error of the server's span
			r.root.SetStatus(codes.Error, "")
		}
	}
	r.root.End()
}
