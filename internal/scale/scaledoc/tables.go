package main

import (
	"fmt"
	"time"

	"qkms/internal/scale"
)

var sizes = []int{3, 10, 100, 500, 1000}

// play is a load for as long as a table needs.
func play(l scale.Load) *scale.Result {
	l.Lasts = 11 * time.Second
	return l.Play()
}

func costs() (t table) {
	t.row("Call", "takes of a processor", "and for each further", "Benchmark")
	for k, c := range scale.Costs {
		row := ""
		if c.Row > 0 {
			row = fmt.Sprintf("%s %v", c.Rows, c.Row)
		}
		t.row(scale.Kind(k), fmt.Sprint(c.Call), row, c.From)
	}
	return t
}

func idle() (t table) {
	t.row("Nodes", "Renew", "Peers", "rows of these", "Store at work")
	for _, n := range sizes {
		r := play(scale.Load{Nodes: n})
		t.row(n, r.PerSecond[scale.Renew], r.PerSecond[scale.Peers], r.Rows[scale.Peers], busy(r))
	}
	return t
}

// busy is the utilisation; bold beyond what a store bears.
func busy(r *scale.Result) string {
	switch {
	case r.Utilisation > 1:
		return "**too much**"
	case r.Utilisation > scale.Full:
		return "**" + percent(r.Utilisation) + "**"
	}
	return percent(r.Utilisation)
}

func changes(grants float64) (t table) {
	t.row("Nodes", "Renew", "Changes", "Peers", "Commit", "Get, List", "Store at work", "Barrier: half", "99 %", "longest", "Stale: half", "99 %", "longest")
	for _, n := range sizes {
		r := play(scale.Load{Nodes: n, Grants: grants})
		row := []any{
			n, r.PerSecond[scale.Renew], r.PerSecond[scale.Changes], r.PerSecond[scale.Peers], r.PerSecond[scale.Commit],
			r.PerSecond[scale.Get] + r.PerSecond[scale.List], busy(r),
		}
		if r.Utilisation > 1 {
			row = append(row, "", "", "", "", "", "")
		} else {
			row = append(row, r.Barrier.Quantile(0.5), r.Barrier.Quantile(0.99), r.Barrier.Max(), r.Stale.Quantile(0.5), r.Stale.Quantile(0.99), r.Stale.Max())
		}
		t.row(row...)
	}
	return t
}

const perKey = 2 // records of a key that memory keeps

func requests() (t table) {
	t.row("Keys in use", "Records in memory", "Nodes", "Hit", "Get", "last uses written", "Store at work")
	for _, of := range []struct{ keys, records, nodes int }{
		{10_000, 100_000, 10}, {10_000, 100_000, 100}, {100_000, 100_000, 10}, {100_000, 100_000, 100},
		{1_000_000, 100_000, 10}, {1_000_000, 300_000, 10}, {1_000_000, 500_000, 10}, {1_000_000, 2_000_000, 10}, {1_000_000, 2_000_000, 100},
	} {
		r := play(scale.Load{Nodes: of.nodes, Keys: of.keys, Rate: 500, Cached: of.records / perKey})
		t.row(of.keys, of.records, of.nodes, percent(r.Hit), r.PerSecond[scale.Get], r.Rows[scale.Touch], busy(r))
	}
	return t
}

func hints() (t table) {
	t.row("Nodes", "Told", "Renew", "Store at work", "Barrier: half", "99 %", "Stale: half", "99 %")
	for _, n := range []int{3, 10, 30, 100, 300} {
		for _, told := range []bool{false, true} {
			r := play(scale.Load{Nodes: n, Grants: 10, Deaf: !told})
			t.row(n, map[bool]string{false: "no", true: "yes"}[told], r.PerSecond[scale.Renew], busy(r),
				r.Barrier.Quantile(0.5), r.Barrier.Quantile(0.99), r.Stale.Quantile(0.5), r.Stale.Quantile(0.99))
		}
	}
	return t
}

func herd() (t table) {
	t.row("Nodes", "A miss", "Get in the first second", "Store at 70 % until", "Longest queue", "Requests: half wait", "99 %", "over 5 s")
	for _, of := range []struct {
		nodes int
		free  bool
	}{{1, false}, {3, false}, {10, false}, {10, true}, {100, false}, {100, true}, {500, false}, {1000, false}} {
		h := scale.Herd{Nodes: of.nodes, Lasts: 30 * time.Second, Keys: 20_000, Rate: 100, AtOnce: 8}
		how := "as built"
		if of.free {
			how, h.Alone, h.AtOnce = "reads at once", true, 0
		}
		s := h.Play()
		until := "not at all"
		if s.Over == h.Lasts {
			until = "after half a minute"
		} else if s.Over > 0 {
			until = span(s.Over)
		}
		t.row(of.nodes, how, s.Reads, until, s.Longest, s.Waited.Quantile(0.5), s.Waited.Quantile(0.99), percent(s.TooLong))
	}
	return t
}

func crashes() (t table) {
	t.row("Nodes", "Barriers that a crash keeps pending")
	for _, n := range sizes {
		const month = 30 * 24 * time.Hour
		t.row(n, fmt.Sprintf("%.3f %%", 100*float64(n)*45/month.Seconds()))
	}
	return t
}
