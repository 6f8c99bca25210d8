package trace_test

import (
	"bytes"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	collectorpb "go.opentelemetry.io/proto/slim/otlp/collector/trace/v1"
	tracepb "go.opentelemetry.io/proto/slim/otlp/trace/v1"
	"google.golang.org/protobuf/proto"

	"qkms/internal/kmstest"
	"qkms/internal/node"
	"qkms/internal/trace"
)

// A collector takes OTLP over HTTP.
type collector struct {
	*httptest.Server
	t testing.TB

	mu    sync.Mutex
	spans []*tracepb.Span
	raw   []byte // of all that came, headers too
}

func newCollector(t testing.TB) *collector {
	c := &collector{t: t}
	c.Server = httptest.NewServer(c)
	t.Cleanup(c.Close)
	return c
}

func (c *collector) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	var req collectorpb.ExportTraceServiceRequest
	if err == nil {
		err = proto.Unmarshal(body, &req)
	}
	if err != nil || r.Method != "POST" || r.URL.Path != "/v1/traces" || r.Header.Get("Content-Type") != "application/x-protobuf" {
		c.t.Errorf("got %s %s %v: %v", r.Method, r.URL, r.Header, err)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.raw = append(append(c.raw, fmt.Sprint(r.Header)...), body...)
	for _, rs := range req.ResourceSpans {
		if got := rs.Resource.Attributes[0]; got.Key != "service.name" || got.Value.GetStringValue() != "qkms" {
			c.t.Errorf("got resource %v", rs.Resource)
		}
		for _, ss := range rs.ScopeSpans {
			c.spans = append(c.spans, ss.Spans...)
		}
	}
}

func (c *collector) tracer() *trace.Tracer {
	tr, err := trace.New(trace.Config{URL: c.URL + "/v1/traces", Operations: node.Operations(), Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		c.t.Fatal(err)
	}
	return tr
}

// line is a span as text: name, kind, attributes without the request id.
func line(s *tracepb.Span) string {
	text := s.Name
	for _, a := range s.Attributes {
		if a.Key != "aws.request_id" && a.Key != "rpc.system" {
			text += " " + a.Key + "=" + a.Value.GetStringValue()
		}
	}
	if s.Status != nil {
		text += " " + s.Status.Code.String()
	}
	return text
}

// requests are the lines of the spans that have children, each with those.
func (c *collector) requests() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	var all []string
	for _, s := range c.spans {
		if s.Kind != tracepb.Span_SPAN_KIND_SERVER {
			continue
		}
		text := line(s) + ":"
		for _, child := range c.spans {
			if bytes.Equal(child.ParentSpanId, s.SpanId) {
				text += " " + line(child)
				if !bytes.Equal(child.TraceId, s.TraceId) || child.StartTimeUnixNano < s.StartTimeUnixNano || child.EndTimeUnixNano > s.EndTimeUnixNano || child.EndTimeUnixNano < child.StartTimeUnixNano {
					c.t.Errorf("%s is not within %s", line(child), line(s))
				}
			}
		}
		all = append(all, text)
	}
	return all
}

func TestRequestsHaveSpans(t *testing.T) {
	out := newCollector(t)
	tr := out.tracer()
	s := kmstest.With(t, kmstest.Options{Trace: tr, Metrics: true})
	c := s.As(kmstest.Account)
	id := c.Must("CreateKey", `{}`).String("KeyMetadata.KeyId")
	reply := c.Must("Encrypt", `{"KeyId":"`+id+`","Plaintext":"aGk="}`)
	c.Call("Encrypt", `{"KeyId":"alias/nothing","Plaintext":"aGk="}`)
	c.Call("Encrypt", `{}`)
	c.Call("NoSuchThing", `{}`)
	s.As("444455556666").Call("DescribeKey", `{"KeyId":"arn:aws:kms:us-east-1:`+kmstest.Account+`:key/`+id+`"}`)
	forged := *c
	forged.Secret = "another"
	forged.Call("ListKeys", `{}`)
	if err := tr.Close(); err != nil {
		t.Fatal(err)
	}
	got, want := strings.Join(out.requests(), "\n"), strings.Join([]string{
		"CreateKey rpc.method=CreateKey: authenticate authorize run commit",
		"Encrypt rpc.method=Encrypt: authenticate authorize run commit",
		"Encrypt rpc.method=Encrypt error.type=NotFoundException: authenticate authorize",
		"Encrypt rpc.method=Encrypt error.type=ValidationException: authenticate",
		"unknown rpc.method=unknown error.type=UnknownOperationException:",
		"DescribeKey rpc.method=DescribeKey error.type=AccessDeniedException: authenticate authorize",
		"ListKeys rpc.method=ListKeys error.type=InvalidSignatureException: authenticate",
	}, "\n")
	if got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	if !bytes.Contains(out.raw, []byte(reply.Header.Get("x-amzn-RequestId"))) {
		t.Error("no span has the request id")
	}
	if ended, sent := tr.Spans(); ended != sent || sent != uint64(len(out.spans)) {
		t.Errorf("got %d spans ended, %d sent, %d received", ended, sent, len(out.spans))
	}
}

// A span belongs to the caller's trace, and brings nothing else of the caller's along.
func TestSpansFollowTheCaller(t *testing.T) {
	out := newCollector(t)
	tr := out.tracer()
	s := kmstest.With(t, kmstest.Options{Trace: tr})
	c := s.As(kmstest.Account)
	const caller = "4bf92f3577b34da6a3ce929d0e0e4736"
	for _, parent := range []string{"00-" + caller + "-00f067aa0ba902b7-01", "00-" + caller + "-00f067aa0ba902b7-00", "00-sesame-sesame-01", ""} {
		req := c.Request("ListKeys", []byte(`{}`))
		req.Header.Set("Traceparent", parent)
		req.Header.Set("Tracestate", "vendor=sesame")
		req.Header.Set("Baggage", "user=sesame")
		if r, err := c.Do(req); err != nil || r.Status != 200 {
			t.Fatal(r, err)
		}
	}
	if err := tr.Close(); err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, span := range out.spans {
		if span.Kind == tracepb.Span_SPAN_KIND_SERVER {
			got = append(got, fmt.Sprintf("%t %x", fmt.Sprintf("%x", span.TraceId) == caller, span.ParentSpanId))
		}
	}
	if want := "true 00f067aa0ba902b7, false , false "; strings.Join(got, ", ") != want {
		t.Errorf("got %q, want %q: the caller's trace, none that it does not sample, and one of our own twice", got, want)
	}
	if bytes.Contains(out.raw, []byte("sesame")) {
		t.Error("what the caller wrote went to the collector")
	}
}

// The collector learns of no key and of no caller; logs and records of no trace.
func TestSpansNameNobody(t *testing.T) {
	out := newCollector(t)
	tr := out.tracer()
	var log bytes.Buffer
	s := kmstest.With(t, kmstest.Options{Trace: tr, Log: &log})
	const account, caller = "987698769876", "4bf92f3577b34da6a3ce929d0e0e4736"
	c := s.As(account)
	id := c.Must("CreateKey", `{"Description":"sesame-description"}`).String("KeyMetadata.KeyId")
	c.Must("CreateAlias", map[string]string{"AliasName": "alias/sesame-alias", "TargetKeyId": id})
	c.Must("Encrypt", `{"KeyId":"alias/sesame-alias","Plaintext":"c2VzYW1l","EncryptionContext":{"sesame-name":"sesame-context"}}`)
	c.Call("Encrypt", `{"KeyId":"alias/sesame-missing","Plaintext":"aGk="}`)
	c.Call("SesameOperation", `{}`)
	req := c.Request("ListKeys", []byte(`{}`))
	req.Header.Set("Traceparent", "00-"+caller+"-00f067aa0ba902b7-01")
	if _, err := c.Do(req); err != nil {
		t.Fatal(err)
	}
	if err := tr.Close(); err != nil {
		t.Fatal(err)
	}
	for _, secret := range []string{"sesame", "Sesame", account, id, c.AccessKeyID, "arn:", "127.0.0.1:"} {
		if bytes.Contains(out.raw, []byte(secret)) {
			t.Errorf("%q went to the collector", secret)
		}
	}
	if strings.Contains(log.String()+fmt.Sprint(s.Records()), caller) {
		t.Error("the caller's trace is in a log")
	}
}

// A collector that takes connections and answers nothing holds up no request.
func TestADeadCollectorSlowsNobody(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	tr, err := trace.New(trace.Config{URL: "http://" + ln.Addr().String() + "/v1/traces", Operations: node.Operations(), Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	const many = 20_000 // ten times what waits: whoever waited for room would wait for ever
	for range many {
		r := tr.Begin(http.Header{})
		r.Step("run")
		r.End("Encrypt", "id", nil)
	}
	if ended, sent := tr.Spans(); ended != 2*many || sent != 0 {
		t.Errorf("got %d spans ended and %d sent, want %d and none", ended, sent, 2*many)
	}
	if err := tr.Close(); err != nil { // a few seconds at most
		t.Error(err)
	}
}

func TestOffByDefault(t *testing.T) {
	var tr *trace.Tracer
	r := tr.Begin(http.Header{"Traceparent": {"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"}})
	r.Step("run")
	r.End("Encrypt", "id", nil)
	if ended, _ := tr.Spans(); r != nil || ended != 0 || tr.Close() != nil {
		t.Errorf("got %v with %d spans, want nothing", r, ended)
	}
}

func TestSettings(t *testing.T) {
	for _, row := range []struct{ name, flag, env, want string }{
		{"nothing said", "", "", "off"},
		{"the flag", "https://c.example/x", "OTEL_EXPORTER_OTLP_ENDPOINT=http://other:4318 OTEL_SDK_DISABLED=true", "https://c.example/x"},
		{"an endpoint", "", "OTEL_EXPORTER_OTLP_ENDPOINT=http://c:4318/", "http://c:4318/v1/traces"},
		{"an endpoint for traces", "", "OTEL_EXPORTER_OTLP_ENDPOINT=http://c:4318 OTEL_EXPORTER_OTLP_TRACES_ENDPOINT=http://d:1/y", "http://d:1/y"},
		{"an exporter", "", "OTEL_TRACES_EXPORTER=otlp", "http://localhost:4318/v1/traces"},
		{"no exporter", "", "OTEL_TRACES_EXPORTER=none OTEL_EXPORTER_OTLP_ENDPOINT=http://c:4318", "off"},
		{"disabled", "", "OTEL_SDK_DISABLED=TRUE OTEL_EXPORTER_OTLP_ENDPOINT=http://c:4318", "off"},
		{"another exporter", "", "OTEL_TRACES_EXPORTER=zipkin", "error"},
		{"another protocol", "", "OTEL_EXPORTER_OTLP_PROTOCOL=grpc OTEL_EXPORTER_OTLP_ENDPOINT=http://c:4317", "error"},
		{"no URL", "c:4318", "", "error"},
		{"another scheme", "file:///etc/passwd", "", "error"},
		{"headers", "http://c/x", "OTEL_EXPORTER_OTLP_HEADERS=authorization=Bearer%20sesame,x-a=b", "http://c/x Bearer sesame b"},
		{"headers that are none", "http://c/x", "OTEL_EXPORTER_OTLP_HEADERS=sesame", "error"},
	} {
		env := map[string]string{}
		for pair := range strings.FieldsSeq(row.env) {
			name, value, _ := strings.Cut(pair, "=")
			env[name] = value
		}
		c, on, err := trace.Settings(row.flag, func(name string) string { return env[name] })
		got := strings.TrimSpace(c.URL + " " + c.Header.Get("Authorization") + " " + c.Header.Get("X-A"))
		switch {
		case err != nil:
			got = "error"
			if strings.Contains(err.Error(), "sesame") {
				t.Errorf("%s: a header is in the error: %v", row.name, err)
			}
		case !on:
			got = "off"
		}
		if got != row.want {
			t.Errorf("%s: got %s, want %s (%v)", row.name, got, row.want, err)
		}
	}
}

// What traces cost a request, off and on: go test -run '^$' -bench . ./internal/trace
func BenchmarkTrace(b *testing.B) {
	for name, tr := range map[string]*trace.Tracer{"off": nil, "on": newCollector(b).tracer()} {
		b.Run(name, func(b *testing.B) {
			defer tr.Close()
			h := http.Header{}
			b.ReportAllocs()
			for b.Loop() {
				r := tr.Begin(h)
				for _, step := range []string{"authenticate", "", "authorize", "run", "commit"} {
					r.Step(step)
				}
				r.End("Encrypt", "id", nil)
			}
		})
	}
}
