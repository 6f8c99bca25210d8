package workload

import (
	"errors"
	"fmt"
	"time"
)

// A Rest is what the server keeps when nobody asks anything.
type Rest struct {
	Heap       float64 // bytes
	Goroutines float64
}

// collections is how many garbage collections Rest waits for: the first may have begun while there was work.
const collections = 3

// tries is how often Rest looks at most. It is for a server that never collects garbage.
const tries = 2000

// Rest closes all connections and looks at the server's metrics again and again, which makes it some garbage to collect. It
// returns the least that was seen after collections. How long they take does not matter.
func (f *Fleet) Rest() (least Rest, err error) {
	f.leave()
	var first, seen float64
	for range tries {
		now, err := f.Server.Gauges()
		if err != nil {
			return least, err
		}
		count := now["go_gc_duration_seconds_count"]
		if first == 0 {
			first, seen = count, count
		}
		if count > seen {
			seen = count
			r := Rest{now["go_memstats_heap_alloc_bytes"], now["go_goroutines"]}
			if least.Heap == 0 || r.Heap < least.Heap {
				least.Heap = r.Heap
			}
			if least.Goroutines == 0 || r.Goroutines < least.Goroutines {
				least.Goroutines = r.Goroutines
			}
		}
		if count >= first+collections {
			return least, nil
		}
		time.Sleep(time.Millisecond)
	}
	return least, errors.New("the server collects no garbage")
}

// Flat reports what has grown between two rests of the same process, which has done much the same in between, the actors having settled before: no
// goroutine may have come to stay, and the heap may be a quarter larger, and 4 MiB, for what it remembers of changes.
func Flat(before, after Rest) error {
	var errs []error
	if after.Goroutines > before.Goroutines {
		errs = append(errs, fmt.Errorf("%v goroutines, want no more than the %v of before", after.Goroutines, before.Goroutines))
	}
	if after.Heap > before.Heap*1.25+(4<<20) {
		errs = append(errs, fmt.Errorf("%.1f MB of heap, want no more than a quarter and 4 MiB above the %.1f MB of before", after.Heap/1e6, before.Heap/1e6))
	}
	return errors.Join(errs...)
}
