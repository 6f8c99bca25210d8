package metrics_test

import (
	"io"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"qkms/internal/audit/sink"
	"qkms/internal/kmstest"
)

// An alert on a metric that there is not never fires, and a metric that nobody explains is no use.
func TestDocsNameWhatThereIs(t *testing.T) {
	docs, err := os.ReadFile("../../docs/operate.md")
	if err != nil {
		t.Fatal(err)
	}
	s := kmstest.With(t, kmstest.Options{Metrics: true, AuditSinks: []*sink.Target{target(t)}})
	s.As(kmstest.Account).Must("ListKeys", `{}`)
	text := scrape(t, s.MetricsURL)
	for _, name := range regexp.MustCompile(`\bqkms_[a-z_]+`).FindAllString(string(docs), -1) {
		if !strings.Contains(text, "\n# HELP "+name+" ") {
			t.Errorf("docs/operate.md names %s, which there is not", name)
		}
	}
	for _, m := range regexp.MustCompile(`# HELP (qkms_[a-z_]+) `).FindAllStringSubmatch(text, -1) {
		if !strings.Contains(string(docs), "`"+m[1]) {
			t.Errorf("docs/operate.md does not explain %s", m[1])
		}
	}
}

// target is a sink that takes everything, once it is asked to.
func target(t *testing.T) *sink.Target {
	t.Helper()
	to, err := sink.Parse("stdout:", io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	return to
}

// A sink that takes nothing falls behind.
func TestSinksAreWatched(t *testing.T) {
	s := kmstest.With(t, kmstest.Options{Metrics: true, AuditSinks: []*sink.Target{target(t)}})
	s.As(kmstest.Account).Must("ListKeys", `{}`)
	if err := s.Audit.Sign(); err != nil { // flushes: a sink is given nothing that a power cut could take
		t.Fatal(err)
	}
	s.Clock.Advance(90 * time.Second)
	text := scrape(t, s.MetricsURL)
	want(t, text, `qkms_audit_sink_behind_records{sink="1"} 1`, `qkms_audit_sink_failures_total{sink="1"} 0`)
	if got := value(t, text, `qkms_audit_sink_lag_seconds{sink="1"}`); !strings.HasPrefix(got, "90") { // and what its record leaves out of a second
		t.Errorf("got a lag of %s, want 90 seconds", got)
	}
}
