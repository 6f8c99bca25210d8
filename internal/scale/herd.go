package scale

import (
	"slices"
	"time"
)

// A Herd is what comes after an epoch bump: the memories of so many nodes are empty at once, and requests go on.
type Herd struct {
	Nodes int
	Seed  uint64
	Lasts time.Duration
	Keys  int     // in use, the k-th of them 1/k as often as the first
	Rate  float64 // requests per second of each node

	Processors int // of the store; 0: Processors

	Alone  bool          // a key that is being read is read again by whoever misses it meanwhile
	AtOnce int           // keys that one node reads at once; 0: as many as are asked for
	Jitter time.Duration // for which a node puts a read off, at most
}

// A Storm is what came of it.
type Storm struct {
	Reads   float64       // of the store in the first second, per second
	Over    time.Duration // the end of the last second of which the store was at work for 70 % or more
	Longest time.Duration // that a call waited for the store to be free
	Waited  Spread        // of requests, those that hit included
	TooLong float64       // the part of requests that waited for more than 5 s
}

// Full is what of its time a store may be at work: beyond it waits grow fast.
const Full = 0.7

// A cold is a node of a herd.
type cold struct {
	*herd
	has     []uint64 // a bit for each key
	reading map[int][]time.Duration
	busy    int
	waiting []int
}

type herd struct {
	*clock
	Herd
	store *station
	sum   []float64 // of the popularity of the keys up to each
	storm Storm
}

// Play plays it.
func (h Herd) Play() *Storm {
	w := &herd{Herd: h, store: newStation(h.Seed, h.Processors), sum: make([]float64, h.Keys)}
	w.clock = w.store.clock
	whole := 0.0
	for i := range w.sum {
		whole += 1 / float64(i+1)
		w.sum[i] = whole
	}
	for range h.Nodes {
		n := &cold{herd: w, has: make([]uint64, h.Keys/64+1), reading: map[int][]time.Duration{}}
		w.every(h.Rate, n.ask)
	}
	before := time.Duration(0)
	for w.now < h.Lasts {
		w.play(w.now + time.Second)
		worked := w.store.worked()
		if w.store.utilisation(worked-before, time.Second) >= Full {
			w.storm.Over = w.now
		}
		if before = worked; w.now == time.Second {
			w.storm.Reads = float64(w.store.calls[Get])
		}
	}
	w.storm.TooLong = w.storm.Waited.above(patient)
	return &w.storm
}

func (n *cold) ask() {
	key := search(n.sum, n.rng.Float64()*n.sum[len(n.sum)-1])
	if n.has[key/64]&(1<<(key%64)) != 0 {
		n.storm.Waited.add(0)
		return
	}
	if others, reading := n.reading[key]; reading && !n.Alone {
		n.reading[key] = append(others, n.now)
		return
	}
	n.reading[key] = append(n.reading[key], n.now)
	if n.Jitter > 0 {
		n.after(n.between(0, n.Jitter), func() { n.read(key) })
		return
	}
	n.read(key)
}

// search is the key at a place in the sum of popularities.
func search(sum []float64, at float64) int {
	key, _ := slices.BinarySearch(sum, at)
	return min(key, len(sum)-1)
}

// read reads a key when it is its turn.
func (n *cold) read(key int) {
	if n.AtOnce > 0 && n.busy == n.AtOnce {
		n.waiting = append(n.waiting, key)
		return
	}
	n.busy++
	n.gets(getsOfMiss, func() {
		n.busy--
		n.has[key/64] |= 1 << (key % 64)
		for _, since := range n.reading[key] {
			n.storm.Waited.add(n.now - since)
		}
		delete(n.reading, key)
		if len(n.waiting) > 0 {
			next := n.waiting[0]
			n.waiting = n.waiting[1:]
			n.read(next)
		}
	})
}

func (n *cold) gets(left int, then func()) {
	if left == 0 {
		then()
		return
	}
	_, wait := n.store.next()
	n.storm.Longest = max(n.storm.Longest, wait)
	n.store.call(Get, 1, nothing, func() { n.gets(left-1, then) })
}
