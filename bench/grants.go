package main

import (
	"os"
	"path/filepath"
	"time"

	"qkms/bench/engine"
	"qkms/bench/load"
	"qkms/bench/target"
)

// engineAlone measures the store engine with changes that write what one CreateGrant of the first QKMS writes, byte for byte as
// many, with the same durability and as many clients.
func engineAlone(s *session) (*subject, error) {
	shape, err := grantShape(s.plain[1])
	if err != nil {
		return nil, err
	}
	dir := filepath.Join(s.Dir, "engine")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	return &subject{name: "the engine alone", alone: func(during time.Duration) (sample, error) {
		store, err := engine.Open(dir)
		if err != nil {
			return sample{}, err
		}
		defer store.Close()
		const clients = 64
		times := make([]load.Histogram, clients)
		began := time.Now()
		n, err := store.Sustain(shape, clients, during, func(i int, d time.Duration) { times[i].Add(d) })
		took := time.Since(began)
		for i := range times[1:] {
			times[0].Merge(&times[1+i])
		}
		all := &times[0]
		return sample{perSecond: float64(n) / took.Seconds(), p50: all.Quantile(0.5), p99: all.Quantile(0.99), p999: all.Quantile(0.999)}, err
	}}, nil
}

// grantShape makes a key and two grants on it, and looks at what the second has written: the first one in a shard writes more.
func grantShape(t *target.Target) (engine.Shape, error) {
	made, err := createGrant(t)
	if err != nil {
		return engine.Shape{}, err
	}
	grant := func() (rows *engine.Rows, err error) {
		c := load.Open(t.Site, 1, false)
		defer c.Close()
		if _, err = c.Do(t.Login.Sign(t.Site.Address, made[0], time.Now())); err == nil {
			rows, err = engine.Read(filepath.Join(t.Dir, "qkms.db"))
		}
		return rows, err
	}
	before, err := grant()
	if err != nil {
		return engine.Shape{}, err
	}
	after, err := grant()
	if err != nil {
		return engine.Shape{}, err
	}
	return after.Since(before)
}
