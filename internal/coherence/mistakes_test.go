package coherence_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"qkms/internal/coherence"
)

// Each rule is load-bearing: without it the same judge finds a use that should not have been.
func TestEveryRuleIsNeeded(t *testing.T) {
	for name, wrong := range map[string]mistakes{
		"a lease from the reply":             {spoil: (*coherence.Lease).CountFromReply},
		"a lease before changes are applied": {spoil: (*coherence.Lease).ExtendBeforeApplying},
		"no second check":                    {check: func(*coherence.Lease, coherence.Use) error { return nil }},
		"a second check of the lease alone": {check: func(l *coherence.Lease, _ coherence.Use) error {
			if l.Valid() {
				return nil
			}
			return coherence.ErrLapsed
		}},
		"a cache that drops later":                   {lazyDrop: true},
		"fills that a change overtook":               {fillAnyway: true},
		"waiting for reads that a change overtook":   {joinAnyway: true},
		"a barrier that believes the wall clock":     {barrierByWall: true},
		"renewal by a read":                          {renewByRead: true},
		"asynchronous replication":                   {async: true},
		"reads over connections to a former primary": {readDeposed: true},
	} {
		t.Run(name, func(t *testing.T) {
			for seed := range uint64(200) {
				j := perform(t, play{seed: seed, nodes: 8, lasts: 60 * time.Second, workers: 3}, wrong)
				if len(j.verdicts) > 0 {
					t.Logf("seed %d: %s", seed, j.verdicts[0])
					return
				}
			}
			t.Error("nobody noticed")
		})
	}
}

// Two nodes have clocks as wrong as is allowed, in opposite directions, and the slow one is cut off the
// moment after its renewal. The window in which a mistake shows is too small for chance.
func TestDrift(t *testing.T) {
	for name, test := range map[string]struct {
		off    float64
		wrong  mistakes
		caught bool
	}{
		"1 % each way":                       {off: 0.01},
		"a lease as long as the bound":       {off: 0.01, wrong: mistakes{spoil: (*coherence.Lease).IgnoreDrift}, caught: true},
		"2 % each way, which nothing covers": {off: 0.02, caught: true},
	} {
		t.Run(name, func(t *testing.T) {
			j := newJudge()
			inBubble(t, j, test.wrong, func(ctx context.Context, w *world) {
				slow, fast := w.join(ctx, t, j, 1-test.off), w.join(ctx, t, j, 1+test.off)
				register(ctx, t, slow, fast)
				slow.use(ctx, 0, 0)
				slow.conn.setLink(down)
				go fast.Run(ctx)
				go slow.useAll(ctx, 3*bound)
				if r := fast.restrict(ctx, 0); !r.Fenced() {
					t.Errorf("got %v, want fenced", r)
				}
				wait(ctx, bound)
			})
			j.expect(t, test.caught)
		})
	}
}

// A node that was silent for long comes back just when others take it for gone. Its renewal is on the way
// while somebody changes a key: if the renewal cannot be seen yet, its heads must have the change.
func TestReturnOfTheSilent(t *testing.T) {
	for name, test := range map[string]struct {
		wrong  mistakes
		caught bool
	}{
		"heads as of when others see it": {},
		"heads of before":                {wrong: mistakes{headsFirst: true}, caught: true},
	} {
		t.Run(name, func(t *testing.T) {
			j := newJudge()
			inBubble(t, j, test.wrong, func(ctx context.Context, w *world) {
				silent, other := w.join(ctx, t, j, 1), w.join(ctx, t, j, 1)
				register(ctx, t, silent, other)
				silent.use(ctx, 0, 0)
				go other.Run(ctx)
				wait(ctx, 3*bound)
				silent.conn.commitLasts = 300 * time.Millisecond
				go silent.Run(ctx)
				go silent.useAll(ctx, bound)
				wait(ctx, 100*time.Millisecond)
				begin := time.Now()
				if r := other.restrict(ctx, 0); !r.Fenced() || time.Since(begin) > 0 {
					t.Errorf("got %v after %v, want fenced at once", r, time.Since(begin))
				}
				wait(ctx, bound)
			})
			j.expect(t, test.caught)
		})
	}
}

// A node hangs after its first renewal, for so long that others remove its row, and goes on just then. One of the
// others has not looked again yet: it knows the row at its first beat, and the new row is at its first beat too.
func TestReturnOfTheBuried(t *testing.T) {
	for name, test := range map[string]struct {
		wrong  mistakes
		caught bool
	}{
		"under another id":    {},
		"under the id it had": {wrong: mistakes{spoil: (*coherence.Lease).KeepName}, caught: true},
	} {
		t.Run(name, func(t *testing.T) {
			j := newJudge()
			inBubble(t, j, test.wrong, func(ctx context.Context, w *world) {
				hung, one, other := w.join(ctx, t, j, 1), w.join(ctx, t, j, 1), w.join(ctx, t, j, 1)
				register(ctx, t, hung, one, other)
				go one.Run(ctx)
				wait(ctx, bound/8)
				go other.Run(ctx)
				for one.Stats().Buried == 0 && wait(ctx, time.Millisecond) {
				}
				if nodes, err := one.conn.Peers(ctx); err != nil || len(nodes) != 2 {
					t.Errorf("got %d nodes, %v, want the two that are alive", len(nodes), err)
				}
				register(ctx, t, hung)
				hung.use(ctx, 0, 0)
				go hung.useAll(ctx, bound)
				if r := other.restrict(ctx, 0); !r.Fenced() {
					t.Errorf("got %v, want fenced", r)
				}
				wait(ctx, bound)
			})
			j.expect(t, test.caught)
		})
	}
}

func inBubble(t *testing.T, j *judge, wrong mistakes, f func(ctx context.Context, w *world)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		w := newWorld(1)
		w.mistakes = wrong
		f(ctx, w)
		cancel()
		wait(context.Background(), time.Minute) // renewals that have begun end by themselves
	})
}

func register(ctx context.Context, t *testing.T, members ...*member) {
	t.Helper()
	for _, m := range members {
		if err := m.Register(ctx); err != nil {
			t.Fatal(err)
		}
	}
}

// useAll uses key 0 every millisecond for a while.
func (m *member) useAll(ctx context.Context, d time.Duration) {
	for begin := time.Now(); time.Since(begin) < d && wait(ctx, time.Millisecond); {
		m.use(ctx, 0, 0)
	}
}

func (j *judge) expect(t *testing.T, caught bool) {
	t.Helper()
	if j.uses == 0 || caught != (len(j.verdicts) > 0) {
		t.Errorf("got %d uses and verdicts %q, want some: %v", j.uses, j.verdicts, caught)
	}
}
