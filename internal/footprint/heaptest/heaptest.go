// Package heaptest says what a test has in memory.
package heaptest

import "runtime"

// Bytes is what lives on the heap of the process, in bytes, after what can go has gone. Under the race detector it counts
// more. What another goroutine allocates meanwhile is in it.
func Bytes() int64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.GC() // what a finalizer kept
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}
