package soft

import (
	"sync"

	"qkms/internal/custody"
)

// away are entries that somebody has and that are not in the cache: what it has no room for, and what stands for a key
// whose turn is yet to come. Who forgets a material drops those of it, too.
type away struct {
	mu      sync.Mutex
	entries map[*entry]custody.Ref
}

func (a *away) add(ref custody.Ref, e *entry) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.entries == nil {
		a.entries = map[*entry]custody.Ref{}
	}
	a.entries[e] = ref
}

func (a *away) remove(e *entry) {
	a.mu.Lock()
	defer a.mu.Unlock()
	delete(a.entries, e)
}

// drop drops those that are of a material which is meant. It waits for their holders, who may want mu to remove them.
func (a *away) drop(meant func(custody.Ref) bool) {
	for _, e := range a.those(meant) {
		e.drop()
		a.remove(e) // only now: another drop must not return before this one either
	}
}

func (a *away) those(meant func(custody.Ref) bool) (found []*entry) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for e, ref := range a.entries {
		if meant(ref) {
			found = append(found, e)
		}
	}
	return found
}
