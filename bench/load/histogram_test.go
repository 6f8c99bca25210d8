package load_test

import (
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"qkms/bench/load"
)

// A quantile is never below the exact one, and at most 1/64 above.
func TestQuantile(t *testing.T) {
	var all []time.Duration
	var left, right load.Histogram
	r := rand.New(rand.NewPCG(1, 2))
	for i := range 20_000 {
		d := time.Duration(r.Uint64() >> (1 + r.IntN(63)))
		all = append(all, d)
		[]*load.Histogram{&left, &right}[i%2].Add(d)
	}
	left.Merge(&right)
	if got, want := left.Count(), uint64(len(all)); got != want {
		t.Fatalf("got %d times, want %d", got, want)
	}
	slices.Sort(all)
	for _, q := range []float64{0, 0.001, 0.25, 0.5, 0.99, 0.999, 1} {
		exact := all[max(int(q*float64(len(all))+0.999999)-1, 0)]
		if got := left.Quantile(q); got < exact || got-exact > exact/64 {
			t.Errorf("quantile %v: got %d, want %d to %d", q, got, exact, exact+exact/64)
		}
	}
}

func TestQuantileOfNothing(t *testing.T) {
	if got := new(load.Histogram).Quantile(0.5); got != 0 {
		t.Errorf("got %v, want 0", got)
	}
}
