package main

import (
	"os"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
)

const (
	// roomyHeap is how far the heap may grow before it is collected, in bytes. Of a few megabytes that live, which is all that
	// some thousand keys take, twice as much is garbage after some hundred requests: the runtime would collect sixty times a second.
	roomyHeap = 48 << 20

	leastGOGC, mostGOGC = 100, 400 // the runtime's own; and four times as much garbage as there is of use
)

// paceCollector makes the garbage collector wait for roomyHeap, as long as less is in use; from then on it has the
// runtime's own pace, and the memory limit holds in any case. Who sets GOGC is not overruled.
func paceCollector() {
	if os.Getenv("GOGC") == "" {
		new(cycle).await(leastGOGC)
	}
}

// A cycle is collected by the next garbage collection, and so tells when that has come.
type cycle struct{ _ *cycle } // with a pointer, or it would share memory with what lives

func (c *cycle) await(pace int) {
	runtime.SetFinalizer(c, func(*cycle) {
		now := paceFor(liveHeap())
		if now > pace+pace/8 || now < pace-pace/8 { // setting it stops the world
			debug.SetGCPercent(now)
			pace = now
		}
		new(cycle).await(pace)
	})
}

// paceFor is GOGC for so many bytes in use.
func paceFor(live uint64) int {
	if live >= roomyHeap/2 {
		return leastGOGC
	}
	return min(int((roomyHeap-live)*100/max(live, 1)), mostGOGC)
}

func liveHeap() uint64 {
	sample := []metrics.Sample{{Name: "/gc/heap/live:bytes"}}
	metrics.Read(sample)
	return sample[0].Value.Uint64()
}
