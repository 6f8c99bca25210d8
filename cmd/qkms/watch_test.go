package main

import (
	"bufio"
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"qkms/internal/kmstest"
)

// probe returns the status and the text of an answer.
func probe(t *testing.T, url string) (int, string) {
	t.Helper()
	res, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return res.StatusCode, string(b)
}

// serving runs `qkms serve` on a new store until stop, which waits for an orderly end.
func serving(t *testing.T, env map[string]string, flags ...string) (api, monitoring string, stop func()) {
	t.Helper()
	getenv := func(name string) string { return env[name] }
	data := t.TempDir()
	if err := run(t.Context(), []string{"init", "--data", data, "--no-tls"}, getenv, stdio{nil, io.Discard, io.Discard}); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	said, out := io.Pipe()
	ended := make(chan error, 1)
	args := []string{"serve", "--data", data, "--no-tls", "--listen", "127.0.0.1:0", "--metrics-listen", "127.0.0.1:0", "--drain-delay", "0s"}
	go func() {
		ended <- run(ctx, append(args, flags...), getenv, stdio{nil, out, io.Discard})
		_ = out.Close()
	}()
	lines := bufio.NewScanner(said)
	for (monitoring == "" || api == "") && lines.Scan() {
		if rest, ok := strings.CutPrefix(lines.Text(), "Metrics at "); ok {
			monitoring = strings.TrimSuffix(rest, "/metrics")
		} else if rest, ok := strings.CutPrefix(lines.Text(), "QKMS at "); ok {
			api, _, _ = strings.Cut(rest, ",")
		}
	}
	if monitoring == "" || api == "" {
		t.Fatal(<-ended)
	}
	return api, monitoring, func() {
		t.Helper()
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("got %v, want an orderly end", err)
		}
	}
}

// Traces go where somebody said, and nowhere by themselves.
func TestTraces(t *testing.T) {
	for name, want := range map[string]bool{"the flag": true, "the environment": true, "told not to": false, "not told": false} {
		t.Run(name, func(t *testing.T) {
			var exports atomic.Int64
			collector := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { exports.Add(1) }))
			defer collector.Close()
			env, flags := map[string]string{}, []string{}
			switch name {
			case "the flag":
				flags = []string{"--otlp-traces", collector.URL + "/v1/traces"}
			case "told not to":
				env["OTEL_TRACES_EXPORTER"] = "none"
				fallthrough
			case "the environment":
				env["OTEL_EXPORTER_OTLP_ENDPOINT"] = collector.URL
			}
			api, monitoring, stop := serving(t, env, flags...)
			if got, _ := probe(t, api+"/"); got == 200 {
				t.Error("got 200 for nothing")
			}
			_, text := probe(t, monitoring+"/metrics")
			stop() // sends what waits
			if got := exports.Load() > 0; got != want {
				t.Errorf("got exports: %t, want %t", got, want)
			}
			if counted := !strings.Contains(text, "\nqkms_trace_spans_total 0\n"); counted != want {
				t.Errorf("got spans counted: %t, want %t", counted, want)
			}
		})
	}
}

// Monitoring has a listener of its own, which goes with the service.
func TestMetricsListener(t *testing.T) {
	api, url, stop := serving(t, nil)
	if got, body := probe(t, url+"/readyz"); got != 200 {
		t.Errorf("readyz: got %d %s", got, body)
	}
	if got, body := probe(t, url+"/metrics"); got != 200 || !strings.Contains(body, "\nqkms_audit_spool_bytes ") {
		t.Errorf("metrics: got %d %.200s", got, body)
	}
	if _, body := probe(t, api+"/metrics"); strings.Contains(body, "qkms_") {
		t.Errorf("the API serves metrics: %.200s", body)
	}
	stop()
	if res, err := http.Get(url + "/healthz"); err == nil {
		res.Body.Close()
		t.Error("the listener outlives the service")
	}
}

// Told to end, the service goes on until load balancers have heard of it.
func TestDrain(t *testing.T) {
	s := kmstest.New(t)
	c := &command{Config: Config{MetricsListen: "127.0.0.1:0", DrainDelay: time.Hour}}
	said, out := io.Pipe()
	c.stdio = stdio{nil, out, io.Discard}
	urls := make(chan string, 1)
	go func() {
		lines := bufio.NewScanner(said)
		lines.Scan()
		_, url, _ := strings.Cut(lines.Text(), "Metrics at ")
		urls <- strings.TrimSuffix(url, "/metrics")
	}()
	w, err := c.watch(t.Context(), s.Node)
	if err != nil {
		t.Fatal(err)
	}
	url := <-urls
	told, tell := context.WithCancel(t.Context())
	late := w.drained(told)
	if got, _ := probe(t, url+"/readyz"); got != 200 {
		t.Errorf("got %d before", got)
	}
	tell()
	for got := 200; got != 503; { // as soon as the signal is heard
		got, _ = probe(t, url+"/readyz")
	}
	if late.Err() != nil {
		t.Error("connections are refused before the delay")
	}
	if err := w.Close(); err != nil {
		t.Error(err)
	}
	var without *watch
	if without.drained(told) != told || without.Close() != nil {
		t.Error("got a delay though nobody could hear of it")
	}
}

func TestMetricsListenIsAnAddress(t *testing.T) {
	for _, listen := range []string{"9090", "localhost", "127.0.0.1:99999999"} {
		c := &command{Config: Config{MetricsListen: listen}, stdio: stdio{nil, io.Discard, io.Discard}}
		if _, err := c.watch(t.Context(), nil); err == nil || !strings.Contains(err.Error(), "--metrics-listen") {
			t.Errorf("%s: got %v", listen, err)
		}
	}
}
