//go:build !race

// One goroutine computes for a long time here, so this runs without the race detector (make test-norace).

package front_test

import (
	"testing"
)

// Whatever a client sends, in whatever pieces: the handler sees what it would see behind net/http, and the client is
// answered as by net/http. What is in doubt is never read here at all.
func TestEverythingIsReadAsByNetHTTP(t *testing.T) {
	b := begin(t)
	for _, row := range streams {
		t.Run(row.name, func(t *testing.T) {
			got := b.same(t, cut(row.stream, len(row.stream), 1))
			if here := len(got.seen) > 0 && got.seen[0].here; here != row.here {
				t.Errorf("got the first request served here: %v, want %v", here, row.here)
			}
			b.same(t, cut(row.stream, 1, 1))
			b.same(t, cut(row.stream, len(row.stream)/2, 7))
			for at := 1; at < min(len(row.stream), 600); at++ {
				b.same(t, cut(row.stream, at, len(row.stream)))
			}
		})
	}
}
