package coherence_test

import (
	"context"
	"errors"
	"log/slog"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"qkms/internal/coherence"
	"qkms/internal/store"
)

// quiet plays f in a world in which nothing goes wrong, with two nodes that are registered.
func quiet(t *testing.T, f func(ctx context.Context, w *world, a, b *member)) {
	t.Helper()
	j := newJudge()
	inBubble(t, j, mistakes{}, func(ctx context.Context, w *world) {
		a, b := w.join(ctx, t, j, 1), w.join(ctx, t, j, 1)
		register(ctx, t, a, b)
		f(ctx, w, a, b)
	})
	for _, v := range j.verdicts {
		t.Error(v)
	}
}

func TestNothingIsUsedBeforeRegister(t *testing.T) {
	l, err := coherence.New(coherence.Config{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := l.Begin(); !errors.Is(err, coherence.ErrLapsed) {
		t.Errorf("Begin: got %v, want ErrLapsed", err)
	}
	if err := (coherence.Use{}).Check(); !errors.Is(err, coherence.ErrLapsed) {
		t.Errorf("Check of the zero Use: got %v, want ErrLapsed", err)
	}
	if l.Ready() == nil {
		t.Error("got ready, want an error")
	}
}

func TestBounds(t *testing.T) {
	for bound, ok := range map[time.Duration]bool{
		0: true, 2 * time.Second: true, 300 * time.Second: true, time.Second: false, -1: false, 301 * time.Second: false,
	} {
		l, err := coherence.New(coherence.Config{Bound: bound})
		if (err == nil) != ok {
			t.Errorf("bound %v: got error %v, want one: %v", bound, err, !ok)
		}
		if err == nil && l.Length() >= l.Bound {
			t.Errorf("bound %v: a lease of %v leaves nothing for drift", bound, l.Length())
		}
	}
}

func TestElapsedTime(t *testing.T) {
	begin := coherence.Reading{Monotonic: 10, Boot: 20, Wall: 1000}
	for name, test := range map[string]struct {
		now           coherence.Reading
		since, surely time.Duration
	}{
		"all agree":          {coherence.Reading{Monotonic: 15, Boot: 25, Wall: 1005}, 5, 5},
		"suspended":          {coherence.Reading{Monotonic: 15, Boot: 90, Wall: 1005}, 70, 5},
		"wall clock forward": {coherence.Reading{Monotonic: 15, Boot: 25, Wall: 9000}, 8000, 5},
		"wall clock back":    {coherence.Reading{Monotonic: 15, Boot: 25, Wall: 1}, 5, 5},
	} {
		if got := test.now.Since(begin); got != test.since {
			t.Errorf("%s: Since: got %d, want %d", name, got, test.since)
		}
		if got := test.now.Surely(begin); got != test.surely {
			t.Errorf("%s: Surely: got %d, want %d", name, got, test.surely)
		}
	}
}

func TestChangesReachOthers(t *testing.T) {
	quiet(t, func(ctx context.Context, _ *world, a, b *member) {
		go a.Run(ctx)
		go b.Run(ctx)
		a.use(ctx, 3, 0)
		u, err := a.Begin()
		if err != nil {
			t.Fatal(err)
		}
		begin := time.Now()
		if r := b.restrict(ctx, 3); !r.Fenced() {
			t.Errorf("got %v, want fenced", r)
		}
		if took := time.Since(begin); took > time.Second {
			t.Errorf("fenced after %v, want one beat", took)
		}
		if err := u.Check(); !errors.Is(err, coherence.ErrChanged) {
			t.Errorf("a use from before: got %v, want ErrChanged", err)
		}
		if ver, err := a.memory.get(ctx, a.conn, 3); ver != 1 || err != nil {
			t.Errorf("got version %d, %v, want 1", ver, err)
		}
		if s := b.Stats(); s.Fenced != 1 || s.Pending != 0 || s.Waited == 0 || s.Beats == 0 {
			t.Errorf("got %+v, want one fenced barrier", s)
		}
	})
}

func TestHintsMakeBarriersShort(t *testing.T) {
	quiet(t, func(ctx context.Context, w *world, a, b *member) {
		go a.Run(ctx)
		go b.Run(ctx)
		wait(ctx, 100*time.Millisecond)
		go func() {
			wait(ctx, time.Millisecond)
			a.Wake()
		}()
		begin := time.Now()
		if r := b.restrict(ctx, 0); !r.Fenced() || time.Since(begin) > 50*time.Millisecond {
			t.Errorf("got %v after %v, want fenced within 50 ms", r, time.Since(begin))
		}
		for range 1000 { // a flood of hints is none of renewals
			a.Wake()
			wait(ctx, time.Millisecond)
		}
		if s := a.Stats(); s.Beats > 120 {
			t.Errorf("got %d renewals in a second of hints, want at most one in 20 ms", s.Beats)
		}
	})
}

// Everybody hears every hint. However many nodes there are, what they do about hints is bounded for all together.
func TestManyNodesHearLess(t *testing.T) {
	quiet(t, func(ctx context.Context, w *world, a, _ *member) {
		for range 98 {
			register(ctx, t, w.join(ctx, t, a.judge, 1))
		}
		go a.Run(ctx)
		wait(ctx, time.Second) // it has looked at the others
		before := a.Stats()
		for range 10_000 {
			select {
			case a.conn.hinted <- struct{}{}:
			default:
			}
			wait(ctx, time.Millisecond)
		}
		const beats, heard = 20, 40 // in ten seconds: two a second, and once in a hundred shares of 2.5 ms
		after := a.Stats()
		if got := after.Beats - before.Beats; got > beats+heard+5 || got < heard {
			t.Errorf("got %d renewals in ten seconds of hints, want about %d", got, beats+heard)
		}
		if got := after.Hints - before.Hints; got < heard-2 || got > heard+2 {
			t.Errorf("got %d hints heard by one of 100 nodes in ten seconds, want %d", got, heard)
		}
	})
}

// Where a beat is as soon as a hint, nobody is told.
func TestHundredsOfNodesAreNotTold(t *testing.T) {
	for _, row := range []struct {
		nodes int
		told  bool
	}{{100, true}, {250, false}} {
		quiet(t, func(ctx context.Context, w *world, a, b *member) {
			w.hints = true
			for range row.nodes - 2 {
				register(ctx, t, w.join(ctx, t, a.judge, 1))
			}
			at, err := b.conn.commit(ctx, 0)
			if err != nil {
				t.Fatal(err)
			}
			soon, cancel := context.WithTimeout(ctx, 100*time.Millisecond)
			defer cancel()
			if r := b.Barrier(soon, []store.Position{at}); r.Fenced() {
				t.Error("got fenced, want pending: nobody renews")
			}
			told := 0
			for _, c := range w.conns {
				told += len(c.hinted)
			}
			if (told > 0) != row.told {
				t.Errorf("%d nodes: got %d of them told, want some: %v", row.nodes, told, row.told)
			}
		})
	}
}

func TestBarrierSaysByWhen(t *testing.T) {
	quiet(t, func(ctx context.Context, _ *world, a, b *member) {
		go b.Run(ctx)
		a.conn.setLink(down)
		soon, cancel := context.WithTimeout(ctx, time.Second)
		defer cancel()
		at, err := b.conn.commit(ctx, 0)
		if err != nil {
			t.Fatal(err)
		}
		r := b.Barrier(soon, []store.Position{at})
		if r.Fenced() || r.Pending != bound-time.Second || r.String() != "pending, at most 3s" {
			t.Errorf("got %v, want pending, at most 3s", r)
		}
		if r := b.Barrier(ctx, nil); !r.Fenced() {
			t.Errorf("got %v of no change, want fenced", r)
		}
		if s := b.Stats(); s.Pending != 1 {
			t.Errorf("got %d pending, want 1", s.Pending)
		}
	})
}

// A store that cannot be read does not make the bound any longer.
func TestBarrierWithoutStore(t *testing.T) {
	quiet(t, func(ctx context.Context, _ *world, a, b *member) {
		at, err := b.conn.commit(ctx, 0)
		if err != nil {
			t.Fatal(err)
		}
		b.conn.setLink(down)
		begin := time.Now()
		r := b.Barrier(ctx, []store.Position{at}) // waits for twice the bound at most
		if took := time.Since(begin); !r.Fenced() || took < bound {
			t.Errorf("got %v after %v, want fenced after %v", r, took, bound)
		}
	})
}

// A node that was given a longer bound than the others is not taken for gone before that is over.
func TestBoundsThatDiffer(t *testing.T) {
	const longer = bound + time.Second // within what a barrier waits here
	quiet(t, func(ctx context.Context, w *world, a, b *member) {
		other := &conn{w: w}
		l, err := coherence.New(coherence.Config{Engine: other, Memory: newMemory(ctx), Bound: longer, Info: coherence.Info{Bound: longer}.String()})
		if err != nil || l.Register(ctx) != nil {
			t.Fatal(err)
		}
		begin := time.Now()
		if r := b.restrict(ctx, 0); !r.Fenced() || time.Since(begin) < longer {
			t.Errorf("got %v after %v, want fenced after %v", r, time.Since(begin), longer)
		}
	})
}

// Its bound counts until it has been silent for so long, and then no more.
func TestLongerBoundOfTheDead(t *testing.T) {
	quiet(t, func(ctx context.Context, w *world, _, b *member) {
		go b.Run(ctx)
		other := &conn{w: w}
		l, err := coherence.New(coherence.Config{Engine: other, Memory: newMemory(ctx), Bound: 5 * bound, Info: coherence.Info{Bound: 5 * bound}.String()})
		if err != nil || l.Register(ctx) != nil {
			t.Fatal(err)
		}
		wait(ctx, 8*bound)
		silent := &conn{w: w}
		m, err := coherence.New(coherence.Config{Engine: silent, Memory: newMemory(ctx), Bound: bound})
		if err != nil || m.Register(ctx) != nil {
			t.Fatal(err)
		}
		begin := time.Now()
		if r := b.restrict(ctx, 0); !r.Fenced() || time.Since(begin) > bound+time.Second {
			t.Errorf("got %v after %v, want fenced when the one that has just died is over", r, time.Since(begin))
		}
	})
}

// A node whose process was killed leaves its row behind. It holds nobody up for ever.
func TestTheDeadAreKnown(t *testing.T) {
	quiet(t, func(ctx context.Context, w *world, dead, b *member) {
		go b.Run(ctx)
		wait(ctx, 2*bound)
		begin := time.Now()
		if r := b.restrict(ctx, 0); !r.Fenced() || time.Since(begin) > 0 {
			t.Errorf("got %v after %v, want fenced at once", r, time.Since(begin))
		}
	})
}

func TestLapse(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		w := newWorld(1)
		c := &conn{w: w}
		var wiped atomic.Int64
		l, err := coherence.New(coherence.Config{
			Engine: c, Memory: newMemory(ctx), Bound: bound, Wipe: func() { wiped.Add(1) }, Logger: slog.New(slog.DiscardHandler),
		})
		if err != nil || l.Register(ctx) != nil {
			t.Fatal(err)
		}
		go l.Run(ctx)
		synctest.Wait()
		c.setLink(down)
		begin := time.Now()
		at := func(d time.Duration, ready, valid bool, wipes int64) {
			t.Helper()
			wait(ctx, d-time.Since(begin))
			synctest.Wait()
			if (l.Ready() == nil) != ready || l.Valid() != valid || wiped.Load() != wipes {
				t.Errorf("after %v: got ready %v, valid %v, wiped %d times, want %v, %v, %d", d, l.Ready(), l.Valid(), wiped.Load(), ready, valid, wipes)
			}
		}
		at(l.Length()/2-time.Millisecond, true, true, 0)
		at(l.Length()/2+time.Millisecond, false, true, 0)
		at(l.Length()-time.Millisecond, false, true, 0)
		at(l.Length(), false, false, 0)
		at(l.Length()+59*time.Second, false, false, 0)
		at(l.Length()+62*time.Second, false, false, 1)
		at(l.Length()+500*time.Second, false, false, 1)
		c.setLink(up)
		at(l.Length()+503*time.Second, true, true, 1)
		if s := l.Stats(); s.Lapses != 1 || s.Missed == 0 || s.Alarms != 0 {
			t.Errorf("got %+v, want one lapse and no alarm", s)
		}
	})
}

// What happened to the store while the node looked away makes it forget everything.
func TestForgetsEverything(t *testing.T) {
	for name, test := range map[string]struct {
		happens      func(s *server)
		gone, alarms uint64
	}{
		"too many changes":          {func(s *server) { s.heads.Revs[0] += window + 1 }, 1, 0},
		"another epoch":             {func(s *server) { s.heads.Epoch++ }, 0, 1},
		"a head that went back":     {func(s *server) { s.heads.Revs[0]-- }, 0, 1},
		"another epoch, and behind": {func(s *server) { s.heads.Epoch++; s.heads.Revs[0]-- }, 0, 1},
	} {
		t.Run(name, func(t *testing.T) {
			quiet(t, func(ctx context.Context, w *world, a, b *member) {
				go a.Run(ctx)
				if _, err := b.conn.commit(ctx, 0); err != nil {
					t.Fatal(err)
				}
				wait(ctx, time.Second)
				if ver, err := a.memory.get(ctx, a.conn, 5); ver != 0 || err != nil {
					t.Fatalf("got version %d, %v, want 0", ver, err)
				}
				u, err := a.Begin()
				if err != nil {
					t.Fatal(err)
				}
				w.mu.Lock()
				test.happens(w.primary)
				w.mu.Unlock()
				wait(ctx, time.Second)
				if s := a.Stats(); s.Gone != test.gone || s.Alarms != test.alarms {
					t.Errorf("got %d gone, %d alarms, want %d and %d", s.Gone, s.Alarms, test.gone, test.alarms)
				}
				if err := u.Check(); !errors.Is(err, coherence.ErrChanged) {
					t.Errorf("got %v, want ErrChanged", err)
				}
				if n := a.memory.Stats().Entries; n != 0 {
					t.Errorf("%d entries are left", n)
				}
				if !a.Valid() {
					t.Error("the node stopped, want it to go on from what is there")
				}
			})
		})
	}
}

func TestAwait(t *testing.T) {
	quiet(t, func(ctx context.Context, _ *world, a, b *member) {
		go a.Run(ctx)
		wait(ctx, 100*time.Millisecond)
		at, err := b.conn.commit(ctx, 0)
		if err != nil {
			t.Fatal(err)
		}
		begin := time.Now()
		if err := a.Await(ctx, at); err != nil || time.Since(begin) > 50*time.Millisecond {
			t.Errorf("got %v after %v, want the change at once", err, time.Since(begin))
		}
		soon, cancel := context.WithTimeout(ctx, time.Second)
		defer cancel()
		before := a.Stats().Beats
		if err := a.Await(soon, store.Position{Shard: 0, Rev: at.Rev + 1}); err != nil || a.Stats().Beats > before+2 {
			t.Errorf("a change of another history: got %v after %d renewals, want no more than two", err, a.Stats().Beats-before)
		}
		a.conn.setLink(down)
		if err := a.Await(soon, store.Position{Shard: 0, Rev: at.Rev + 1}); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("without a store: got %v, want DeadlineExceeded", err)
		}
	})
}

func TestAlone(t *testing.T) {
	l := coherence.Alone()
	u, err := l.Begin()
	if err != nil || u.Check() != nil || l.Ready() != nil || l.Register(t.Context()) != nil {
		t.Errorf("got %v, %v, %v, want a lease that holds", err, u.Check(), l.Ready())
	}
	l.Changed()
	if err := u.Check(); !errors.Is(err, coherence.ErrChanged) {
		t.Errorf("got %v, want ErrChanged", err)
	}
	if r := l.Barrier(t.Context(), []store.Position{{Shard: 1, Rev: 1}}); !r.Fenced() {
		t.Errorf("got %v, want fenced", r)
	}
	l.Run(t.Context())
	if err := l.Await(t.Context(), store.Position{Shard: 1, Rev: 1}); err != nil {
		t.Errorf("Await: %v", err)
	}
}

// What a request pays: one use.
func BenchmarkUse(b *testing.B) {
	c := &conn{w: newWorld(1)}
	l, err := coherence.New(coherence.Config{Engine: c, Memory: newMemory(b.Context())})
	if err != nil || l.Register(b.Context()) != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	b.RunParallel(func(p *testing.PB) {
		for p.Next() {
			u, err := l.Begin()
			if err != nil || u.Check() != nil {
				b.Error("the lease does not hold")
				return
			}
		}
	})
}

func TestMachineClocks(t *testing.T) {
	l, err := coherence.New(coherence.Config{})
	if err != nil {
		t.Fatal(err)
	}
	for before, i := l.Clock(), 0; i < 1000; i++ {
		now := l.Clock()
		if now.Monotonic < before.Monotonic || now.Boot < now.Monotonic {
			t.Fatalf("got %+v after %+v", now, before)
		}
		before = now
	}
	if off := l.Clock().Wall - time.Duration(time.Now().UnixNano()); off.Abs() > time.Minute {
		t.Errorf("the wall clock is off by %v", off)
	}
}
