//go:build !race

package audit_test

import (
	"testing"

	"qkms/internal/audit"
)

// Nothing is allocated for a record but the id that it is given. (The race detector has pools
// lose some of what they hold.)
func TestAppendAllocatesNothing(t *testing.T) {
	l := open(t, t.TempDir(), audit.Config{})
	r := dataKey()
	for name, row := range map[string]struct {
		id   string
		most float64
	}{"with an id": {eventID, 0}, "without": {"", 1}} {
		got := testing.AllocsPerRun(200, func() {
			r.EventID = row.id
			if err := l.Append(r); err != nil {
				t.Fatal(err)
			}
		})
		if got > row.most {
			t.Errorf("a record %s: got %v allocations, want %v", name, got, row.most)
		}
	}
}
