package bulkhead_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"qkms/internal/bulkhead"
)

// A gang keeps lanes busy: each of its members computes until it is let go.
type gang struct {
	t    *testing.T
	wg   sync.WaitGroup
	mu   sync.Mutex
	done []string // in the order in which they began
}

// send has name compute, and returns when it does or waits. What it returned is in err once all is over.
func (g *gang) send(ctx context.Context, l *bulkhead.Lane, flow bulkhead.Flow, name string, gate <-chan struct{}) (err *error) {
	err = new(error)
	g.wg.Go(func() {
		*err = l.Do(ctx, flow, func() {
			g.mu.Lock()
			g.done = append(g.done, name)
			g.mu.Unlock()
			<-gate
		})
	})
	synctest.Wait()
	return err
}

func (g *gang) end(gate chan struct{}) {
	close(gate)
	g.wg.Wait()
}

var flow = bulkhead.Flow{Account: "111122223333", Key: "k"}

func TestOneCoreStaysFree(t *testing.T) {
	for _, row := range []struct{ cores, short, long, both int }{
		{1, 1, 1, 2}, // each lane has one
		{2, 1, 1, 2},
		{3, 2, 1, 2},
		{4, 3, 1, 3},
		{8, 7, 3, 7},
	} {
		t.Run(fmt.Sprint(row.cores, " cores"), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				for name, lanes := range map[string]func(*bulkhead.Bulkhead) []*bulkhead.Lane{
					"short": func(b *bulkhead.Bulkhead) []*bulkhead.Lane { return []*bulkhead.Lane{b.Short} },
					"long":  func(b *bulkhead.Bulkhead) []*bulkhead.Lane { return []*bulkhead.Lane{b.Long} },
					"both":  func(b *bulkhead.Bulkhead) []*bulkhead.Lane { return []*bulkhead.Lane{b.Long, b.Short} },
				} {
					b, g, gate := bulkhead.New(row.cores), &gang{t: t}, make(chan struct{})
					for _, l := range lanes(b) {
						for range 10 {
							g.send(t.Context(), l, flow, name, gate)
						}
					}
					want := map[string]int{"short": row.short, "long": row.long, "both": row.both}[name]
					if got := b.Short.Stats().Running + b.Long.Stats().Running; got != want {
						t.Errorf("%s: got %d running, want %d", name, got, want)
					}
					g.end(gate)
					if got := b.Short.Stats(); got.Running != 0 || got.Waiting != 0 {
						t.Errorf("%s: got %+v in the end", name, got)
					}
				}
			})
		})
	}
}

// Who floods a lane waits behind itself: accounts take turns, and keys of an account.
func TestTurns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, g, gate := bulkhead.New(2), &gang{t: t}, make(chan struct{})
		for _, name := range []string{"first", "a1", "a1", "a1", "a1", "a2", "b1", "a1", "b1"} {
			g.send(t.Context(), b.Short, bulkhead.Flow{Account: name[:1], Key: name[1:]}, name, gate)
		}
		g.end(gate)
		want := []string{"first", "a1", "b1", "a2", "b1", "a1", "a1", "a1", "a1"}
		if !slices.Equal(g.done, want) {
			t.Errorf("got %v, want %v", g.done, want)
		}
	})
}

// When a lane is full, who has most in it is refused, and everybody else is still let in.
func TestTheFloodIsRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, g, gate := bulkhead.New(2), &gang{t: t}, make(chan struct{})
		flood := bulkhead.Flow{Account: "a", Key: "flood"}
		g.send(t.Context(), b.Short, flood, "runs", gate)
		var waiting []*error
		for b.Short.Stats().Refused == 0 {
			waiting = append(waiting, g.send(t.Context(), b.Short, flood, "flood", gate))
		}
		if last := *waiting[len(waiting)-1]; !errors.Is(last, bulkhead.ErrFull) {
			t.Errorf("one too many: got %v, want ErrFull", last)
		}
		room := b.Short.Stats().Waiting
		if len(waiting) != room+1 {
			t.Errorf("got %d waiting of %d that came", room, len(waiting))
		}
		for _, other := range []bulkhead.Flow{{Account: "a", Key: "quiet"}, {Account: "b", Key: "quiet"}} {
			quiet := g.send(t.Context(), b.Short, other, "quiet", gate)
			if *quiet != nil {
				t.Errorf("%v: got %v", other, *quiet)
			}
		}
		if got := b.Short.Stats(); got.Refused != 3 || got.Waiting != room {
			t.Errorf("got %+v, want 3 refused and %d waiting", got, room)
		}
		g.end(gate)
		refused := 0
		for _, err := range waiting {
			if errors.Is(*err, bulkhead.ErrFull) {
				refused++
			}
		}
		if quiet := slices.Index(g.done, "quiet"); refused != 3 || quiet > 2 {
			t.Errorf("got %d of the flood refused, the first other after %d computations; want 3, 2 at most", refused, quiet)
		}
	})
}

// Nobody waits for ever, for a client that has gone, or holds a place that it does not want any more.
func TestWaitingEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, g, gate := bulkhead.New(2), &gang{t: t}, make(chan struct{})
		g.send(t.Context(), b.Short, flow, "runs", gate)
		ctx, cancel := context.WithCancel(t.Context())
		gone := g.send(ctx, b.Short, flow, "gone", gate)
		late := make(chan error)
		go func() { late <- b.Short.Do(t.Context(), flow, func() { t.Error("late, and called") }) }()
		synctest.Wait()
		cancel()
		synctest.Wait()
		if !errors.Is(*gone, context.Canceled) || b.Short.Stats().Waiting != 1 {
			t.Errorf("got %v, %+v; want context.Canceled, one waiting", *gone, b.Short.Stats())
		}
		if err := <-late; !errors.Is(err, bulkhead.ErrFull) {
			t.Errorf("got %v, want ErrFull", err)
		}
		if got := b.Short.Stats(); got.Waiting != 0 || got.Refused != 1 || got.Waited != 2 || got.Begun != 1 || got.Wait < 2*time.Second {
			t.Errorf("got %+v", got)
		}
		if err := b.Short.Do(ctx, flow, func() { t.Error("called for nobody") }); !errors.Is(err, context.Canceled) {
			t.Errorf("got %v, want context.Canceled", err)
		}
		g.end(gate)
		if !slices.Equal(g.done, []string{"runs"}) {
			t.Errorf("got %v begun", g.done)
		}
		if err := b.Short.Do(t.Context(), flow, func() {}); err != nil {
			t.Errorf("afterwards: got %v", err)
		}
	})
}

// A computation that panics gives its slot back.
func TestPanics(t *testing.T) {
	b := bulkhead.New(1)
	func() {
		defer func() { _ = recover() }()
		_ = b.Long.Do(t.Context(), flow, func() { panic("as it must") })
	}()
	if err := b.Long.Do(t.Context(), flow, func() {}); err != nil || b.Long.Stats().Running != 0 {
		t.Errorf("got %v, %+v", err, b.Long.Stats())
	}
}

// What nobody waits for begins when all others have ended, however long that takes.
func TestIdle(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, g, gate, spare := bulkhead.New(4), &gang{t: t}, make(chan struct{}), make(chan struct{})
		g.send(t.Context(), b.Short, flow, "short", gate)
		ctx, cancel := context.WithCancel(t.Context())
		var given, began error
		g.wg.Go(func() { given = b.Long.DoIdle(ctx, func() { t.Error("called for nobody") }) })
		synctest.Wait()
		g.wg.Go(func() {
			began = b.Long.DoIdle(t.Context(), func() { g.done = append(g.done, "idle"); <-spare })
		})
		<-time.After(time.Hour) // of the bubble's clock
		g.send(t.Context(), b.Long, flow, "long", gate)
		cancel()
		close(gate)
		synctest.Wait()
		if !slices.Equal(g.done, []string{"short", "long", "idle"}) || b.Long.Stats().Running != 1 {
			t.Errorf("got %v begun, %+v", g.done, b.Long.Stats())
		}
		close(spare)
		g.wg.Wait()
		if began != nil || !errors.Is(given, context.Canceled) {
			t.Errorf("got %v and %v, want nil and context.Canceled", began, given)
		}
	})
}

// BenchmarkDo is the cost of a turn that nobody disputes.
func BenchmarkDo(b *testing.B) {
	l := bulkhead.New(2).Short
	b.ReportAllocs()
	for b.Loop() {
		_ = l.Do(b.Context(), flow, func() {})
	}
}
