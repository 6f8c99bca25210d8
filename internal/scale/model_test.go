package scale_test

import (
	"math"
	"testing"
	"time"

	"qkms/internal/scale"
)

// Nodes that have nothing to do renew their leases, look at each other, and look for jobs.
func TestIdleNodesRenew(t *testing.T) {
	const n = 100
	r := scale.Load{Nodes: n, Lasts: 61 * time.Second}.Play()
	for _, row := range []struct {
		kind scale.Kind
		want float64
	}{
		{scale.Renew, n / 0.502}, // half a second and the way to the store
		{scale.Peers, n / 11.25}, // four times in the bound
		{scale.Claim, n / 60.0},
		{scale.Ping, n / 1.0}, // a second of silence, and the way
		{scale.Hint, 0}, {scale.Changes, 0}, {scale.Commit, 0}, {scale.Get, 0}, {scale.List, 0}, {scale.Touch, 0},
	} {
		if got := r.PerSecond[row.kind]; math.Abs(got-row.want) > 0.02*row.want+0.5 {
			t.Errorf("%v: got %v per second, want %v", row.kind, got, row.want)
		}
	}
}

// Nothing is lost: every call takes its time, every change reaches every other node, every barrier ends.
func TestNothingIsLost(t *testing.T) {
	l := scale.Load{Nodes: 20, Lasts: 31 * time.Second, Grants: 20, Keys: 1000, Rate: 50, Cached: 500}
	r := l.Play()

	busy := 0.0
	for k, c := range scale.Costs {
		busy += r.PerSecond[k]*c.Call.Seconds() + (r.Rows[k]-r.PerSecond[k])*c.Row.Seconds()
	}
	if want := busy / scale.Processors; math.Abs(r.Utilisation/want-1) > 0.001 {
		t.Errorf("utilisation: got %v, want %v by the calls", r.Utilisation, want)
	}
	seconds := (l.Lasts - time.Second).Seconds()
	commits := r.PerSecond[scale.Commit] * seconds
	if want := 2 * l.Grants * seconds; math.Abs(commits/want-1) > 0.1 {
		t.Errorf("commits: got %v, want about %v", commits, want)
	}
	if got, want := float64(r.Stale.N()), commits*float64(l.Nodes-1); math.Abs(got/want-1) > 0.05 {
		t.Errorf("changes applied: got %v, want about %v", got, want)
	}
	if got, want := float64(r.Barrier.N()), commits/2; math.Abs(got/want-1) > 0.1 || r.Pending != 0 {
		t.Errorf("barriers: got %v fenced and %d pending, want about %v fenced", got, r.Pending, want)
	}
	if got := r.Stale.Max(); got > 700*time.Millisecond {
		t.Errorf("staleness: got up to %v, want a beat of at most 0.6 s and the way", got)
	}
}

// A node that was killed holds barriers up until it has been silent for the bound.
func TestCrashHoldsBarriersUp(t *testing.T) {
	l := scale.Load{Nodes: 10, Lasts: 31 * time.Second, Grants: 5, Crash: 0.1}
	if r := l.Play(); r.Pending < r.Barrier.N() {
		t.Errorf("with crashes: got %d barriers pending and %d fenced, want most pending", r.Pending, r.Barrier.N())
	}
}

// Hints buy short barriers with renewals.
func TestHintsAreATrade(t *testing.T) {
	l := scale.Load{Nodes: 10, Lasts: 31 * time.Second, Grants: 5}
	hints := l.Play()
	l.Deaf = true
	poll := l.Play()
	if p, h := poll.Barrier.Quantile(0.5), hints.Barrier.Quantile(0.5); h > p/4 {
		t.Errorf("half of the barriers: got %v with hints and %v without, want a quarter at most", h, p)
	}
	if p, h := poll.PerSecond[scale.Renew], hints.PerSecond[scale.Renew]; h < p*1.2 {
		t.Errorf("renewals: got %v per second with hints and %v without, want more", h, p)
	}
}

// One seed, one play: docs/scale.md must come out the same everywhere.
func TestSeedDecides(t *testing.T) {
	l := scale.Load{Nodes: 10, Seed: 5, Lasts: 11 * time.Second, Grants: 20, Keys: 1000, Rate: 50, Cached: 500}
	a, b := l.Play(), l.Play()
	if *a != *b {
		t.Errorf("the same load twice: got %v and %v calls per second", a.PerSecond, b.PerSecond)
	}
	l.Seed++
	if c := l.Play(); c.PerSecond == a.PerSecond {
		t.Errorf("another seed: got the same %v calls per second", c.PerSecond)
	}
}

// After an epoch bump: what a node reads once however many ask, and how many it reads at once, is what keeps the
// store alive.
func TestColdHerd(t *testing.T) {
	h := scale.Herd{Nodes: 30, Lasts: 20 * time.Second, Keys: 300, Rate: 300, Alone: true, Processors: 1}
	alone := h.Play()
	h.Alone = false
	shared := h.Play()
	h.AtOnce = 4
	capped := h.Play()
	if alone.Longest < 2*shared.Longest {
		t.Errorf("longest wait for the store: got %v when every miss reads and %v when one does, want twice as long at least", alone.Longest, shared.Longest)
	}
	if capped.Longest > shared.Longest/4 {
		t.Errorf("longest wait for the store: got %v with 4 reads at once and %v without limit, want a quarter at most", capped.Longest, shared.Longest)
	}
	if capped.Over == 0 || capped.Over >= h.Lasts*9/10 {
		t.Errorf("the storm: got an end at %v, want one within %v", capped.Over, h.Lasts)
	}
}
