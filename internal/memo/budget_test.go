package memo_test

import (
	"context"
	"fmt"
	"hash/maphash"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"

	"qkms/internal/memo"
)

// load has c remember v of key, as so many bytes.
func load(t *testing.T, c *memo.Cache[string, int64], key string, v, bytes int64) {
	t.Helper()
	got, err := c.Load(t.Context(), key, func(context.Context) (int64, int64, error) { return v, bytes, nil })
	if got != v || err != nil {
		t.Fatalf("Load %s: got %d, %v, want %d", key, got, err, v)
	}
}

// Two caches with one budget: together they never have more, and what is there when the other needs room goes.
func TestOneCeilingForAll(t *testing.T) {
	b := memo.NewBudget(1 << 20)
	caches := []*memo.Cache[string, int64]{memo.New[int64](b), memo.New[int64](b)}
	held := func() (bytes int64) {
		for _, c := range caches {
			bytes += c.Stats().Bytes
		}
		return bytes
	}
	random := rand.New(rand.NewPCG(1, 2))
	for i := range 20_000 {
		which := i / 5_000 % 2 // in turns for long: one displaces the other
		load(t, caches[which], fmt.Sprint("key ", i), 1, 1+random.Int64N(2000))
		if i%500 == 0 && random.IntN(2) == 0 {
			caches[which].DropAll()
		}
		if h := held(); h > b.Limit() || h != b.Used() {
			t.Fatalf("after %d: got %d bytes, %d paid for, want at most %d", i, h, b.Used(), b.Limit())
		}
	}
	if h := held(); h < b.Limit()*9/10 {
		t.Errorf("got %d bytes, want most of %d", h, b.Limit())
	}
	if s := caches[1].Stats(); s.Evictions == 0 || s.Bytes < b.Limit()*9/10 {
		t.Errorf("who came last: got %+v, want most of the room", s)
	}
	caches[0].DropAll()
	caches[1].DropAll()
	if b.Used() != 0 {
		t.Errorf("empty: got %d bytes paid for, want 0", b.Used())
	}
}

// Somebody goes through a great many keys, others work with a few, which take most of the room.
func TestAFloodLeavesWhatIsInUse(t *testing.T) {
	b := memo.NewBudget(4 << 20)
	c := memo.New[int64](b)
	const busy, bytes, between = 2000, 1500, 200 // three quarters of the room
	for i := range busy {
		load(t, c, fmt.Sprint("busy ", i), 1, bytes)
	}
	again := 0
	for i := range 20_000 {
		load(t, c, fmt.Sprint("flood ", i), 1, bytes)
		if i%between != 0 {
			continue
		}
		for j := range busy {
			if _, ok := c.Get(fmt.Sprint("busy ", j)); !ok {
				load(t, c, fmt.Sprint("busy ", j), 1, bytes)
				again++
			}
		}
	}
	if again > busy/20 {
		t.Errorf("got %d loads of what was in use, want it to stay", again)
	}
	if s := c.Stats(); s.Evictions < 19_000 {
		t.Errorf("got %+v, want the flood to have gone", s)
	}
}

// What would take more than a fourth of the room is given to who asked and not kept.
func TestOneEntryDoesNotTakeAll(t *testing.T) {
	b := memo.NewBudget(1000)
	var alone, gone []int64
	c := memo.Of(memo.Config[string, int64]{
		Budget: b, Hash: maphash.String,
		Alone: func(_ string, v int64) { alone = append(alone, v) }, Gone: func(v int64) { gone = append(gone, v) },
	})
	load(t, c, "small", 1, 1)
	load(t, c, "large", 2, 300)
	if _, ok := c.Get("large"); ok || len(alone) != 1 || alone[0] != 2 || len(gone) != 0 {
		t.Errorf("got %v without room, %v gone, kept: %v, want 2 without room", alone, gone, ok)
	}
	if v, ok := c.Get("small"); !ok || v != 1 {
		t.Errorf("what was there: got %d, %v, want 1", v, ok)
	}
	c.Drop("small")
	if len(gone) != 1 || gone[0] != 1 || b.Used() != 0 {
		t.Errorf("dropped: got %v gone and %d bytes paid for, want 1 and none", gone, b.Used())
	}
}

// Many load, drop and look at once. Each value that was loaded leaves once, and nobody who looks after a drop finds
// what was loaded before it, while tables grow and room is made.
func TestValuesLeaveOnce(t *testing.T) {
	const keys, workers, rounds = 300, 8, 3000
	var left [workers * rounds * 2]atomic.Int32 // by value
	leave := func(v int64) { left[v].Add(1) }
	b := memo.NewBudget(keys * 100)
	c := memo.Of(memo.Config[string, int64]{Budget: b, Hash: maphash.String, Gone: leave, Alone: func(_ string, v int64) { leave(v) }})
	var made atomic.Int64
	var dropped [keys]atomic.Int64 // values up to this must not be found any more
	var wg sync.WaitGroup
	for w := range workers {
		wg.Go(func() {
			random := rand.New(rand.NewPCG(3, uint64(w)))
			for range rounds {
				i := random.IntN(keys)
				key := fmt.Sprint(i)
				before := dropped[i].Load()
				if v, ok := c.Get(key); ok && v < before {
					t.Errorf("got %d, and all before %d were dropped", v, before)
				}
				switch random.IntN(20) {
				case 0:
					now := made.Load()
					c.Drop(key)
					dropped[i].Store(now)
				case 1:
					if random.IntN(20) == 0 {
						c.DropAll()
					}
				default:
					_, err := c.Load(t.Context(), key, func(context.Context) (int64, int64, error) {
						return made.Add(1) - 1, 1 + random.Int64N(400), nil
					})
					if err != nil {
						t.Error(err)
					}
				}
			}
		})
	}
	wg.Wait()
	if s := c.Stats(); s.Bytes != b.Used() || s.Bytes > b.Limit() || s.Evictions == 0 {
		t.Errorf("got %+v, %d bytes paid for, want as many, at most %d, and evictions", s, b.Used(), b.Limit())
	}
	c.DropAll()
	for v := range made.Load() {
		if n := left[v].Load(); n != 1 {
			t.Fatalf("value %d left %d times, want once", v, n)
		}
	}
}

// Finding what is there costs no memory, and takes no lock: the benchmark is for -cpu 1,2.
func TestHitsAllocateNothing(t *testing.T) {
	c := memo.New[int64](memo.NewBudget(1 << 20))
	load(t, c, "a key that is longer than what fits a small buffer", 7, 100)
	name := []byte("a key that is longer than what fits a small buffer")
	if n := testing.AllocsPerRun(100, func() {
		if _, ok := memo.Find(c, name); !ok {
			t.Error("got nothing")
		}
		if _, ok := c.Get("a key that is longer than what fits a small buffer"); !ok {
			t.Error("got nothing")
		}
	}); n != 0 {
		t.Errorf("got %v allocations, want none", n)
	}
}

// BenchmarkGet is of what all requests find: one key that everybody uses, and one of many.
//
//	go test -run '^$' -bench Get -cpu 1,2 ./internal/memo
func BenchmarkGet(b *testing.B) {
	for _, n := range []int{1, 100_000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			c := memo.New[int64](memo.NewBudget(1 << 30))
			keys := make([]string, n)
			for i := range keys {
				keys[i] = fmt.Sprintf("k\x00\x01111122223333\x00\x01us-east-1\x00\x01%036d\x00\x01", i)
				if _, err := c.Load(b.Context(), keys[i], func(context.Context) (int64, int64, error) { return 1, size, nil }); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportAllocs()
			b.ResetTimer()
			b.RunParallel(func(pb *testing.PB) {
				i := rand.IntN(n)
				for pb.Next() {
					if i++; i == n {
						i = 0
					}
					if _, ok := c.Get(keys[i]); !ok {
						b.Error("got nothing")
					}
				}
			})
		})
	}
}
