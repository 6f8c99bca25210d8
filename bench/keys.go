package main

import (
	"fmt"
	"time"

	"qkms/bench/engine"
	"qkms/bench/load"
	"qkms/bench/target"
)

// hot is how many keys are used when the memory of a server with hot keys is measured.
const hot = 100_000

// many measures a server with many keys by turns with one that has few.
func (s *session) many() error {
	s.report.begin("Many keys", "The same program over two stores.")
	few, fewDir, err := s.stocked("few", 1_000)
	if err != nil {
		return err
	}
	full, fullDir, err := s.stocked("many", s.Keys)
	if err != nil {
		return err
	}
	for _, o := range []operation{
		{name: "GenerateDataKey, 10 keys in turn", prepare: tenKeys},
		{name: "ListKeys, 100 keys", prepare: listKeys},
	} {
		bare := s.plain[0]
		if err := s.measure(o, []*target.Target{bare, few, full}, false, closed); err != nil {
			return err
		}
	}
	if err := s.heat(full); err != nil {
		return err
	}
	// What lives is looked through again with each garbage collection, and so a full memory has a price for who uses ten keys of it.
	if err := s.measure(operation{name: "GenerateDataKey, all keys in memory", prepare: tenKeys}, []*target.Target{s.plain[0], few, full}, false, closed); err != nil {
		return err
	}
	for _, t := range []*target.Target{few, full} {
		if err := s.stop(t); err != nil {
			return err
		}
	}
	return s.starts(fewDir, fullDir)
}

// stocked is a server with n keys of the account of its user, of the last program.
func (s *session) stocked(name string, n int) (*target.Target, *target.QKMS, error) {
	q, err := s.deploy(name, s.QKMS[len(s.QKMS)-1].program, false)
	if err != nil {
		return nil, nil, err
	}
	if err := engine.Fill(q.Dir, "111122223333", q.Login.Region, n); err != nil {
		return nil, nil, fmt.Errorf("fill with %d keys: %w", n, err)
	}
	t, err := q.Serve(fmt.Sprintf("qkms, %d keys", n))
	if err == nil {
		s.started = append(s.started, t)
	}
	return t, q, err
}

// ids lists up to so many keys.
func ids(t *target.Target, most int) (all []string, err error) {
	ask := map[string]any{"Limit": min(most, 1000)}
	for {
		page, err := t.Call("ListKeys", ask)
		if err != nil {
			return nil, err
		}
		keys, _ := page["Keys"].([]any)
		for _, k := range keys {
			id, _ := k.(map[string]any)["KeyId"].(string)
			all = append(all, id)
		}
		if more, _ := page["Truncated"].(bool); !more || len(all) >= most {
			return all[:min(most, len(all))], nil
		}
		ask["Marker"] = page["NextMarker"]
	}
}

func tenKeys(t *target.Target) ([]load.Call, error) { return dataKeys(t, 10) }

// dataKeys is a call of GenerateDataKey on each of so many keys.
func dataKeys(t *target.Target, n int) ([]load.Call, error) {
	keys, err := ids(t, n)
	if err != nil {
		return nil, err
	}
	var all []map[string]any
	for _, id := range keys {
		all = append(all, map[string]any{"KeyId": id, "KeySpec": "AES_256"})
	}
	return calls("GenerateDataKey", all...)
}

// heat uses many keys, each twice, and reports the memory that is then in use.
func (s *session) heat(t *target.Target) error {
	before, err := t.RSS()
	if err != nil {
		return err
	}
	one := &subject{name: t.Name, server: t, clients: load.Open(t.Site, s.Clients, false)}
	defer one.clients.Close()
	if one.calls, err = dataKeys(t, min(hot, s.Keys)); err != nil {
		return err
	}
	pool := one.pool()
	for range 2 {
		if _, err := one.clients.Each(pool); err != nil {
			return err
		}
	}
	after, err := t.RSS()
	s.report.fact("Resident memory", fmt.Sprintf("%d keys in the store, before and after each of %d was used: %.0f MB, %.0f MB", s.Keys, len(one.calls), float64(before)/1e6, float64(after)/1e6))
	s.report.hot = float64(after)
	return err
}

// starts measures how long a start takes, with no keys and with as many as the deployments have, and how much memory is in use then.
func (s *session) starts(others ...*target.QKMS) error {
	empty, err := s.deploy("empty", s.QKMS[len(s.QKMS)-1].program, false)
	if err != nil {
		return err
	}
	for i, q := range append([]*target.QKMS{empty}, others...) {
		all := make([]sample, 0, s.Rounds)
		for range s.Rounds {
			took, t, err := q.Started()
			if err != nil {
				return err
			}
			r, err := t.RSS()
			if err != nil {
				return err
			}
			all = append(all, sample{p50: took, rss: float64(r)})
			if err := t.Stop(); err != nil {
				return err
			}
		}
		took := median(all, func(s sample) time.Duration { return s.p50 })
		name := []string{"no keys", "1,000 keys", fmt.Sprintf("%d keys", s.Keys)}[i]
		s.report.fact("Start to first answer", fmt.Sprintf("%s: %.0f ms; resident memory then: %.0f MB", name, float64(took)/1e6, median(all, rss)/1e6))
		s.report.starts[i], s.report.idle[i] = took, median(all, rss)
	}
	return nil
}

func (s *session) stop(t *target.Target) error {
	for i, one := range s.started {
		if one == t {
			s.started = append(s.started[:i], s.started[i+1:]...)
			break
		}
	}
	return t.Stop()
}
