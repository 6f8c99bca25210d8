//go:build !race

// One stream after the other, cut at every byte, so this runs without the race detector (make test-norace).

package front_test

import (
	"testing"
)

// Wherever a network cuts what a client sends: the handler sees what it would see behind net/http, and the client is
// answered as by net/http.
func TestAnyCutIsReadAsByNetHTTP(t *testing.T) {
	b := begin(t)
	for _, row := range streams {
		t.Run(row.name, func(t *testing.T) {
			for at := 1; at < min(len(row.stream), 600); at++ {
				b.same(t, cut(row.stream, at, len(row.stream)))
			}
		})
	}
}
