package main

import "testing"

func TestPaceFor(t *testing.T) {
	for _, row := range []struct {
		live uint64
		want int
	}{
		{0, mostGOGC}, {1 << 20, mostGOGC}, {12 << 20, 300}, {16 << 20, 200}, {roomyHeap / 2, leastGOGC}, {roomyHeap, leastGOGC}, {1 << 40, leastGOGC},
	} {
		if got := paceFor(row.live); got != row.want {
			t.Errorf("%d bytes in use: got GOGC=%d, want %d", row.live, got, row.want)
		}
	}
}
