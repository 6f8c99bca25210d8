//go:build !race

// The race detector keeps memory of its own for what a program has, so this runs without it (make test-norace).

package lastuse_test

import (
	"runtime"
	"testing"

	"qkms/internal/footprint/heaptest"
	"qkms/internal/kmstest"
)

// What many keys took between two flushes is given back: a map keeps the room it once had.
func TestRoomIsGivenBack(t *testing.T) {
	const keys, left = 30_000, 20 // bytes for each key that may be left
	tr := tracker(kmstest.New(t))
	before := heaptest.Bytes()
	for n := range keys {
		tr.Note(key(n), use(1000))
	}
	if err := tr.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	if grown := heaptest.Bytes() - before; grown > keys*left {
		t.Errorf("after everything was written: %d bytes more than before, want at most %d", grown, keys*left)
	}
	runtime.KeepAlive(tr)
}
