package throttle_test

import (
	"errors"
	"fmt"
	"math/big"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"pgregory.net/rapid"

	"qkms/internal/fault"
	"qkms/internal/throttle"
)

var start = time.Date(2026, 11, 1, 12, 0, 0, 0, time.UTC)

const (
	account = "111122223333"
	region  = "us-east-1"
)

// limited is a Throttle of one class.
func limited(class throttle.Class, rate int) *throttle.Throttle {
	var rates throttle.Rates
	rates[class] = rate
	return throttle.New(rates, start)
}

// A slow is a token bucket as one would explain it: a level that rises, never over the brim.
type slow struct {
	rate, level *big.Rat
	at          time.Duration
}

func newSlow(rate int) *slow {
	r := new(big.Rat).SetInt64(int64(rate))
	return &slow{rate: r, level: r}
}

func (s *slow) take(at time.Duration, n int) bool {
	s.level = new(big.Rat).Add(s.level, new(big.Rat).Mul(s.rate, big.NewRat(int64(at-s.at), int64(time.Second))))
	s.at = at
	if s.level.Cmp(s.rate) > 0 {
		s.level = s.rate
	}
	want := new(big.Rat).SetInt64(int64(n))
	if want.Cmp(s.rate) > 0 {
		want = s.rate
	}
	if s.level.Cmp(want) < 0 {
		return false
	}
	s.level = new(big.Rat).Sub(s.level, want)
	return true
}

// Whatever comes whenever, a Throttle does what a token bucket for each account, Region and class does,
// also when it dropped buckets meanwhile.
func TestAgainstReference(t *testing.T) {
	type whose struct {
		account, region string
		class           throttle.Class
	}
	rapid.Check(t, func(t *rapid.T) {
		var rates throttle.Rates
		for _, class := range []throttle.Class{throttle.Symmetric, throttle.RSA} {
			rates[class] = rapid.SampledFrom([]int{1, 2, 4, 5, 10, 100, 1000}).Draw(t, "rate") // those that divide a second
		}
		real, reference, at := throttle.New(rates, start), map[whose]*slow{}, time.Duration(0)
		t.Repeat(map[string]func(*rapid.T){
			"wait": func(t *rapid.T) {
				at += time.Duration(rapid.Int64Range(0, int64(2*time.Second)).Draw(t, "for"))
			},
			"wait long": func(*rapid.T) { at += 2 * time.Minute },
			"take": func(t *rapid.T) {
				w := whose{
					rapid.SampledFrom([]string{account, "444455556666", "777788889999"}).Draw(t, "account"),
					rapid.SampledFrom([]string{region, "eu-west-1"}).Draw(t, "region"),
					rapid.SampledFrom([]throttle.Class{throttle.Symmetric, throttle.RSA}).Draw(t, "class"),
				}
				n := rapid.IntRange(1, 12).Draw(t, "n")
				if reference[w] == nil {
					reference[w] = newSlow(rates[w.class])
				}
				want := reference[w].take(at, n)
				got := real.Take(start.Add(at), w.account, w.region, []throttle.Toll{{Class: w.class, N: n}})
				if (got == nil) != want {
					t.Fatalf("%d requests as %v at %v: got %v, want room: %t", n, w, at, got, want)
				}
			},
		})
	})
}

// However many ask at once, a second's worth gets through.
func TestConcurrentTakes(t *testing.T) {
	th := limited(throttle.RSA, 1000)
	var admitted atomic.Int64
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 400 {
				if th.Take(start, account, region, throttle.RSA.Once()) == nil {
					admitted.Add(1)
				}
			}
		})
	}
	wg.Wait()
	if got := admitted.Load(); got != 1000 {
		t.Errorf("got %d requests through, want 1000", got)
	}
}

// A rate that does not divide a second is kept within a thousandth, up to a million a second, and what
// is faster than a nanosecond is no reason to fail.
func TestOddRates(t *testing.T) {
	for _, rate := range []int{3, 7, 600, 999, 999_983, 1_000_000} {
		th, admitted := limited(throttle.RSA, rate), 0
		for i := range 30_000 {
			if th.Take(start.Add(time.Duration(i)*100*time.Microsecond), account, region, []throttle.Toll{{Class: throttle.RSA, N: max(1, rate/10_000)}}) == nil {
				admitted += max(1, rate/10_000)
			}
		}
		want := min(4*rate, 30_000*max(1, rate/10_000)) // three seconds and the burst, or all there were
		if off := want - admitted; off > want/1000+1 || off < -want/1000-1 {
			t.Errorf("%d a second: got %d in 3 s, want %d", rate, admitted, want)
		}
	}
	for _, rate := range []int{1e9, 1e9 + 1, 1 << 62} {
		if err := limited(throttle.RSA, rate).Take(start, account, region, throttle.RSA.Once()); err != nil {
			t.Errorf("%d a second: got %v", rate, err)
		}
	}
}

// No rate is no limit.
func TestNoLimit(t *testing.T) {
	th := throttle.New(throttle.Rates{}, start)
	for range 100_000 {
		if err := th.Take(start, account, region, throttle.Symmetric.Once()); err != nil {
			t.Fatal(err)
		}
	}
}

func TestRefusal(t *testing.T) {
	th := limited(throttle.RSA, 1)
	if err := th.Take(start, account, region, throttle.RSA.Once()); err != nil {
		t.Fatal(err)
	}
	err := th.Take(start, account, region, throttle.RSA.Once())
	if f, is := errors.AsType[*fault.Error](err); !is || f.Code != fault.Throttling {
		t.Errorf("got %v, want ThrottlingException", err)
	}
}

// Memory is for accounts that call: those that were quiet make room for those that come.
func TestIdleBucketsAreDropped(t *testing.T) {
	th := limited(throttle.RSA, 5)
	visit := func(at time.Time, from, to int) {
		for i := from; i < to; i++ {
			if err := th.Take(at, fmt.Sprintf("%012d", i), region, throttle.RSA.Once()); err != nil {
				t.Fatal(err)
			}
		}
	}
	visit(start, 0, 5000)
	if got := throttle.Places(th); got != 5000 {
		t.Errorf("got buckets of %d accounts, want 5000", got)
	}
	visit(start.Add(30*time.Second), 0, 10)
	visit(start.Add(70*time.Second), 5000, 10_000) // enough to come by every shard
	if got := throttle.Places(th); got != 5010 {
		t.Errorf("got buckets of %d accounts, want 5010: those that came within the minute", got)
	}
}

// A request that counts for more than a second's worth passes when nothing else came.
func TestTollAboveTheRate(t *testing.T) {
	th, two := limited(throttle.RSA, 1), []throttle.Toll{{Class: throttle.RSA, N: 2}}
	for i, want := range []bool{true, false} {
		if got := th.Take(start, account, region, two) == nil; got != want {
			t.Errorf("request %d: got through %t, want %t", i, got, want)
		}
	}
	if err := th.Take(start.Add(time.Second), account, region, two); err != nil {
		t.Errorf("a second later: got %v", err)
	}
}

// The table has no name twice, no class without a rate, and every name can be set.
func TestTable(t *testing.T) {
	aws := throttle.AWS()
	fields := aws.Fields()
	if len(fields) != len(aws) {
		t.Errorf("got %d names of %d rates", len(fields), len(aws))
	}
	for name, rate := range fields {
		if *rate < 1 {
			t.Errorf("%s: got %d, want a rate", name, *rate)
		}
	}
	*fields["CreateKey"] = 7
	if got := aws[throttle.Of("CreateKey")]; got != 7 {
		t.Errorf("got %d after it was set to 7", got)
	}
}

// The hot path: an account that is known.
//
//	go test -run '^$' -bench . ./internal/throttle
func BenchmarkTake(b *testing.B) {
	th, now := limited(throttle.Symmetric, 1e9), time.Now()
	b.ReportAllocs()
	for b.Loop() {
		if err := th.Take(now.Add(time.Since(now)), account, region, throttle.Symmetric.Once()); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkTakeByAll(b *testing.B) {
	th := throttle.New(throttle.AWS(), time.Now())
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			_ = th.Take(time.Now(), account, region, throttle.Symmetric.Once())
		}
	})
}

func TestTakeDoesNotAllocate(t *testing.T) {
	th := limited(throttle.Symmetric, 1e9)
	if got := testing.AllocsPerRun(1000, func() {
		_ = th.Take(start, account, region, throttle.Symmetric.Once())
	}); got != 0 {
		t.Errorf("got %v allocations, want none", got)
	}
}
