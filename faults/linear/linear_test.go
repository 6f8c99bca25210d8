// Package linear_test judges whether the store is one: whatever happens to the primary, reads, writes and
// compare-and-swaps of many clients must have an order in which each sees what those before it left.
package linear_test

import (
	"os"
	"strconv"
	"testing"
	"time"

	"github.com/anishathalye/porcupine"

	"qkms/faults/link"
	"qkms/internal/store/postgres/pgtest"
)

// size is how many operations come before the failover, and how many after it; QKMS_LINEAR_OPS says otherwise.
func size(t *testing.T) int {
	t.Helper()
	s := os.Getenv("QKMS_LINEAR_OPS")
	if s == "" {
		return 2000
	}
	n, err := strconv.Atoi(s)
	if err != nil || n < 1 {
		t.Fatalf("QKMS_LINEAR_OPS=%q is no number of operations", s)
	}
	return n
}

// A failover to a standby that has what was acknowledged keeps the order.
func TestFailover(t *testing.T) {
	pair := pgtest.NewPair(t, nil)
	w := start(t, pair.URL())
	w.until(size(t))
	pair.Primary.Crash(t)
	pair.Standby.Promote(t)
	w.until(w.done() + size(t))
	w.stop()
	if got := w.judge(); got != porcupine.Ok {
		t.Errorf("%d operations are %s, want %s", w.done(), got, porcupine.Ok)
	}
	t.Logf("%d operations, of %d of which the outcome is unknown", w.done(), w.unknown())
}

// With a standby that lags behind what is acknowledged, the same judge must find that something is missing: else it is blind.
func TestFailoverLosesWithoutSynchronousReplication(t *testing.T) {
	const tries = 5
	for range tries {
		if got := losingFailover(t); got == porcupine.Illegal {
			return
		}
	}
	t.Errorf("%d failovers to a standby that lagged behind were found to be in order: the judge is blind", tries)
}

func losingFailover(t *testing.T) porcupine.CheckResult {
	t.Helper()
	var lag *link.Link
	pair := pgtest.NewPair(t, func(primary string) string {
		lag = link.New(t, primary)
		return lag.Address
	})
	pair.Asynchronous(t)
	w := start(t, pair.URL())
	w.until(size(t) / 2)
	lag.Delay(700 * time.Millisecond)
	w.until(size(t))
	pair.Primary.Crash(t)
	lag.Refuse()
	pair.Standby.Promote(t)
	w.until(w.done() + size(t))
	w.stop()
	got := w.judge()
	t.Logf("%d operations, of %d of which the outcome is unknown: %s", w.done(), w.unknown(), got)
	return got
}
