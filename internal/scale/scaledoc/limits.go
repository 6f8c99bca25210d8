package main

import (
	"time"

	"qkms/internal/scale"
)

// fits reports whether the store bears a load.
func fits(l scale.Load) bool {
	l.Lasts = 4 * time.Second
	r := l.Play()
	return r.Utilisation <= scale.Full && r.Pending == 0
}

// most is about the greatest n for which it is so, to some per cent.
func most(so func(n int) bool) int {
	low, high := 0, 1
	for so(high) {
		low, high = high, 2*high
	}
	for high-low > max(high/32, 1) {
		if middle := (low + high) / 2; so(middle) {
			low = middle
		} else {
			high = middle
		}
	}
	return low
}

func limits() (t table) {
	t.row("Nodes", "Changes, if there is nothing else", "Keys that memory lacks, if there is nothing else")
	for _, n := range sizes {
		changes := most(func(g int) bool { return fits(scale.Load{Nodes: n, Grants: float64(g) / 2}) })
		hundreds := most(func(h int) bool {
			return fits(scale.Load{Nodes: n, Keys: 1_000_000, Rate: float64(h) * 100 / float64(n), Cached: 0})
		})
		t.row(n, float64(changes), float64(hundreds)*100)
	}
	return t
}

func cells() (t table) {
	t.row("Nodes in all", "Changes per second in all", "Cells", "Nodes of each", "Changes of each")
	for _, of := range []struct {
		nodes  int
		grants float64
	}{{300, 100}, {1000, 100}, {1000, 500}, {3000, 1000}, {10_000, 1000}, {10_000, 5000}} {
		n := 1
		for !fits(scale.Load{Nodes: (of.nodes + n - 1) / n, Grants: of.grants / float64(n)}) {
			n++
		}
		t.row(of.nodes, 2*of.grants, n, (of.nodes+n-1)/n, 2*of.grants/float64(n))
	}
	return t
}
