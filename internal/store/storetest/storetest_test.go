//go:build !race

// The cases that are played here run with the race detector over each engine, and these without (make test-norace).

package storetest_test

import (
	"bytes"
	"context"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"qkms/internal/store"
	"qkms/internal/store/sqlite"
	"qkms/internal/store/storetest"
)

// place is where a store in SQLite lives, whose engine breaks the contract by what broken puts before it.
func place(t *testing.T, broken func(store.Engine) store.Engine) storetest.Place {
	path := filepath.Join(t.TempDir(), "store.db")
	return func(ctx context.Context, now func() time.Time) (store.Engine, error) {
		db, err := sqlite.Open(ctx, path, sqlite.Options{Now: now})
		if err != nil {
			return nil, err
		}
		return broken(db), nil
	}
}

// try runs one case of the suite.
func try(t *testing.T, name string, broken func(store.Engine) store.Engine) []string {
	t.Helper()
	for _, c := range storetest.Cases() {
		if c.Name == name {
			return c.Try(t.Context(), place(t, broken))
		}
	}
	t.Fatalf("there is no case %s", name)
	return nil
}

func whole(e store.Engine) store.Engine { return e }

// The suite finds what it is for: engines that are right but for one sentence of the contract.
func TestMistakesAreFound(t *testing.T) {
	for name, broken := range map[string]func(store.Engine) store.Engine{
		"List/CostsAsThePage":           func(e store.Engine) store.Engine { return counting{e} },
		"Log/NoGapUnder32Writers":       func(e store.Engine) store.Engine { return hasty{e} },
		"Commit/CheckOfAbsence":         func(e store.Engine) store.Engine { return trusting{e} },
		"Node/HeadsAreAsNewAsPeers":     func(e store.Engine) store.Engine { return &dozing{Engine: e} },
		"Close/WaitsForCallsInProgress": func(e store.Engine) store.Engine { return panicking{e} },
	} {
		if got := try(t, name, whole); got != nil {
			t.Errorf("%s: got %q of an engine that is right", name, got)
		}
		if got := try(t, name, broken); got == nil {
			t.Errorf("%s: got no failure of an engine that is wrong", name)
		}
	}
}

// counting counts the range for each page, as etcd does; a part of it, lest the test take a minute.
type counting struct{ store.Engine }

func (c counting) List(ctx context.Context, from, to []byte, limit int) ([]store.Record, bool, error) {
	at := from
	for range 4 {
		page, _, err := c.Engine.List(ctx, at, to, store.MaxList)
		if err != nil || len(page) == 0 {
			break
		}
		at = append(bytes.Clone(page[len(page)-1].Key), 0)
	}
	return c.Engine.List(ctx, from, to, limit)
}

// hasty tells the vector of the heads with whatever notes there are, as those do who read a sequence.
type hasty struct{ store.Engine }

func (h hasty) Changes(ctx context.Context, after store.Vector, limit int) ([]store.Note, store.Vector, error) {
	notes, v, err := h.Engine.Changes(ctx, after, limit)
	if len(notes) > 1 {
		notes = notes[1:]
	}
	return notes, v, err
}

// trusting does not look whether anything is as its caller thinks.
type trusting struct{ store.Engine }

func (e trusting) Commit(ctx context.Context, t store.Txn) ([]store.Position, error) {
	for _, c := range t.Checks {
		t.Notes = map[int][]byte{c.Shard: nil}
	}
	t.Checks = nil
	return e.Engine.Commit(ctx, t)
}

// dozing answers a renewal with the heads of the one before.
type dozing struct {
	store.Engine
	last store.Heads
}

func (e *dozing) Renew(ctx context.Context, n store.Node) (store.Heads, error) {
	now, err := e.Engine.Renew(ctx, n)
	now, e.last = e.last, now
	return now, err
}

// panicking leads whoever uses it astray.
type panicking struct{ store.Engine }

func (panicking) Commit(context.Context, store.Txn) ([]store.Position, error) { panic("no") }

func TestTryTellsWhatFailed(t *testing.T) {
	nowhere := func(context.Context, func() time.Time) (store.Engine, error) { return nil, context.DeadlineExceeded }
	for _, c := range storetest.Cases() {
		if got := c.Try(t.Context(), nowhere); len(got) != 1 || !strings.Contains(got[0], "open the store: context deadline exceeded") {
			t.Errorf("%s: got %q, want that the store cannot be opened", c.Name, got)
		}
	}
	if got := try(t, "Get/EmptyBodyIsPresent", func(e store.Engine) store.Engine { return panicking{e} }); len(got) != 1 || got[0] != "panic: no" {
		t.Errorf("got %q, want the panic", got)
	}
}
