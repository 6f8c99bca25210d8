package memo_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"

	"qkms/internal/memo"
)

var errBroken = errors.New("broken")

// size is what values are said to take.
const size = 100

// A place is what is read from: one number, and a gate that every read stops at when it has looked.
type place struct {
	value, reads atomic.Int64
	gate         chan struct{} // nil: open
}

func (p *place) read(ctx context.Context) (int64, int64, error) {
	p.reads.Add(1)
	v := p.value.Load()
	if p.gate != nil {
		select {
		case <-p.gate:
		case <-ctx.Done():
			return 0, 0, ctx.Err()
		}
	}
	if v < 0 {
		return v, size, errBroken
	}
	if v == 0 {
		return 0, 0, nil
	}
	return v, size, nil
}

// get is how a cache is used.
func get(ctx context.Context, c *memo.Cache[string, int64], key string, p *place) (int64, error) {
	if v, ok := c.Get(key); ok {
		return v, nil
	}
	return c.Load(ctx, key, p.read)
}

func TestKeptUntilDropped(t *testing.T) {
	for name, drop := range map[string]func(*memo.Cache[string, int64]){
		"Drop":    func(c *memo.Cache[string, int64]) { c.Drop("k") },
		"DropAll": func(c *memo.Cache[string, int64]) { c.DropAll() },
	} {
		t.Run(name, func(t *testing.T) {
			c, p := memo.New[int64](memo.NewBudget(1<<20)), &place{}
			for _, v := range []int64{7, 8} {
				p.value.Store(v)
				for range 3 {
					if got, err := get(t.Context(), c, "k", p); got != v || err != nil {
						t.Errorf("got %d, %v, want %d", got, err, v)
					}
				}
				if got, ok := memo.Find(c, []byte("k")); got != v || !ok {
					t.Errorf("Find: got %d, %v, want %d", got, ok, v)
				}
				drop(c)
			}
			if n := p.reads.Load(); n != 2 {
				t.Errorf("got %d reads, want 2", n)
			}
			if s := c.Stats(); s != (memo.Stats{Hits: 6, Misses: 2}) {
				t.Errorf("got %+v, want 6 hits, 2 misses and nothing left", s)
			}
		})
	}
}

func TestNotKept(t *testing.T) {
	for name, v := range map[string]int64{"what read does not want kept": 0, "what came with an error": -1} {
		t.Run(name, func(t *testing.T) {
			c, p := memo.New[int64](memo.NewBudget(1<<20)), &place{}
			p.value.Store(v)
			for range 2 {
				if got, err := get(t.Context(), c, "k", p); got != 0 || (err != nil) != (v < 0) {
					t.Errorf("got %d, %v, want 0 and an error: %v", got, err, v < 0)
				}
			}
			if n := p.reads.Load(); n != 2 {
				t.Errorf("got %d reads, want 2", n)
			}
		})
	}
}

// crowd lets n callers miss at once, opens the gate and returns what they got.
func crowd(t *testing.T, n int, value int64, during func(c *memo.Cache[string, int64], p *place, wg *sync.WaitGroup)) (p *place, c *memo.Cache[string, int64], got []int64, errs []error) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		p, c = &place{gate: make(chan struct{})}, memo.New[int64](memo.NewBudget(1<<20))
		p.value.Store(value)
		got, errs = make([]int64, n), make([]error, n)
		var wg sync.WaitGroup
		for i := range n {
			wg.Go(func() { got[i], errs[i] = get(t.Context(), c, "k", p) })
		}
		synctest.Wait()
		during(c, p, &wg)
		close(p.gate)
		wg.Wait()
	})
	return p, c, got, errs
}

func TestOneReadsForAll(t *testing.T) {
	for name, value := range map[string]int64{"a value": 5, "an error": -1, "an absence": 0} {
		t.Run(name, func(t *testing.T) {
			p, _, got, errs := crowd(t, 100, value, func(*memo.Cache[string, int64], *place, *sync.WaitGroup) {})
			for i := range got {
				if got[i] != max(value, 0) || (errs[i] != nil) != (value < 0) {
					t.Fatalf("caller %d got %d, %v, want %d", i, got[i], errs[i], value)
				}
			}
			if n := p.reads.Load(); n != 1 {
				t.Errorf("got %d reads, want 1", n)
			}
		})
	}
}

// What was read before a drop is given to nobody who asks after it, and does not enter.
func TestNobodyJoinsALoadOfBeforeADrop(t *testing.T) {
	for name, drop := range map[string]func(*memo.Cache[string, int64]){
		"Drop":    func(c *memo.Cache[string, int64]) { c.Drop("k") },
		"DropAll": func(c *memo.Cache[string, int64]) { c.DropAll() },
	} {
		t.Run(name, func(t *testing.T) {
			p, c, got, errs := crowd(t, 3, 1, func(c *memo.Cache[string, int64], p *place, wg *sync.WaitGroup) {
				p.value.Store(2)
				drop(c)
				for range 10 {
					wg.Go(func() {
						if v, err := get(context.Background(), c, "k", p); v != 2 || err != nil {
							t.Errorf("asked after the drop: got %d, %v, want 2", v, err)
						}
					})
				}
				synctest.Wait()
			})
			for i := range got {
				if got[i] != 1 || errs[i] != nil {
					t.Errorf("asked before the drop: got %d, %v, want 1", got[i], errs[i])
				}
			}
			if n := p.reads.Load(); n != 2 {
				t.Errorf("got %d reads, want 2", n)
			}
			if v, ok := c.Get("k"); ok && v != 2 {
				t.Errorf("got %d remembered, want 2", v)
			}
		})
	}
}

// A drop of one key leaves the load of another alone.
func TestOtherLoadsGoOn(t *testing.T) {
	p, c, _, _ := crowd(t, 3, 1, func(c *memo.Cache[string, int64], _ *place, _ *sync.WaitGroup) {
		for i := range 1000 {
			c.Drop(fmt.Sprint(i))
		}
	})
	if v, ok := c.Get("k"); v != 1 || !ok || p.reads.Load() != 1 {
		t.Errorf("got %d, %v after %d reads, want 1 after one", v, ok, p.reads.Load())
	}
}

func TestWhoGivesUpIsReplaced(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, c := &place{gate: make(chan struct{})}, memo.New[int64](memo.NewBudget(1<<20))
		p.value.Store(3)
		first, giveUp := context.WithCancel(t.Context())
		var wg sync.WaitGroup
		wg.Go(func() {
			if _, err := get(first, c, "k", p); !errors.Is(err, context.Canceled) {
				t.Errorf("who gave up: got %v, want Canceled", err)
			}
		})
		synctest.Wait()
		for range 10 {
			wg.Go(func() {
				if v, err := get(t.Context(), c, "k", p); v != 3 || err != nil {
					t.Errorf("who waited: got %d, %v, want 3", v, err)
				}
			})
		}
		synctest.Wait()
		waiting, leave := context.WithCancel(t.Context())
		wg.Go(func() {
			if _, err := get(waiting, c, "k", p); !errors.Is(err, context.Canceled) {
				t.Errorf("who waited and left: got %v, want Canceled", err)
			}
		})
		synctest.Wait()
		leave()
		giveUp()
		synctest.Wait()
		close(p.gate)
		wg.Wait()
		if n := p.reads.Load(); n != 2 {
			t.Errorf("got %d reads, want 2", n)
		}
	})
}

func TestPanicLetsTheOthersGo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, gate := memo.New[int64](memo.NewBudget(1<<20)), make(chan struct{})
		var wg sync.WaitGroup
		wg.Go(func() {
			defer func() {
				if recover() == nil {
					t.Error("the panic was swallowed")
				}
			}()
			_, _ = c.Load(t.Context(), "k", func(context.Context) (int64, int64, error) { <-gate; panic("a mistake") })
		})
		synctest.Wait()
		wg.Go(func() {
			if _, err := c.Load(t.Context(), "k", func(context.Context) (int64, int64, error) { return 1, size, nil }); err == nil {
				t.Error("who waited got no error")
			}
		})
		synctest.Wait()
		close(gate)
		wg.Wait()
		if v, err := get(t.Context(), c, "k", &place{}); v != 0 || err != nil {
			t.Errorf("the next: got %d, %v, want a read of its own", v, err)
		}
	})
}
