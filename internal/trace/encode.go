package trace

import (
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	sdk "go.opentelemetry.io/otel/sdk/trace"
	otel "go.opentelemetry.io/otel/trace"
	common "go.opentelemetry.io/proto/slim/otlp/common/v1"
	resource "go.opentelemetry.io/proto/slim/otlp/resource/v1"
	tracepb "go.opentelemetry.io/proto/slim/otlp/trace/v1"
)

// encode puts spans into OTLP's messages: all are of one resource and one scope.
func encode(spans []sdk.ReadOnlySpan) []*tracepb.ResourceSpans {
	if len(spans) == 0 {
		return nil
	}
	scope := &tracepb.ScopeSpans{Scope: &common.InstrumentationScope{Name: spans[0].InstrumentationScope().Name}}
	for _, s := range spans {
		scope.Spans = append(scope.Spans, encodeSpan(s))
	}
	return []*tracepb.ResourceSpans{{
		Resource:   &resource.Resource{Attributes: encodeAttributes(spans[0].Resource().Attributes())},
		ScopeSpans: []*tracepb.ScopeSpans{scope},
	}}
}

func encodeSpan(s sdk.ReadOnlySpan) *tracepb.Span {
	at, parent := s.SpanContext(), s.Parent()
	trace, id := at.TraceID(), at.SpanID()
	p := &tracepb.Span{
		TraceId: trace[:], SpanId: id[:], Name: s.Name(), Kind: tracepb.Span_SPAN_KIND_INTERNAL,
		StartTimeUnixNano: uint64(s.StartTime().UnixNano()), EndTimeUnixNano: uint64(s.EndTime().UnixNano()),
		Attributes: encodeAttributes(s.Attributes()), Flags: flags(at.TraceFlags(), parent),
	}
	if parent.IsValid() {
		id := parent.SpanID()
		p.ParentSpanId = id[:]
	}
	if s.SpanKind() == otel.SpanKindServer {
		p.Kind = tracepb.Span_SPAN_KIND_SERVER
	}
	if s.Status().Code == codes.Error {
		p.Status = &tracepb.Status{Code: tracepb.Status_STATUS_CODE_ERROR}
	}
	return p
}

// flags are the trace flags, and whether the parent is another process'.
func flags(f otel.TraceFlags, parent otel.SpanContext) uint32 {
	flags := uint32(f) | uint32(tracepb.SpanFlags_SPAN_FLAGS_CONTEXT_HAS_IS_REMOTE_MASK)
	if parent.IsRemote() {
		flags |= uint32(tracepb.SpanFlags_SPAN_FLAGS_CONTEXT_IS_REMOTE_MASK)
	}
	return flags
}

// encodeAttributes encodes texts, which all of ours are; what else an operator's resource has is written as text.
func encodeAttributes(attributes []attribute.KeyValue) []*common.KeyValue {
	encoded := make([]*common.KeyValue, len(attributes))
	for i, a := range attributes {
		encoded[i] = &common.KeyValue{Key: string(a.Key), Value: &common.AnyValue{Value: &common.AnyValue_StringValue{StringValue: a.Value.String()}}}
	}
	return encoded
}
