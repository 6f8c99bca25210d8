package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"

	"qkms/bench/load"
	"qkms/bench/target"
)

// A session is a run of the program: the servers that it has started, and what it has found.
type session struct {
	*Config
	started []*target.Target
	plain   []*target.Target // over HTTP: the bare handler, then every QKMS, then others
	secure  []*target.Target // the same in TLS, without others
	report  report
}

func (s *session) end() (err error) {
	for _, t := range s.started {
		err = errors.Join(err, t.Stop())
	}
	return err
}

// begin starts a bare handler and every QKMS, twice: over HTTP and in TLS.
func (s *session) begin() (err error) {
	if s.plain, err = s.servers("http", false); err != nil {
		return err
	}
	if s.secure, err = s.servers("tls", true); err != nil {
		return err
	}
	if !s.Peers {
		return nil
	}
	moto, err := target.Moto(filepath.Join(s.Dir, "moto.log"))
	if err != nil {
		return err
	}
	if moto != nil {
		s.started, s.plain = append(s.started, moto), append(s.plain, moto)
	}
	s.plain = append(s.plain, s.Others...)
	return nil
}

func (s *session) servers(kind string, tls bool) (all []*target.Target, err error) {
	pair := "" // of the bare handler, which has that of a QKMS
	for _, p := range s.QKMS {
		q, err := s.deploy(filepath.Join(kind, p.name), p.program, tls)
		if err != nil {
			return nil, err
		}
		t, err := q.Serve(p.name)
		if err != nil {
			return nil, err
		}
		s.started, all = append(s.started, t), append(all, t)
		if tls {
			pair = q.Dir
		}
	}
	bare, err := target.Bare("bare", pair, filepath.Join(s.Dir, kind, "bare.log"))
	if err != nil {
		return nil, err
	}
	s.started = append(s.started, bare)
	return append([]*target.Target{bare}, all...), nil
}

// deploy makes a deployment.
func (s *session) deploy(name, program string, tls bool) (*target.QKMS, error) {
	dir := filepath.Join(s.Dir, name)
	if err := os.MkdirAll(filepath.Dir(dir), 0o700); err != nil {
		return nil, err
	}
	q := &target.QKMS{Program: program, Dir: dir, TLS: tls, Log: dir + ".log"}
	return q, q.Init()
}

// matrix measures every operation over HTTP/1.1.
func (s *session) matrix() error {
	s.report.begin("Operations", "HTTP/1.1 kept alive, without TLS; a closed loop.")
	for _, o := range operations {
		if err := s.measure(o, s.plain, false, closed); err != nil {
			return err
		}
	}
	return nil
}

// secured measures one operation in TLS, by turns with the same without.
func (s *session) secured() error {
	s.report.begin("TLS 1.3", "The same connections in TLS 1.3, which no phase opens anew; the last rows are without, in the same rounds.")
	both := slices.Clone(s.secure)
	for _, t := range s.plain[1 : 1+len(s.QKMS)] {
		again := *t
		again.Name += ", no TLS"
		both = append(both, &again)
	}
	return s.measure(dataKey, both, false, closed)
}

func (s *session) http2() error {
	s.report.begin("HTTP/2", "One connection in TLS 1.3 for all clients, by the client of net/http.")
	return s.measure(dataKey, s.secure, true, closed)
}

// paced measures the times of answers at 80 % of what the closed loop comes to, each server's own.
func (s *session) paced() error {
	s.report.begin("80 % of saturation", "A fixed rate, 80 % of what the same server did in a closed loop just before, by 64 connections; times count from when a request was due.")
	o := dataKey
	o.clients = 64
	if err := s.measure(o, s.plain[:1+len(s.QKMS)], false, eighty); err != nil {
		return err
	}
	for _, one := range s.report.last() {
		late := median(one.samples, func(s sample) time.Duration { return s.late })
		s.report.fact("80 % of saturation", fmt.Sprintf("%s: a request was sent %.0f µs or less after it was due, 99 times in 100", one.name, float64(late)/1e3))
	}
	return nil
}

func eighty(s *subject, pool []*load.Request, during time.Duration, warm *load.Result) (*load.Result, error) {
	return s.clients.Paced(pool, 0.8*warm.PerSecond(), during)
}

// measure measures an operation on all servers that have it, and reports.
func (s *session) measure(o operation, servers []*target.Target, http2 bool, run phase) error {
	if !s.Ops.MatchString(o.name) {
		return nil
	}
	if o.clients == 0 {
		o.clients = s.Clients
	}
	subjects, err := s.subjects(o, servers, http2)
	if err == nil {
		err = s.rounds(subjects, run)
	}
	for _, one := range subjects {
		if one.clients != nil {
			one.clients.Close()
		}
	}
	if err != nil {
		return fmt.Errorf("%s: %w", o.name, err)
	}
	s.report.add(o.name, subjects)
	return errors.Join(s.tidy()...)
}

// subjects puts servers to an operation. The bare handler is asked what the first QKMS is asked, and answers as much. Others that
// refuse are left out.
func (s *session) subjects(o operation, servers []*target.Target, http2 bool) (all []*subject, err error) {
	for i, t := range servers[1:] {
		if t.Only != nil && o.name != dataKey.name {
			continue
		}
		one := &subject{name: t.Name, server: t, clients: load.Open(t.Site, o.clients, http2 && t.Site.TLS != nil)}
		if t.Only == nil {
			one.calls, err = o.prepare(t)
		}
		if err != nil && i < len(s.QKMS) {
			return nil, err
		}
		if err != nil {
			fmt.Fprintf(os.Stderr, "bench: %s has no %s: %v\n", t.Name, o.name, err)
			continue
		}
		all = append(all, one)
	}
	bare := servers[0]
	first, err := all[0].clients.Do(all[0].pool()[0])
	if err != nil {
		return nil, err
	}
	if err := bare.Answer(len(first.Body)); err != nil {
		return nil, err
	}
	all = slices.Insert(all, 0, &subject{name: bare.Name, server: bare, clients: load.Open(bare.Site, o.clients, http2), calls: all[0].calls})
	if o.beside != nil {
		beside, err := o.beside(s)
		if err != nil {
			return nil, err
		}
		all = slices.Insert(all, 1, beside)
	}
	return all, nil
}

// rounds measures all by turns, in the opposite order every second time: what else this machine does, and what a server leaves
// behind for the next, is then everybody's.
func (s *session) rounds(all []*subject, run phase) error {
	for round := range s.Rounds {
		order := slices.Clone(all)
		if round%2 == 1 {
			slices.Reverse(order)
		}
		for _, one := range order {
			if err := one.measure(run, s.For); err != nil {
				return err
			}
		}
	}
	return nil
}

// tidy moves old segments of audit logs away, as operators do: a long run writes gigabytes.
func (s *session) tidy() (errs []error) {
	for _, t := range s.started {
		if t.Dir == "" {
			continue
		}
		segments, _ := filepath.Glob(filepath.Join(t.Dir, "audit", "*.jsonl"))
		slices.Sort(segments)
		for _, old := range segments[:max(len(segments)-2, 0)] {
			errs = append(errs, os.Remove(old))
		}
	}
	return errs
}
