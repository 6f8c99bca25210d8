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

// check verifies what must hold between any two calls.
func check(t *testing.T, c *cache) {
	t.Helper()
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.ring) > c.size || len(c.ring) != len(c.byRef) || c.hand > 0 && c.hand >= len(c.ring) {
		t.Errorf("got %d in ring, %d by ref, hand %d, want at most %d, all of them", len(c.ring), len(c.byRef), c.hand, c.size)
	}
	for i, e := range c.ring {
		if e.slot != i || c.byRef[e.ref] != e || e.dropped {
			t.Errorf("slot %d: got entry of slot %d, dropped %v", i, e.slot, e.dropped)
		}
	}
}

func TestHitsDoNotLoad(t *testing.T) {
	load, calls := counting()
	c := newCache(2, load)
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
		c := newCache(2, func(ctx context.Context, r custody.Ref) (material, error) {
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
	c := newCache(2, func(ctx context.Context, r custody.Ref) (material, error) {
		if broken {
			return material{}, custody.ErrNoMaterial
		}
		return load(ctx, r)
	})
	if _, err := c.hold(t.Context(), ref(1)); !errors.Is(err, custody.ErrNoMaterial) {
		t.Errorf("got %v, want ErrNoMaterial", err)
	}
	check(t, c)
	broken = false
	peek(t, c, ref(1))
}

func TestEvictedKeysAreZero(t *testing.T) {
	load, _ := counting()
	c := newCache(3, load)
	var all [][]byte
	for i := range 10 {
		b, _ := peek(t, c, ref(i))
		all = append(all, b)
		check(t, c)
	}
	zero := 0
	for _, b := range all {
		if isZero(b) {
			zero++
		}
	}
	if zero != 7 {
		t.Errorf("zeroed: got %d of 10 keys, want 7", zero)
	}
}

func TestKeysInUseStay(t *testing.T) {
	load, calls := counting()
	c := newCache(4, load)
	peek(t, c, ref(0))
	for i := 1; i < 10; i++ {
		peek(t, c, ref(i))
		peek(t, c, ref(0))
	}
	if got := calls.Load(); got != 10 {
		t.Errorf("loads: got %d, want 10, the busy key once", got)
	}
}

func TestForget(t *testing.T) {
	load, calls := counting()
	c := newCache(4, load)
	first, _ := peek(t, c, ref(0))
	others := [][]byte{}
	for i := 1; i < 4; i++ {
		b, _ := peek(t, c, ref(i))
		others = append(others, b)
	}
	c.forget(ref(0))
	c.forget(ref(9)) // never there
	check(t, c)
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
	check(t, c)
	c.forgetAll()
	check(t, c)
	for i, b := range others {
		if !isZero(b) {
			t.Errorf("key %d: got %x, want zeroes", i+1, b)
		}
	}
	peek(t, c, ref(1))
	check(t, c)
}

func TestForgetWaitsForUse(t *testing.T) {
	load, _ := counting()
	c := newCache(4, load)
	e, err := c.hold(t.Context(), ref(1))
	if err != nil {
		t.Fatal(err)
	}
	held := e.key.bytes()
	done := make(chan struct{})
	go func() { c.forget(ref(1)); close(done) }()
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
		c := newCache(4, func(context.Context, custody.Ref) (material, error) {
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
		c.forget(ref(1))
		close(gate)
		if err := <-answer; !errors.Is(err, custody.ErrNoMaterial) {
			t.Errorf("got %v, want ErrNoMaterial: the record was deleted before Forget", err)
		}
		if !isZero(stale.bytes()) {
			t.Errorf("loaded: got %x, want zeroes", stale.bytes())
		}
		check(t, c)
	})
}

// Who asks after a Forget does not wait for what began to be read before it.
func TestNobodyJoinsALoadThatWasForgotten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		load, calls := counting()
		gate := make(chan struct{})
		c := newCache(4, func(ctx context.Context, r custody.Ref) (material, error) {
			if key, err := load(ctx, r); calls.Load() > 1 {
				return key, err
			}
			<-gate
			return copyMaterial(symmetric, keyOf(ref(9))), nil // what was there before
		})
		early := make(chan error)
		go func() { _, err := c.hold(t.Context(), ref(1)); early <- err }()
		synctest.Wait()
		c.forget(ref(1))
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
		c := newCache(4, func(ctx context.Context, r custody.Ref) (material, error) {
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
		c := newCache(4, func(ctx context.Context, r custody.Ref) (material, error) {
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
	c := newCache(4, func(ctx context.Context, r custody.Ref) (material, error) {
		if broken {
			panic("shelf fell over")
		}
		return load(ctx, r)
	})
	func() {
		defer func() { _ = recover() }()
		_, _ = c.hold(t.Context(), ref(1))
	}()
	check(t, c)
	broken = false
	peek(t, c, ref(1))
}

// TestNobodySeesAWipedKey has more keys than room, with forgets in between, and looks at every held
// key twice. Under -race it also shows that wiping and using never overlap.
func TestNobodySeesAWipedKey(t *testing.T) {
	load, _ := counting()
	c := newCache(3, load)
	var wg sync.WaitGroup
	for worker := range 8 {
		wg.Go(func() {
			random := rand.New(rand.NewPCG(1, uint64(worker)))
			for range 2000 {
				r := ref(random.IntN(8))
				if random.IntN(10) == 0 {
					c.forget(r)
				}
				if random.IntN(200) == 0 {
					c.forgetAll()
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
	check(t, c)
}
