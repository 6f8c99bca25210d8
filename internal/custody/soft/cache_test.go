package soft

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"

	"qkms/internal/custody"
	"qkms/internal/memo"
)

func ref(i int) custody.Ref { return custody.Ref{KeyID: fmt.Sprint(i)} }

// keyOf is the material that counting loads for r.
func keyOf(r custody.Ref) []byte { return bytes.Repeat([]byte{1 + r.KeyID[0]}, 32) }

// counting returns a load function that always succeeds, with how often it was called.
func counting() (func(context.Context, custody.Ref) (material, error), *atomic.Int32) {
	var calls atomic.Int32
	return func(_ context.Context, r custody.Ref) (material, error) {
		calls.Add(1)
		return copyMaterial(symmetric, keyOf(r)), nil
	}, &calls
}

// peek holds r, returns its own bytes (not a copy) and the entry, released.
func peek(t *testing.T, c *cache, r custody.Ref) ([]byte, *entry) {
	t.Helper()
	e, err := c.hold(t.Context(), r)
	if err != nil {
		t.Fatalf("hold: %v", err)
	}
	defer e.release()
	return e.key.bytes(), e
}

func isZero(b []byte) bool { return bytes.Equal(b, make([]byte, len(b))) }

// check verifies that exactly n materials are in memory.
func check(t *testing.T, c *cache, n int) {
	t.Helper()
	if got := c.Stats().Entries; got != n {
		t.Errorf("got %d materials in memory, want %d", got, n)
	}
}

func TestHitsDoNotLoad(t *testing.T) {
	load, calls := counting()
	c := newCache(memo.NewBudget(1<<20), load)
	for range 3 {
		peek(t, c, ref(1))
	}
	if got := calls.Load(); got != 1 {
		t.Errorf("loads: got %d, want 1", got)
	}
}

func TestConcurrentMissesLoadOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		load, calls := counting()
		gate := make(chan struct{})
		c := newCache(memo.NewBudget(1<<20), func(ctx context.Context, r custody.Ref) (material, error) {
			<-gate
			return load(ctx, r)
		})
		var wg sync.WaitGroup
		for range 20 {
			wg.Go(func() { peek(t, c, ref(1)) })
		}
		synctest.Wait()
		close(gate)
		wg.Wait()
		if got := calls.Load(); got != 1 {
			t.Errorf("loads: got %d, want 1", got)
		}
	})
}

func TestFailuresAreNotRemembered(t *testing.T) {
	load, _ := counting()
	broken := true
	c := newCache(memo.NewBudget(1<<20), func(ctx context.Context, r custody.Ref) (material, error) {
		if broken {
			return material{}, custody.ErrNoMaterial
		}
		return load(ctx, r)
	})
	if _, err := c.hold(t.Context(), ref(1)); !errors.Is(err, custody.ErrNoMaterial) {
		t.Errorf("got %v, want ErrNoMaterial", err)
	}
	check(t, c, 0)
	broken = false
	peek(t, c, ref(1))
}

// room is a budget for about n symmetric keys.
func room(n int64) *memo.Budget {
	b := memo.NewBudget(1 << 20)
	c := newCache(b, func(context.Context, custody.Ref) (material, error) {
		return copyMaterial(symmetric, make([]byte, 32)), nil
	})
	if e, err := c.hold(context.Background(), ref(0)); err == nil {
		e.release()
	}
	return memo.NewBudget(n * b.Used())
}

func TestEvictedKeysAreZero(t *testing.T) {
	load, _ := counting()
	const keys, fit = 100, 20
	c := newCache(room(fit), load)
	var all [][]byte
	for i := range keys {
		b, _ := peek(t, c, ref(i))
		all = append(all, b)
	}
	zero := 0
	for _, b := range all {
		if isZero(b) {
			zero++
		}
	}
	if there := c.Stats().Entries; zero != keys-there || there > fit || there < fit/2 {
		t.Errorf("zeroed: got %d of %d keys with %d in memory, want all others, and about %d", zero, keys, there, fit)
	}
}

// There is not even room for one: it is used, and gone.
func TestKeysWithoutRoom(t *testing.T) {
	load, calls := counting()
	c := newCache(room(1), load)
	for i := range 3 {
		e, err := c.hold(t.Context(), ref(7))
		if err != nil {
			t.Fatal(err)
		}
		b := e.key.bytes()
		if !bytes.Equal(b, keyOf(ref(7))) {
			t.Errorf("held: got %x, want the key", b)
		}
		e.release()
		if !isZero(b) || calls.Load() != int32(i+1) {
			t.Errorf("released: got %x after %d loads, want zeroes after %d", b, calls.Load(), i+1)
		}
	}
	check(t, c, 0)
}

func TestForget(t *testing.T) {
	load, calls := counting()
	c := newCache(memo.NewBudget(1<<20), load)
	first, _ := peek(t, c, ref(0))
	others := [][]byte{}
	for i := 1; i < 4; i++ {
		b, _ := peek(t, c, ref(i))
		others = append(others, b)
	}
	c.Drop(ref(0))
	c.Drop(ref(9)) // never there
	check(t, c, 3)
	if !isZero(first) {
		t.Errorf("forgotten: got %x, want zeroes", first)
	}
	for i, b := range others {
		if isZero(b) {
			t.Errorf("key %d: got zeroes, want it untouched", i+1)
		}
	}
	if b, _ := peek(t, c, ref(0)); isZero(b) || calls.Load() != 5 {
		t.Errorf("again: got %x after %d loads, want the key after 5", b, calls.Load())
	}
	check(t, c, 4)
	c.DropAll()
	check(t, c, 0)
	for i, b := range others {
		if !isZero(b) {
			t.Errorf("key %d: got %x, want zeroes", i+1, b)
		}
	}
	peek(t, c, ref(1))
	check(t, c, 1)
}

// What there is no room for is forgotten like all else, also just before whoever loaded it comes to use it.
func TestForgetWithoutRoom(t *testing.T) {
	for name, drop := range map[string]func(*cache){
		"Drop":    func(c *cache) { c.Drop(ref(7)) },
		"DropAll": (*cache).DropAll,
	} {
		t.Run(name, func(t *testing.T) {
			load, _ := counting()
			c := newCache(room(1), load)
			e, err := c.fill(t.Context(), ref(7))
			if err != nil {
				t.Fatal(err)
			}
			c.Drop(ref(8)) // somebody else's
			if isZero(e.key.bytes()) {
				t.Error("got zeroes, want the key until it is forgotten")
			}
			drop(c)
			if got := e.key.bytes(); !isZero(got) || e.acquire() {
				t.Errorf("got %x, and it can be used; want zeroes", got)
			}
			peek(t, c, ref(7)) // loaded anew
			if n := len(c.away.entries); n != 0 {
				t.Errorf("got %d entries without room that nobody uses", n)
			}
		})
	}
}

func TestForgetWaitsForUse(t *testing.T) {
	load, _ := counting()
	c := newCache(memo.NewBudget(1<<20), load)
	e, err := c.hold(t.Context(), ref(1))
	if err != nil {
		t.Fatal(err)
	}
	held := e.key.bytes()
	done := make(chan struct{})
	go func() { c.Drop(ref(1)); close(done) }()
	for e.mu.TryRLock() { // fails as soon as the writer is waiting
		e.mu.RUnlock()
		runtime.Gosched()
	}
	if !bytes.Equal(held, keyOf(ref(1))) {
		t.Errorf("while held: got %x, want the key", held)
	}
	e.release()
	<-done
	if !isZero(held) {
		t.Errorf("after forget: got %x, want zeroes", held)
	}
}

func TestForgetDuringLoad(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		gate, deleted := make(chan struct{}), false
		stale := copyMaterial(symmetric, keyOf(ref(1)))
		c := newCache(memo.NewBudget(1<<20), func(context.Context, custody.Ref) (material, error) {
			if deleted {
				return material{}, custody.ErrNoMaterial
			}
			<-gate
			return stale, nil
		})
		answer := make(chan error)
		go func() { _, err := c.hold(t.Context(), ref(1)); answer <- err }()
		synctest.Wait()
		deleted = true
		c.Drop(ref(1))
		close(gate)
		if err := <-answer; !errors.Is(err, custody.ErrNoMaterial) {
			t.Errorf("got %v, want ErrNoMaterial: the record was deleted before Forget", err)
		}
		if !isZero(stale.bytes()) {
			t.Errorf("loaded: got %x, want zeroes", stale.bytes())
		}
		check(t, c, 0)
	})
}

// Who asks after a Forget does not wait for what began to be read before it.
func TestNobodyJoinsALoadThatWasForgotten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		load, calls := counting()
		gate := make(chan struct{})
		c := newCache(memo.NewBudget(1<<20), func(ctx context.Context, r custody.Ref) (material, error) {
			if key, err := load(ctx, r); calls.Load() > 1 {
				return key, err
			}
			<-gate
			return copyMaterial(symmetric, keyOf(ref(9))), nil // what was there before
		})
		early := make(chan error)
		go func() { _, err := c.hold(t.Context(), ref(1)); early <- err }()
		synctest.Wait()
		c.Drop(ref(1))
		if b, _ := peek(t, c, ref(1)); !bytes.Equal(b, keyOf(ref(1))) {
			t.Errorf("got %x, want what is there now", b)
		}
		close(gate)
		if err := <-early; err != nil {
			t.Error(err)
		}
		if b, _ := peek(t, c, ref(1)); !bytes.Equal(b, keyOf(ref(1))) || calls.Load() != 2 {
			t.Errorf("got %x after %d loads, want what is there now after 2", b, calls.Load())
		}
	})
}

func TestCancelledLoadFailsItsCallerOnly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		load, _ := counting()
		first := true
		c := newCache(memo.NewBudget(1<<20), func(ctx context.Context, r custody.Ref) (material, error) {
			if first {
				first = false
				<-ctx.Done()
				return material{}, fmt.Errorf("load: %w", ctx.Err())
			}
			return load(ctx, r)
		})
		ctx, cancel := context.WithCancel(t.Context())
		loader, waiter := make(chan error), make(chan error)
		go func() { _, err := c.hold(ctx, ref(1)); loader <- err }()
		synctest.Wait()
		go func() { peek(t, c, ref(1)); waiter <- nil }()
		synctest.Wait()
		cancel()
		if err := <-loader; !errors.Is(err, context.Canceled) {
			t.Errorf("loader: got %v, want context.Canceled", err)
		}
		<-waiter
	})
}

func TestWaitingEndsWithItsOwnContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		load, _ := counting()
		gate := make(chan struct{})
		c := newCache(memo.NewBudget(1<<20), func(ctx context.Context, r custody.Ref) (material, error) {
			<-gate
			return load(ctx, r)
		})
		loader := make(chan struct{})
		go func() { peek(t, c, ref(1)); close(loader) }()
		synctest.Wait()
		ctx, cancel := context.WithCancel(t.Context())
		waiter := make(chan error)
		go func() { _, err := c.hold(ctx, ref(1)); waiter <- err }()
		synctest.Wait()
		cancel()
		if err := <-waiter; !errors.Is(err, context.Canceled) {
			t.Errorf("got %v, want context.Canceled", err)
		}
		close(gate)
		<-loader
	})
}

func TestPanicInLoadLeavesNothingBehind(t *testing.T) {
	load, _ := counting()
	broken := true
	c := newCache(memo.NewBudget(1<<20), func(ctx context.Context, r custody.Ref) (material, error) {
		if broken {
			panic("shelf fell over")
		}
		return load(ctx, r)
	})
	func() {
		defer func() { _ = recover() }()
		_, _ = c.hold(t.Context(), ref(1))
	}()
	check(t, c, 0)
	broken = false
	peek(t, c, ref(1))
}

// TestNobodySeesAWipedKey has more keys than room, with forgets in between, and looks at every held
// key twice. Under -race it also shows that wiping and using never overlap.
func TestNobodySeesAWipedKey(t *testing.T) {
	load, _ := counting()
	c := newCache(room(12), load)
	var wg sync.WaitGroup
	for worker := range 8 {
		wg.Go(func() {
			random := rand.New(rand.NewPCG(1, uint64(worker)))
			for range 2000 {
				r := ref(random.IntN(30))
				if random.IntN(10) == 0 {
					c.Drop(r)
				}
				if random.IntN(200) == 0 {
					c.DropAll()
				}
				e, err := c.hold(t.Context(), r)
				if err != nil {
					t.Errorf("hold: %v", err)
					return
				}
				before := bytes.Clone(e.key.bytes())
				runtime.Gosched()
				if want := keyOf(r); !bytes.Equal(before, want) || !bytes.Equal(e.key.bytes(), want) {
					t.Errorf("key %s: got %x, then %x", r.KeyID, before, e.key.bytes())
				}
				e.release()
			}
		})
	}
	wg.Wait()
	c.DropAll()
	check(t, c, 0)
}
