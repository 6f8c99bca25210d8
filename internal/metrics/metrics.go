// Package metrics tells an operator's monitoring how the service does.
//
// Start with New. Every label value comes from a table that is fixed at start (operations, fault codes,
// kinds of denial), so that no request can make a series, and none can carry a name of a key or of a
// caller. What the other packages count themselves is read when somebody asks: Register.
package metrics

import (
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"

	"qkms/internal/fault"
)

const (
	success = "OK"      // the code of what did not fail
	unknown = "unknown" // an operation that there is not
	other   = "other"   // a code outside the table

	succeeded = 1 // the place of OK among the codes
)

// Config are the tables that labels come from.
type Config struct {
	Operations []string     // no two the same; every other one is counted as "unknown"
	Codes      []fault.Code // every other one is counted as "other"
}

// Metrics counts. Its methods may be called concurrently.
type Metrics struct {
	registry *prometheus.Registry

	operations map[string]int
	codes      map[fault.Code]int
	denials    map[fault.Denial]int

	requests *cells // by operation, then code
	authn    *cells // by code
	authz    *cells // allowed, then by denial
	took     *histograms
	begun    striped // one cell: requests that came
	ended    striped // likewise

	calls     *cells // of the store: by call, then outcome
	callsTook *histograms
}

// New returns metrics that have counted nothing.
func New(c Config) *Metrics {
	m := &Metrics{registry: prometheus.NewRegistry(), operations: map[string]int{}, codes: map[fault.Code]int{}, denials: map[fault.Denial]int{},
		begun: newStriped(1), ended: newStriped(1)}
	operations, codes := []string{unknown}, []string{other, success}
	for _, name := range c.Operations {
		m.operations[name] = len(operations)
		operations = append(operations, name)
	}
	m.codes[""] = succeeded
	for _, code := range c.Codes {
		m.codes[code] = len(codes)
		codes = append(codes, string(code))
	}
	m.ofRequests(operations, codes)
	m.ofStore()
	m.registry.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return m
}

// ofRequests makes what the server counts.
func (m *Metrics) ofRequests(operations, codes []string) {
	m.requests = newCells("qkms_requests_total", "Requests answered, by operation and by what the caller was told: OK or the exception. Operations that there are not count as unknown.",
		[]string{"operation", "code"}, cross(operations, codes))
	for op := range operations { // what alerts are about is there before it happens: rate() does not see a first time
		m.requests.shown[op*len(codes)+succeeded] = true
		m.requests.shown[op*len(codes)+m.codes[fault.Internal]] = true
	}
	m.authn = newCells("qkms_authentications_total", "Requests whose signature was judged, by the verdict: OK or the exception.", []string{"code"}, single(codes))
	m.authn.shown[succeeded] = true
	decisions := [][]string{{"allowed", ""}}
	for _, d := range fault.Denials {
		m.denials[d] = len(decisions)
		decisions = append(decisions, []string{"denied", string(d)})
	}
	m.authz = newCells("qkms_authorizations_total", "Requests that were allowed or denied, and by what kind of rule denied.", []string{"decision", "reason"}, decisions)
	m.authz.showAll()
	m.took = newHistograms("qkms_request_duration_seconds", "Time from a request's header until its answer is handed to the connection, by operation; operations that were not called yet are absent.", "operation", operations)
	m.registry.MustRegister(m.requests, m.authn, m.authz, m.took)
	m.Register(Reading{Name: "qkms_requests_in_flight", Help: "Requests being answered.", Read: m.flying})
}

// flying is how many requests have come and not ended. What ended is read first: one that does both meanwhile is not
// missing then.
func (m *Metrics) flying() float64 {
	ended := m.ended.load(0)
	return float64(m.begun.load(0) - ended)
}

// seconds are the bucket limits of classic histograms, for what takes between an empty handler and the patience of the server.
var seconds = []float64{50e-6, 100e-6, 250e-6, 500e-6, 1e-3, 2.5e-3, 5e-3, 10e-3, 25e-3, 50e-3, .1, .25, .5, 1, 2.5, 5, 10}

// A Reading is a number that another package keeps.
type Reading struct {
	Name, Help   string
	Label, Value string         // of the one label it has; empty: none
	Total        bool           // it only grows
	Read         func() float64 // called at every scrape, concurrently
}

// Register adds readings. It panics when one of the name and label is there already.
func (m *Metrics) Register(readings ...Reading) {
	for _, r := range readings {
		var labels prometheus.Labels
		if r.Label != "" {
			labels = prometheus.Labels{r.Label: r.Value}
		}
		if r.Total {
			m.registry.MustRegister(prometheus.NewCounterFunc(prometheus.CounterOpts{Name: r.Name, Help: r.Help, ConstLabels: labels}, r.Read))
			continue
		}
		m.registry.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: r.Name, Help: r.Help, ConstLabels: labels}, r.Read))
	}
}
