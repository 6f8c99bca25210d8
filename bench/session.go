package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"qkms/bench/load"
	"qkms/bench/target"
)

// A session is a run of the program, with the servers that it has started.
type session struct {
	*Config
	started []*target.Target
}

func (s *session) end() (err error) {
	for _, t := range s.started {
		err = errors.Join(err, t.Stop())
	}
	return err
}

// servers starts a bare handler and every QKMS, for one kind of connection. The bare handler is the first.
func (s *session) servers(kind string) (all []*target.Target, err error) {
	tls := kind != "http"
	var pair string // of the bare handler, which has that of a QKMS
	for _, p := range s.QKMS {
		dir := filepath.Join(s.Dir, kind, p.name)
		if err := os.MkdirAll(filepath.Dir(dir), 0o700); err != nil {
			return nil, err
		}
		q := &target.QKMS{Program: p.program, Dir: dir, TLS: tls, Log: dir + ".log"}
		if err := q.Init(); err != nil {
			return nil, err
		}
		t, err := q.Serve(p.name)
		if err != nil {
			return nil, err
		}
		s.started, all = append(s.started, t), append(all, t)
		if tls {
			pair = dir
		}
	}
	bare, err := target.Bare("bare", pair, filepath.Join(s.Dir, kind, "bare.log"))
	if err != nil {
		return nil, err
	}
	s.started = append(s.started, bare)
	return append([]*target.Target{bare}, all...), nil
}

// compare measures every operation over one kind of connection.
func (s *session) compare(kind string) error {
	servers, err := s.servers(kind)
	if err != nil {
		return err
	}
	heading(kind)
	for _, o := range operations {
		if !s.Ops.MatchString(o.name) || kind != "http" && o.name != operations[0].name {
			continue
		}
		if o.clients == 0 {
			o.clients = s.Clients
		}
		subjects, err := s.subjects(o, servers, kind == "http2")
		if err == nil {
			err = s.rounds(subjects, closed)
		}
		if err != nil {
			return fmt.Errorf("%s: %w", o.name, err)
		}
		rows(o.name, subjects)
		for _, one := range subjects {
			one.clients.Close()
		}
	}
	return nil
}

// subjects puts servers to an operation. The bare handler is asked what the first QKMS is asked, and answers as much.
func (s *session) subjects(o operation, servers []*target.Target, http2 bool) (all []*subject, err error) {
	for _, t := range servers[1:] {
		one := &subject{Target: t, clients: load.Open(t.Site, o.clients, http2)}
		if one.calls, err = o.prepare(t); err != nil {
			return nil, err
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
	alone := &subject{Target: bare, clients: load.Open(bare.Site, o.clients, http2), calls: all[0].calls}
	return append([]*subject{alone}, all...), nil
}

// rounds measures all by turns, in the opposite order every second time: what is on this machine besides, and what a server leaves
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
