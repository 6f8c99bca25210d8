package sqlite_test

import (
	"context"
	"errors"
	"runtime"
	"testing"

	"qkms/internal/store"
	"qkms/internal/store/sqlite"
)

// enqueue starts a commit and returns when it waits for the stalled writer behind n others.
func enqueue(ctx context.Context, db *sqlite.DB, n int, txn store.Txn) <-chan error {
	answer := make(chan error, 1)
	go func() {
		_, err := db.Commit(ctx, txn)
		answer <- err
	}()
	for db.Queued() <= n {
		runtime.Gosched()
	}
	return answer
}

func TestCancelledInTheQueueIsNotWritten(t *testing.T) {
	db := newStore(t)
	ctx, cancel := context.WithCancel(t.Context())
	resume := db.Stall()
	answer := enqueue(ctx, db, 0, put(1, "k", 1, nil))
	cancel()
	if err := <-answer; !errors.Is(err, store.ErrUnavailable) || !errors.Is(err, context.Canceled) {
		t.Errorf("got error %v, want ErrUnavailable for the reason context.Canceled", err)
	}
	resume()
	if _, err := db.Renew(t.Context(), store.Node{ID: "n"}); err != nil { // the queue is drained after this
		t.Fatal(err)
	}
	if got := version(t, db, "k"); got != 0 {
		t.Errorf("got version %d of what was cancelled, want 0", got)
	}
}

// Requests of one batch see each other's writes in order, and stand or fall each by itself.
func TestBatchAnswersEachByItself(t *testing.T) {
	db := newStore(t)
	if err := db.LimitPages(t.Context(), 50); err != nil { // 200 KB
		t.Fatal(err)
	}
	create := put(1, "k", 1, nil)
	create.Checks = []store.Check{{Shard: 1, Key: []byte("k")}}
	resume := db.Stall()
	var answers []<-chan error
	for n, txn := range []store.Txn{
		create,
		create,
		put(1, "too much", 1, make([]byte, 500_000)),
		put(1, "small", 1, make([]byte, 500)),
	} {
		answers = append(answers, enqueue(t.Context(), db, n, txn))
	}
	resume()
	var conflict *store.Conflict
	if err := <-answers[0]; err != nil {
		t.Errorf("create: got error %v, want none", err)
	}
	if err := <-answers[1]; !errors.As(err, &conflict) {
		t.Errorf("create again: got error %v, want a conflict", err)
	}
	if err := <-answers[2]; !errors.Is(err, store.ErrUnavailable) {
		t.Errorf("more than fits on the disk: got error %v, want ErrUnavailable", err)
	}
	if err := <-answers[3]; err != nil {
		t.Errorf("what fits beside it: got error %v, want none", err)
	}
}
