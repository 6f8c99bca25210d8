//go:build !race

// One goroutine computes for a long time here, so this runs without the race detector (make test-norace).

package policy_test

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
)

// Whatever policies there are, the reference evaluator decides the same.
func TestReference(t *testing.T) {
	allowed := 0
	for seed := range uint64(20_000) {
		w := randomWorld(rand.New(rand.NewPCG(seed, 1)))
		w.check(t)
		if w.reference() {
			allowed++
		}
	}
	if allowed < 2000 || allowed > 18_000 {
		t.Errorf("%d of 20000 are allowed: the worlds are too much alike to show anything", allowed)
	}
}

// Long patterns of few characters match as the reference tries them.
func TestWildcardsReference(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 3))
	draw := func(n int, from ...string) (s string) {
		for range n {
			s += pick(r, from...)
		}
		return s
	}
	for range 3000 {
		s := draw(r.IntN(160), "a", "a", "a", "b", "é")
		pattern := draw(r.IntN(3), "a", "?", "*") + "*" + draw(r.IntN(90), "a", "a", "a", "a", "?", "b", "é") + draw(r.IntN(2), "*") + draw(r.IntN(3), "a", "?", "é")
		if r.IntN(2) == 0 && len(s) > 80 { // something that is in it
			runes := []rune(s)
			from := r.IntN(20)
			piece := runes[from : from+1+r.IntN(len(runes)-from)]
			for i := range piece {
				if r.IntN(4) == 0 {
					piece[i] = '?'
				}
			}
			pattern, s = "*"+string(piece)+"*", strings.ReplaceAll(string(runes), "?", "a")
		}
		want := matches([]rune(pattern), []rune(s))
		if got := holds(t, fmt.Sprintf(`{"StringLike":{"x:k":%q}}`, pattern), said{"x:k": {s}}); got != want {
			t.Fatalf("%q against %q: got %t, want %t", pattern, s, got, want)
		}
	}
}

func FuzzReference(f *testing.F) {
	f.Add(uint64(1), uint64(2))
	f.Fuzz(func(t *testing.T, a, b uint64) { randomWorld(rand.New(rand.NewPCG(a, b))).check(t) })
}
