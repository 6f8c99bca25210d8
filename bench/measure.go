package main

import (
	"cmp"
	"fmt"
	"os"
	"slices"
	"time"

	"qkms/bench/load"
	"qkms/bench/target"
)

// A sample is one phase of load on one server.
type sample struct {
	perSecond      float64
	p50, p99, p999 time.Duration
	late           time.Duration // p99 of how long after it was due a request was sent
	server, client time.Duration // of a processor's time, per request
	allocs, bytes  float64       // allocated by the server, per request; 0: it does not tell
	rss            float64
}

// A subject is a server under one kind of load.
type subject struct {
	*target.Target
	clients *load.Clients
	calls   []load.Call
	samples []sample
}

// poolSize is how many requests are signed for a phase, all different.
const poolSize = 256

func (s *subject) pool() []*load.Request {
	var all []*load.Request
	for i := range poolSize {
		all = append(all, s.Login.Sign(s.Site.Address, s.calls[i%len(s.calls)], time.Now()))
	}
	return all
}

// A phase puts load on the clients' server.
type phase func(c *load.Clients, pool []*load.Request, during time.Duration) (*load.Result, error)

func closed(c *load.Clients, pool []*load.Request, during time.Duration) (*load.Result, error) {
	return c.Closed(pool, during)
}

// measure runs a phase, after a tenth of its time to warm up, and reads what it cost.
func (s *subject) measure(run phase, during time.Duration) error {
	pool := s.pool()
	if _, err := s.clients.Closed(pool, during/10); err != nil {
		return fmt.Errorf("%s: %w", s.Name, err)
	}
	m := meter{of: s.Process, self: &target.Process{PID: os.Getpid()}}
	if err := m.begin(); err != nil {
		return err
	}
	r, err := run(s.clients, pool, during)
	if err != nil {
		return fmt.Errorf("%s: %w", s.Name, err)
	}
	got, err := m.end(r)
	s.samples = append(s.samples, got)
	return err
}

// A meter reads before and after a phase.
type meter struct {
	of, self       *target.Process
	server, client time.Duration
	before         map[string]float64
	reading        map[string]float64 // what reading the gauges costs
}

func (m *meter) begin() (err error) {
	first, err := m.of.Gauges()
	if err != nil {
		return err
	}
	if m.before, err = m.of.Gauges(); err != nil {
		return err
	}
	m.reading = map[string]float64{}
	for name, value := range m.before {
		m.reading[name] = value - first[name]
	}
	if m.client, err = m.self.CPU(); err != nil {
		return err
	}
	m.server, err = m.of.CPU()
	return err
}

func (m *meter) end(r *load.Result) (s sample, err error) {
	server, err := m.of.CPU()
	if err != nil {
		return s, err
	}
	client, err := m.self.CPU()
	if err != nil {
		return s, err
	}
	after, err := m.of.Gauges()
	if err != nil {
		return s, err
	}
	rss, err := m.of.RSS()
	n := float64(r.Times.Count())
	per := func(d time.Duration) time.Duration { return time.Duration(float64(d) / n) }
	each := func(name string) float64 { return max(after[name]-m.before[name]-m.reading[name], 0) / n }
	return sample{
		perSecond: r.PerSecond(), p50: r.Times.Quantile(0.5), p99: r.Times.Quantile(0.99), p999: r.Times.Quantile(0.999),
		late: r.Late.Quantile(0.99), server: per(server - m.server), client: per(client - m.client),
		allocs: each("go_memstats_mallocs_total"), bytes: each("go_memstats_alloc_bytes_total"), rss: float64(rss),
	}, err
}

// median is that of a figure of all samples.
func median[T cmp.Ordered](all []sample, figure func(sample) T) T {
	var got []T
	for _, s := range all {
		got = append(got, figure(s))
	}
	slices.Sort(got)
	return got[len(got)/2]
}

// ratio is the median of the ratios to a, which was measured by turns with s.
func ratio(s, a []sample, figure func(sample) float64) float64 {
	var got []float64
	for i := range s {
		got = append(got, figure(s[i])/figure(a[i]))
	}
	slices.Sort(got)
	return got[len(got)/2]
}
