package uuid_test

import (
	"regexp"
	"sync"
	"testing"

	"qkms/internal/uuid"
)

var version4 = regexp.MustCompile(`^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$`)

func TestForm(t *testing.T) {
	a, b := uuid.Two()
	for range 100 { // more than one read of the random source
		for _, id := range []string{uuid.New(), a, b} {
			if !version4.MatchString(id) {
				t.Fatalf("got %q, want a UUID of version 4 in lower case", id)
			}
		}
		a, b = uuid.Two()
	}
}

// Whoever asks, no id is given twice.
func TestNoneTwice(t *testing.T) {
	var mu sync.Mutex
	seen := map[string]bool{}
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			var mine []string
			for range 500 {
				a, b := uuid.Two()
				mine = append(mine, a, b, uuid.New())
			}
			mu.Lock()
			defer mu.Unlock()
			for _, id := range mine {
				if seen[id] {
					t.Errorf("%s was given twice", id)
				}
				seen[id] = true
			}
		})
	}
	all.Wait()
}

func BenchmarkNew(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		uuid.New()
	}
}

func BenchmarkTwo(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		uuid.Two()
	}
}
