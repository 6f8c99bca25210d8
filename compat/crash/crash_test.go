// Package crash_test kills the server under load, again and again, and compares what it then knows
// with what it had acknowledged.
package crash_test

import (
	"errors"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"qkms/compat/harness"
)

func TestMain(m *testing.M) { harness.Main(m) }

const (
	rounds  = 10
	workers = 6
	region  = "eu-west-3" // where dev makes nothing of its own
)

// A fleet is the workers and the server they use.
type fleet struct {
	server  *harness.Server
	workers []*worker
}

func newFleet(t *testing.T) *fleet {
	t.Helper()
	f := &fleet{server: harness.Start(t)}
	for n := range workers {
		f.workers = append(f.workers, &worker{n: n, journal: journal{aliases: map[string]*fact[string]{}}})
	}
	f.connect()
	return f
}

// each runs do for every worker at once.
func (f *fleet) each(do func(*worker) error) []error {
	errs := make([]error, len(f.workers))
	var wg sync.WaitGroup
	for i, w := range f.workers {
		wg.Go(func() { errs[i] = do(w) })
	}
	wg.Wait()
	return errs
}

// connect gives the workers a client of the server as it runs now.
func (f *fleet) connect() {
	f.server.Region = region
	for _, w := range f.workers {
		w.kms = f.server.KMS()
	}
}

// Whatever was acknowledged is there after kill -9, at any moment, ten times over the same data; and
// next week, the root key and the KEK having been rotated, every ciphertext still opens.
func TestKill9(t *testing.T) {
	f := newFleet(t)
	for round := range rounds {
		f.crash(t)
		if round%2 == 1 { // recovery can be cut short as well
			f.server.CrashStarting(time.Duration(rand.Int64N(int64(80 * time.Millisecond))))
		}
		f.server.Restart()
		f.connect()
		report(t, f.check(t))
		if t.Failed() {
			t.Fatalf("in round %d", round)
		}
	}
	f.nextWeek(t)
	keys, sealed := 0, 0
	for _, w := range f.workers {
		keys, sealed = keys+len(w.keys), sealed+len(w.sealed)
	}
	t.Logf("%d rounds, %d requests, %d keys, %d ciphertexts", rounds, len(f.server.Wire.RequestIDs()), keys, sealed)
	if keys < workers || sealed < workers {
		t.Errorf("got %d keys and %d ciphertexts: too little to prove anything", keys, sealed)
	}
}

// crash kills the server while all workers use it.
func (f *fleet) crash(t *testing.T) {
	t.Helper()
	done := make(chan []error)
	go func() { done <- f.each(func(w *worker) error { return w.run(t.Context()) }) }()
	<-time.After(100*time.Millisecond + time.Duration(rand.Int64N(int64(800*time.Millisecond))))
	f.server.Kill9()
	report(t, <-done)
}

func (f *fleet) nextWeek(t *testing.T) {
	t.Helper()
	f.server.Run("kek", "rotate")
	f.server.Stop()
	f.server.Run("root", "rotate")
	f.server.Run("kek", "rotate")
	f.server.Restart()
	f.connect()
	report(t, f.check(t))
	report(t, f.each(func(w *worker) error { return w.checkOpensAll(t.Context()) }))
	report(t, f.checkAudit(t))
}

func report(t *testing.T, errs []error) {
	t.Helper()
	for _, err := range errs {
		if err != nil {
			t.Error(err)
		}
	}
}

// A check that finds no loss proves nothing unless it finds one: here the server loses half a second,
// its data being replaced by a copy from before, whole in itself.
func TestCheckFinds(t *testing.T) {
	f := newFleet(t)
	f.crash(t)
	before := filepath.Join(t.TempDir(), "before")
	copyTree(t, f.server.Dir, before)
	f.server.Restart()
	f.connect()
	report(t, f.check(t))
	f.crash(t)
	if err := os.RemoveAll(f.server.Dir); err != nil {
		t.Fatal(err)
	}
	copyTree(t, before, f.server.Dir)
	f.server.Restart()
	f.connect()
	if err := errors.Join(f.check(t)...); err == nil {
		t.Error("got no loss found, want many")
	}
	if err := errors.Join(f.checkAudit(t)...); err == nil {
		t.Error("got no record found missing, want many")
	}
}

// copyTree copies a directory with its modes, which the server insists on.
func copyTree(t *testing.T, from, to string) {
	t.Helper()
	if out, err := exec.Command("cp", "-a", from, to).CombinedOutput(); err != nil {
		t.Fatalf("cp: %v\n%s", err, out)
	}
}

// The very first start can be cut short too: what it had made is enough for the next, or is made anew.
func TestKilledWhileMade(t *testing.T) {
	for ms := range 12 {
		s := harness.New(t)
		s.CrashStarting(time.Duration(ms) * 5 * time.Millisecond)
		s.Restart()
		s.Stop()
	}
}
