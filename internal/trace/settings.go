package trace

import (
	"cmp"
	"fmt"
	"net/http"
	"net/url"
	"strings"
)

// Settings reads where traces go. url is what the operator said to this program, and wins; empty, the
// variables of OpenTelemetry say it, and without those there is no tracing: false.
func Settings(where string, env func(string) string) (Config, bool, error) {
	var c Config
	var err error
	if c.URL, err = endpoint(where, env); err != nil || c.URL == "" {
		return c, false, err
	}
	u, err := url.Parse(c.URL)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
		return c, false, fmt.Errorf("traces: %q is no URL of a collector, like http://127.0.0.1:4318/v1/traces", c.URL)
	}
	c.Header, err = headers(cmp.Or(env("OTEL_EXPORTER_OTLP_TRACES_HEADERS"), env("OTEL_EXPORTER_OTLP_HEADERS")))
	return c, err == nil, err
}

func endpoint(where string, env func(string) string) (string, error) {
	if where != "" {
		return where, nil
	}
	if strings.EqualFold(env("OTEL_SDK_DISABLED"), "true") {
		return "", nil
	}
	whole, base := env("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"), env("OTEL_EXPORTER_OTLP_ENDPOINT")
	switch exporter := env("OTEL_TRACES_EXPORTER"); {
	case exporter == "none", exporter == "" && whole == "" && base == "":
		return "", nil
	case exporter != "" && exporter != "otlp":
		return "", fmt.Errorf("$OTEL_TRACES_EXPORTER: %q is not known here; otlp or none", exporter)
	}
	if p := cmp.Or(env("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL"), env("OTEL_EXPORTER_OTLP_PROTOCOL"), "http/protobuf"); p != "http/protobuf" {
		return "", fmt.Errorf("$OTEL_EXPORTER_OTLP_PROTOCOL: %q is not spoken here; http/protobuf, port 4318 of a collector as a rule", p)
	}
	if whole != "" {
		return whole, nil
	}
	return strings.TrimSuffix(cmp.Or(base, "http://localhost:4318"), "/") + "/v1/traces", nil
}

// headers reads name=value pairs between commas, as in W3C Baggage: values are percent-encoded. They may be
// secrets, so errors do not repeat them.
func headers(text string) (http.Header, error) {
	h := http.Header{}
	for pair := range strings.SplitSeq(text, ",") {
		if strings.TrimSpace(pair) == "" {
			continue
		}
		name, value, ok := strings.Cut(pair, "=")
		value, err := url.PathUnescape(strings.TrimSpace(value))
		if !ok || err != nil {
			return nil, fmt.Errorf("$OTEL_EXPORTER_OTLP_HEADERS is not written like name=value,name=value")
		}
		h.Set(strings.TrimSpace(name), value)
	}
	return h, nil
}
