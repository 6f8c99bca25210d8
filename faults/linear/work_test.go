package linear_test

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/anishathalye/porcupine"

	"qkms/internal/store"
	"qkms/internal/store/postgres"
)

const (
	clients   = 8
	nodes     = 2 // stores opened, of which each has half of the clients
	registers = 5
)

// A work is clients that read, write and swap registers, and what they saw.
type work struct {
	*testing.T
	began   time.Time
	cancel  context.CancelFunc
	running sync.WaitGroup

	mu       sync.Mutex
	more     *sync.Cond // done has grown
	history  []porcupine.Operation
	doubtful int
	last     uint64 // the newest value that somebody wanted to write
}

func start(t *testing.T, url string) *work {
	t.Helper()
	w := &work{T: t, began: time.Now()}
	w.more = sync.NewCond(&w.mu)
	ctx, cancel := context.WithCancel(t.Context())
	w.cancel = cancel
	for n := range nodes {
		db, err := postgres.Open(t.Context(), url, postgres.Options{Make: true})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = db.Close() })
		w.running.Go(func() { beat(ctx, db, fmt.Sprint("node", n)) })
		for c := range clients / nodes {
			w.running.Go(func() {
				for ctx.Err() == nil {
					w.one(db, n*clients/nodes+c)
				}
			})
		}
	}
	t.Cleanup(w.stop)
	return w
}

// beat renews as a node does. A node that is told that history was cut goes on with what there is, so
// that what was lost is seen to be.
func beat(ctx context.Context, db *postgres.DB, node string) {
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for ctx.Err() == nil {
		_, _ = db.Renew(ctx, store.Node{ID: node})
		<-tick.C
	}
}

// until waits for so many operations.
func (w *work) until(done int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for len(w.history) < done {
		w.more.Wait()
	}
}

func (w *work) done() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return len(w.history)
}

func (w *work) unknown() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.doubtful
}

func (w *work) stop() {
	w.cancel()
	w.running.Wait()
}

func (w *work) now() int64 { return int64(time.Since(w.began)) }

// one is an operation of a client on a register, noted unless it is certain that nothing happened.
func (w *work) one(db *postgres.DB, client int) {
	in := input{register: rand.IntN(registers), op: kind(rand.IntN(3))}
	if in.op != read {
		w.mu.Lock()
		w.last++
		in.value = w.last
		w.mu.Unlock()
	}
	if in.op == swap { // of what there was a moment ago
		records, err := db.Get(w.Context(), in.key())
		if err != nil {
			return
		}
		in.old = records[0].Ver
	}
	call := w.now()
	out, err := in.on(w.Context(), db)
	switch back := w.now(); {
	case err == nil:
		w.note(client, in, call, out, back)
	case errors.Is(err, store.ErrUnknown): // it may come true at any time
		w.note(client, in, call, output{unknown: true}, math.MaxInt64)
	case !errors.Is(err, store.ErrUnavailable):
		w.Errorf("%+v: got error %v, want ErrUnknown or ErrUnavailable", in, err)
	}
}

func (w *work) note(client int, in input, call int64, out output, back int64) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.history = append(w.history, porcupine.Operation{ClientId: client, Input: in, Call: call, Output: out, Return: back})
	if out.unknown {
		w.doubtful++
	}
	w.more.Broadcast()
}

func (w *work) judge() porcupine.CheckResult {
	w.mu.Lock()
	defer w.mu.Unlock()
	return porcupine.CheckOperationsTimeout(model, w.history, time.Minute)
}
