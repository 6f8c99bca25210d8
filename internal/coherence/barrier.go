package coherence

import (
	"context"
	"fmt"
	"time"

	"qkms/internal/store"
)

// A Reach says how far a change has got. The zero Reach is fenced: no node will use what was before.
type Reach struct {
	Pending time.Duration // some node may, for at most so long
}

// Fenced reports whether the change is in force everywhere.
func (r Reach) Fenced() bool { return r.Pending == 0 }

func (r Reach) String() string {
	if r.Fenced() {
		return "fenced"
	}
	return fmt.Sprintf("pending, at most %v", r.Pending.Round(time.Millisecond))
}

// quick is how long a barrier waits before it looks again for the first time.
const quick = 5 * time.Millisecond

// Barrier waits until a change that takes something away is in force on every node. It is called after the
// commit, with its positions, when this node has dropped what it changed (Changed). It gives up after
// Config.Wait, or when ctx ends, and then says by when the change will be in force: the bound counts
// from the commit, whatever happens.
func (l *Lease) Barrier(ctx context.Context, at []store.Position) Reach {
	if l.Engine == nil || len(at) == 0 {
		return Reach{}
	}
	begin := l.Clock()
	ctx, cancel := context.WithTimeout(ctx, l.Wait)
	defer cancel()
	for pause := quick; ; pause = min(2*pause, 100*time.Millisecond) {
		everywhere := l.peers.have(ctx, at)
		waited := l.Clock().Surely(begin)
		if everywhere || waited >= l.peers.bound() { // every lease from before the commit is over
			l.counts.barrier(waited, Reach{})
			return Reach{}
		}
		if ctx.Err() != nil {
			r := Reach{Pending: l.peers.bound() - waited}
			l.counts.barrier(waited, r)
			return r
		}
		if pause == quick && l.hinter != nil && l.peers.deaf() < beat {
			l.hinter.Hint() // otherwise the others look at their next beat, which with many nodes is as soon
		}
		sleep(ctx, pause, nil)
	}
}
