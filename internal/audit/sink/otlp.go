package sink

import (
	"context"
	"fmt"
	"net/url"
	"os"
	"time"

	collector "go.opentelemetry.io/proto/slim/otlp/collector/logs/v1"
	common "go.opentelemetry.io/proto/slim/otlp/common/v1"
	logs "go.opentelemetry.io/proto/slim/otlp/logs/v1"
	resource "go.opentelemetry.io/proto/slim/otlp/resource/v1"
	"google.golang.org/protobuf/proto"

	"qkms/internal/audit"
)

// An otlp exports records as logs, by OTLP/HTTP with protobuf.
type otlp struct{ *poster }

func newOTLP(u *url.URL, o *options) (sender, error) {
	p, err := newPoster(u, o)
	if err != nil {
		return nil, err
	}
	if u.Path == "" || u.Path == "/" {
		return nil, fmt.Errorf("the path is missing, which for a collector is /v1/logs")
	}
	return &otlp{p}, nil
}

// send hands over a batch. What a collector takes and then rejects in part must not be sent again, as
// OTLP has it (§ Partial Success): it would be rejected again. The error says so; the records are in the log.
func (s *otlp) send(ctx context.Context, lines [][]byte) error {
	body, err := proto.Marshal(exported(lines, time.Now()))
	if err != nil {
		return err
	}
	answer, err := s.post(ctx, "application/x-protobuf", body, nil)
	if err != nil {
		return err
	}
	var res collector.ExportLogsServiceResponse
	if err := proto.Unmarshal(answer, &res); err != nil {
		return fmt.Errorf("the answer is none of OTLP: %w", err)
	}
	if n := res.GetPartialSuccess().GetRejectedLogRecords(); n > 0 {
		return &rejectedError{n}
	}
	return nil
}

// A rejectedError is a delivery of which the receiver threw records away for good.
type rejectedError struct{ records int64 }

func (e *rejectedError) Error() string {
	return fmt.Sprintf("the receiver rejected %d records for good", e.records)
}

func exported(lines [][]byte, now time.Time) *collector.ExportLogsServiceRequest {
	host, _ := os.Hostname() // absent if it has none
	scope := &logs.ScopeLogs{Scope: &common.InstrumentationScope{Name: "qkms.audit"}}
	for _, ln := range lines {
		scope.LogRecords = append(scope.LogRecords, exportedRecord(ln, now))
	}
	return &collector.ExportLogsServiceRequest{ResourceLogs: []*logs.ResourceLogs{{
		Resource:  &resource.Resource{Attributes: []*common.KeyValue{attribute("service.name", "qkms"), attribute("host.name", host)}},
		ScopeLogs: []*logs.ScopeLogs{scope},
	}}}
}

// exportedRecord has the line as its body, so that nothing is lost, and beside it what is asked for most.
func exportedRecord(line []byte, now time.Time) *logs.LogRecord {
	ev := parse(line)
	r := &logs.LogRecord{
		ObservedTimeUnixNano: uint64(now.UnixNano()),
		SeverityNumber:       logs.SeverityNumber_SEVERITY_NUMBER_INFO, SeverityText: "INFO",
		EventName:  "qkms.audit",
		Body:       &common.AnyValue{Value: &common.AnyValue_StringValue{StringValue: string(line)}},
		Attributes: []*common.KeyValue{attribute("qkms.event.id", ev.EventID), attribute("qkms.event.name", ev.EventName)},
	}
	if at := audit.TimeOf(line); !at.IsZero() {
		r.TimeUnixNano = uint64(at.UnixNano())
	}
	if ev.ErrorCode != "" {
		r.SeverityNumber, r.SeverityText = logs.SeverityNumber_SEVERITY_NUMBER_WARN, "WARN"
		r.Attributes = append(r.Attributes, attribute("error.type", ev.ErrorCode))
	}
	return r
}

func attribute(name, value string) *common.KeyValue {
	return &common.KeyValue{Key: name, Value: &common.AnyValue{Value: &common.AnyValue_StringValue{StringValue: value}}}
}
