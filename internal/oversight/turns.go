package oversight

import (
	"context"
	"sync"

	"qkms/internal/fault"
	"qkms/internal/query"
	"qkms/internal/record"
)

// turnsEach is how many operations that take long an account may have at once: two people who look at the same moment.
const turnsEach = 2

// Turns keep one account from having all processors at work for it: reading the log, or deciding hundreds of times, takes a
// request so long that a rate of requests alone is no bound. The zero Turns has everything free. Its methods may be called
// concurrently.
type Turns struct {
	mu    sync.Mutex
	taken map[string]int // by account
}

// Take reports whether the account may begin; if so, Leave is to be called.
func (t *Turns) Take(account string) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.taken == nil {
		t.taken = map[string]int{}
	}
	if t.taken[account] == turnsEach {
		return false
	}
	t.taken[account]++
	return true
}

// Leave ends what Take began.
func (t *Turns) Leave(account string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.taken[account]--; t.taken[account] == 0 {
		delete(t.taken, account)
	}
}

// run is the Run of an operation.
type run[In, Out any] = func(context.Context, *query.Call, *In) (*Out, *record.Change, error)

// inTurn is an operation that takes long.
func inTurn[In, Out any](t *Turns, do run[In, Out]) run[In, Out] {
	return func(ctx context.Context, c *query.Call, in *In) (*Out, *record.Change, error) {
		if !t.Take(c.Caller.Account) {
			return nil, nil, fault.RateExceeded()
		}
		defer t.Leave(c.Caller.Account)
		return do(ctx, c, in)
	}
}
