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
	late           time.Duration // at a fixed rate: p99 of how long after it was due a request was sent
	server, client time.Duration // of a processor's time, per request
	allocs, bytes  float64       // allocated by the server, per request; 0: it does not tell
	rss            float64       // bytes
}

// A subject is what is measured: a server under one kind of load, or something that is no server.
type subject struct {
	name    string
	server  *target.Target
	clients *load.Clients
	calls   []load.Call
	alone   func(during time.Duration) (sample, error) // of what is no server
	samples []sample
}

// poolSize is how many requests are signed for a phase, all different.
const poolSize = 256

func (s *subject) pool() []*load.Request {
	if s.server.Only != nil {
		return []*load.Request{s.server.Only}
	}
	var all []*load.Request
	for i := range max(poolSize, len(s.calls)) {
		all = append(all, s.server.Login.Sign(s.server.Site.Address, s.calls[i%len(s.calls)], time.Now()))
	}
	return all
}

// A phase puts a server under load. It is told what a closed loop came to just before.
type phase func(s *subject, pool []*load.Request, during time.Duration, warm *load.Result) (*load.Result, error)

func closed(s *subject, pool []*load.Request, during time.Duration, _ *load.Result) (*load.Result, error) {
	return s.clients.Closed(pool, during)
}

// measure runs a phase, after a fifth of its time to warm up, and reads what it cost.
func (s *subject) measure(run phase, during time.Duration) error {
	got, err := s.sample(run, during)
	if err != nil {
		return fmt.Errorf("%s: %w", s.name, err)
	}
	s.samples = append(s.samples, got)
	return nil
}

func (s *subject) sample(run phase, during time.Duration) (sample, error) {
	if s.alone != nil {
		return s.alone(during)
	}
	pool := s.pool()
	warm, err := s.clients.Closed(pool, during/5)
	if err != nil {
		return sample{}, err
	}
	m := meter{of: s.server.Process, self: &target.Process{PID: os.Getpid()}}
	if err := m.begin(); err != nil {
		return sample{}, err
	}
	r, err := run(s, pool, during, warm)
	if err != nil {
		return sample{}, err
	}
	return m.end(r)
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
	if m.client, err = m.self.CPU(); err != nil || m.of.PID == 0 {
		return err
	}
	m.server, err = m.of.CPU()
	return err
}

func (m *meter) end(r *load.Result) (s sample, err error) {
	n := float64(r.Times.Count())
	per := func(d time.Duration) time.Duration { return time.Duration(float64(d) / n) }
	s = sample{
		perSecond: r.PerSecond(), late: r.Late.Quantile(0.99),
		p50: r.Times.Quantile(0.5), p99: r.Times.Quantile(0.99), p999: r.Times.Quantile(0.999),
	}
	client, err := m.self.CPU()
	if s.client = per(client - m.client); err != nil || m.of.PID == 0 {
		return s, err
	}
	server, err := m.of.CPU()
	if s.server = per(server - m.server); err != nil {
		return s, err
	}
	after, err := m.of.Gauges()
	if err != nil {
		return s, err
	}
	each := func(name string) float64 { return max(after[name]-m.before[name]-m.reading[name], 0) / n }
	s.allocs, s.bytes = each("go_memstats_mallocs_total"), each("go_memstats_alloc_bytes_total")
	rss, err := m.of.RSS()
	s.rss = float64(rss)
	return s, err
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

// over is the median of the ratios of a figure to what base says of the same round, in which they were measured by turns.
func (s *subject) over(figure func(sample) float64, base func(round int) float64) float64 {
	var got []float64
	for i := range s.samples {
		got = append(got, figure(s.samples[i])/base(i))
	}
	slices.Sort(got)
	return got[len(got)/2]
}

// ratio is over the same figure of another subject.
func (s *subject) ratio(of *subject, figure func(sample) float64) float64 {
	return s.over(figure, func(i int) float64 { return figure(of.samples[i]) })
}

func perSecond(s sample) float64 { return s.perSecond }
func cpu(s sample) float64       { return float64(s.server) }
func allocs(s sample) float64    { return s.allocs }
func rss(s sample) float64       { return s.rss }
