package trace

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"sync/atomic"
	"time"

	sdk "go.opentelemetry.io/otel/sdk/trace"
	collector "go.opentelemetry.io/proto/slim/otlp/collector/trace/v1"
	"google.golang.org/protobuf/proto"
)

// complainEvery is the least time between two lines of the log about a collector that is gone.
const complainEvery = time.Minute

// An exporter sends spans as OTLP over HTTP, in protobuf (OTLP 1 §OTLP/HTTP). What the collector does not
// take at once is lost: spans are worth no memory and no second try.
type exporter struct {
	url    string
	header http.Header
	log    *slog.Logger
	client *http.Client

	sent       atomic.Uint64
	complained time.Time // touched by the one goroutine that exports
}

func newExporter(c Config) *exporter {
	return &exporter{url: c.URL, header: c.Header, log: c.Logger, client: &http.Client{
		Transport: &http.Transport{
			Proxy: http.ProxyFromEnvironment, MaxIdleConnsPerHost: 1, IdleConnTimeout: time.Minute,
			TLSHandshakeTimeout: patience, ResponseHeaderTimeout: patience,
		},
		Timeout:       patience,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }, // spans go where the operator said
	}}
}

// ExportSpans is of sdk.SpanExporter. It returns nil always: the SDK would print the error where nobody
// looks for it.
func (e *exporter) ExportSpans(ctx context.Context, spans []sdk.ReadOnlySpan) error {
	err := e.post(ctx, spans)
	switch {
	case err == nil:
		e.sent.Add(uint64(len(spans)))
	case time.Since(e.complained) > complainEvery:
		e.complained = time.Now()
		e.log.WarnContext(ctx, "the collector of traces takes none; they are dropped", "error", err, "spans", len(spans))
	}
	return nil
}

func (e *exporter) post(ctx context.Context, spans []sdk.ReadOnlySpan) error {
	body, err := proto.Marshal(&collector.ExportTraceServiceRequest{ResourceSpans: encode(spans)})
	if err != nil {
		return err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, e.url, bytes.NewReader(body))
	if err != nil {
		return err
	}
	for name, values := range e.header {
		req.Header[name] = values
	}
	req.Header.Set("Content-Type", "application/x-protobuf")
	res, err := e.client.Do(req)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	_, _ = io.CopyN(io.Discard, res.Body, 64<<10) // so that the connection is used again
	if res.StatusCode/100 != 2 {
		return fmt.Errorf("the collector answered %s", res.Status)
	}
	return nil
}

// Shutdown is of sdk.SpanExporter.
func (e *exporter) Shutdown(context.Context) error {
	e.client.CloseIdleConnections()
	return nil
}
