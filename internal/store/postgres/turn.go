package postgres

import (
	"context"
	"slices"
	"sync"

	"qkms/internal/store"
)

const (
	reserved  = 4  // connections of the pool that only the lease may use, at most half of it
	inOneLine = 2  // commits on a shard at a time: one that has the head, one that is there when it is given back
	passes    = 64 // how often a commit lets others go first that came later
)

// turns say who may have a connection. Commits wait for each other in the database, each on a connection: behind one
// head that somebody does not give back they would have the whole pool, the lease could not be renewed, and a healthy
// node would lapse because another one is frozen. So commits wait here, where waiting costs nothing: for their
// shards, then for one of the places that commits have, two thirds of those that are not reserved.
type turns struct {
	work chan struct{} // has a token of each call under way but those of the lease

	mu      sync.Mutex
	commits int               // how many more may begin; guarded by mu
	busy    [store.Shards]int // commits under way, by shard; guarded by mu
	waiting []*turn           // in the order they came; guarded by mu
}

// A turn is a commit's.
type turn struct {
	shards []int
	passed int           // how often others were let in while it waited
	come   chan struct{} // closed when it may begin
}

// newTurns is for a pool of n connections.
func newTurns(n int) *turns {
	work := n - min(reserved, n/2)
	return &turns{work: make(chan struct{}, work), commits: max(1, work*2/3)}
}

// begin waits for a place among all calls but the lease's; the caller gives it back by end.
func (t *turns) begin(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	select {
	case t.work <- struct{}{}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (t *turns) end() { <-t.work }

// commit waits for the turn of a commit on these shards; the caller gives it back by done.
func (t *turns) commit(ctx context.Context, shards []int) (done func(), err error) {
	own := &turn{shards: shards, come: make(chan struct{})}
	t.mu.Lock()
	t.waiting = append(t.waiting, own)
	t.admitLocked()
	t.mu.Unlock()
	select {
	case <-own.come:
		err = t.begin(ctx)
	case <-ctx.Done():
		err = ctx.Err()
	}
	if err != nil {
		t.leave(own)
		return nil, err
	}
	return func() { t.end(); t.leave(own) }, nil
}

// leave gives back a turn, whether it has come or not.
func (t *turns) leave(own *turn) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if i := slices.Index(t.waiting, own); i >= 0 {
		t.waiting = slices.Delete(t.waiting, i, i+1)
	} else {
		t.commits++
		for _, s := range own.shards {
			t.busy[s]--
		}
	}
	t.admitLocked()
}

// admitLocked lets in who can begin, the first first. Who waits for one shard does not hold up the others, but
// those on many shards must come through as well: who was passed often enough keeps its shards free.
func (t *turns) admitLocked() {
	var kept [store.Shards]bool
	t.waiting = slices.DeleteFunc(t.waiting, func(w *turn) bool {
		if t.commits > 0 && !slices.ContainsFunc(w.shards, func(s int) bool { return kept[s] || t.busy[s] >= inOneLine }) {
			t.commits--
			for _, s := range w.shards {
				t.busy[s]++
			}
			close(w.come)
			return true
		}
		if w.passed++; w.passed > passes {
			for _, s := range w.shards {
				kept[s] = true
			}
		}
		return false
	})
}
