//go:build !race

// The race detector keeps memory of its own for what a program has, so this runs without it (make test-norace).

package soft

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"testing"

	"qkms/internal/custody"
	"qkms/internal/footprint/heaptest"
	"qkms/internal/memo"
)

// What the cache takes its entries to be, and what they are to the allocator, for each kind of key there is.
func TestSizes(t *testing.T) {
	specs := slices.Sorted(maps.Keys(recipes))
	for _, spec := range append(specs, slices.Sorted(maps.Keys(rawSizes))...) {
		t.Run(spec, func(t *testing.T) {
			stored := storedKey(t, spec)
			b := memo.NewBudget(1 << 30)
			c := newCache(b, func(context.Context, custody.Ref) (material, error) { return decode(spec, stored) })
			n := 2000
			if sizes[spec] > 4_000 {
				n = 200 // these are large
			}
			before, paid := int64(0), int64(0)
			for i := range n + 1 {
				if i == 1 { // what is made once, whatever it is, is there now
					before, paid = heaptest.Bytes(), b.Used()
				}
				e, err := c.hold(t.Context(), custody.Ref{Account: fmt.Sprintf("%012d", i), Region: fmt.Sprintf("us-east-%d", i), KeyID: fmt.Sprintf("%036d", i), MaterialID: fmt.Sprintf("%064d", i)})
				if err != nil {
					t.Fatal(err)
				}
				e.release()
			}
			got, want := (heaptest.Bytes()-before)/int64(n), (b.Used()-paid)/int64(n)
			t.Logf("%d bytes, taken for %d", got, want)
			if got > want*5/4 || got < want/4 { // too much is safe
				t.Errorf("a key takes %d bytes, and is taken for %d", got, want)
			}
			c.DropAll()
		})
	}
}

func storedKey(t *testing.T, spec string) []byte {
	t.Helper()
	if n, ok := rawSizes[spec]; ok {
		return make([]byte, n)
	}
	stored, err := recipes[spec].generate()
	if err != nil {
		t.Fatal(err)
	}
	return stored
}
