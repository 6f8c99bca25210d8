//go:build !race

package uuid_test

import (
	"testing"

	"qkms/internal/uuid"
)

// The race detector has pools lose some of what they hold.
func TestOneAllocation(t *testing.T) {
	if n := testing.AllocsPerRun(1000, func() { uuid.Two() }); n > 1 {
		t.Errorf("got %v allocations for two ids, want 1", n)
	}
}
