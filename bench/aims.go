package main

import (
	"fmt"
	"io"
	"os"
	"runtime"
	"strings"
)

// A goal is something that the product is to reach; value is what it has, and known whether this run has measured it.
type goal struct {
	what  string
	limit float64
	least bool // the limit is the least; else the most
	unit  string
	value float64
	known bool
}

// digits is how many decimals of the value are worth reading.
func (g goal) digits() int {
	if g.limit < 0.1 {
		return 4
	}
	return 2
}

// find returns what a run found of an operation: of the bare handler, of what else was measured beside and of the last QKMS.
func (s *session) find(title, name string) (bare, beside, ours *subject) {
	for _, p := range s.report.parts {
		for _, o := range p.rows {
			if p.title != title || o.name != name {
				continue
			}
			for _, one := range o.subjects {
				switch {
				case one.alone != nil || strings.HasSuffix(one.name, ", no TLS"):
					beside = one
				case one == o.subjects[0]:
					bare = one
				case one.server.Dir != "":
					if title == "Many keys" && ours != nil {
						beside = ours // the one with few
					}
					ours = one
				}
			}
		}
	}
	return bare, beside, ours
}

// moto returns what a run found of moto for an operation; nil if it was not there.
func (s *session) moto(name string) *subject {
	for _, p := range s.report.parts {
		for _, o := range p.rows {
			if p.title != "Operations" || o.name != name {
				continue
			}
			for _, one := range o.subjects {
				if one.name == "moto" {
					return one
				}
			}
		}
	}
	return nil
}

// goals are those of the product, with what this run has found.
func (s *session) goals() (all []goal) {
	add := func(g goal, known bool, value func() float64) {
		if g.known = known; known {
			g.value = value()
		}
		all = append(all, g)
	}
	for _, o := range operations[:4] {
		bare, _, ours := s.find("Operations", o.name)
		add(goal{what: o.name + ": server CPU, × the bare handler's", limit: 1.35}, ours != nil, func() float64 { return ours.ratio(bare, cpu) })
		add(goal{what: o.name + ": requests/s, × the bare handler's", limit: 0.75, least: true}, ours != nil, func() float64 { return ours.ratio(bare, perSecond) })
	}
	bare, _, ours := s.find("Operations", dataKey.name)
	add(goal{what: "Allocations of a warm GenerateDataKey above net/http's own", limit: 6}, ours != nil, func() float64 { return median(ours.samples, allocs) - median(bare.samples, allocs) })
	moto := s.moto(dataKey.name)
	add(goal{what: "GenerateDataKey: server CPU, × moto's", limit: 0.012}, ours != nil && moto != nil, func() float64 { return ours.ratio(moto, cpu) })
	_, plain, secure := s.find("TLS 1.3", dataKey.name)
	add(goal{what: "In TLS 1.3: server CPU, × our own without", limit: 1.2}, secure != nil, func() float64 { return secure.ratio(plain, cpu) })
	for _, name := range []string{"Sign, ECC_NIST_P256", "Sign, RSA_2048", "Sign, ML_DSA_65"} {
		bare, primitive, ours := s.find("Operations", name)
		add(goal{what: name + ": server CPU, × (the bare handler's + the signature alone)", limit: 1.1}, ours != nil, func() float64 {
			return ours.over(cpu, func(i int) float64 { return cpu(bare.samples[i]) + cpu(primitive.samples[i]) })
		})
	}
	_, engine, ours := s.find("Operations", "CreateGrant, 64 clients")
	add(goal{what: "CreateGrant, 64 clients: requests/s, × the engine alone", limit: 0.5, least: true}, ours != nil, func() float64 { return ours.ratio(engine, perSecond) })
	for _, o := range []struct {
		name  string
		limit float64
	}{{"GenerateDataKey, 10 keys in turn", 1.05}, {"ListKeys, 100 keys", 1.2}} {
		_, few, many := s.find("Many keys", o.name)
		add(goal{what: fmt.Sprintf("%s: server CPU with %d keys, × with 1,000", o.name, s.Keys), limit: o.limit}, few != nil, func() float64 { return many.ratio(few, cpu) })
	}
	_, _, ours = s.find("80 % of saturation", dataKey.name)
	add(goal{what: "p99 at 80 % of saturation, × p50", limit: 5}, ours != nil, func() float64 {
		return ours.over(func(s sample) float64 { return float64(s.p99) }, func(i int) float64 { return float64(ours.samples[i].p50) })
	})
	r := &s.report
	stocked := r.starts[0] != 0
	add(goal{what: "Resident memory, idle, no keys", limit: 40, unit: " MB"}, stocked, func() float64 { return r.idle[0] / 1e6 })
	add(goal{what: fmt.Sprintf("Resident memory with %d hot keys", min(hot, s.Keys)), limit: 400, unit: " MB"}, stocked, func() float64 { return r.hot / 1e6 })
	add(goal{what: "Start to first answer, no keys", limit: 0.2, unit: " s"}, stocked, func() float64 { return r.starts[0].Seconds() })
	add(goal{what: fmt.Sprintf("Start to first answer, %d keys", s.Keys), limit: 1, unit: " s"}, stocked, func() float64 { return r.starts[2].Seconds() })
	return all
}

// judge writes what is reached of the goals.
func (s *session) judge(w io.Writer) {
	fmt.Fprint(w, "\n### Aims\n\n| What | Aim | Reached | |\n|---|--:|--:|---|\n")
	for _, g := range s.goals() {
		if !g.known {
			continue
		}
		sign, verdict := "≤", "missed"
		if g.least {
			sign = "≥"
		}
		if g.value <= g.limit != g.least || g.value == g.limit {
			verdict = "reached"
		}
		fmt.Fprintf(w, "| %s | %s %v%s | %.*f%s | %s |\n", g.what, sign, g.limit, g.unit, g.digits(), g.value, g.unit, verdict)
	}
}

// circumstances writes by which command and where the figures came to be.
func (s *session) circumstances(w io.Writer) {
	fmt.Fprintf(w, "\n%d phases of %v for each row, medians; %d clients where nothing else is said; %d processors, %s/%s, %s. The command:\n\n    cd bench && go run . %s\n",
		s.Rounds, s.For, s.Clients, runtime.NumCPU(), runtime.GOOS, runtime.GOARCH, runtime.Version(), strings.Join(os.Args[1:], " "))
}
