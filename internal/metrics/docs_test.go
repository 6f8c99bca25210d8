package metrics_test

import (
	"os"
	"regexp"
	"strings"
	"testing"

	"qkms/internal/kmstest"
)

// An alert on a metric that there is not never fires, and a metric that nobody explains is no use.
func TestDocsNameWhatThereIs(t *testing.T) {
	docs, err := os.ReadFile("../../docs/operate.md")
	if err != nil {
		t.Fatal(err)
	}
	s := kmstest.With(t, kmstest.Options{Metrics: true})
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
