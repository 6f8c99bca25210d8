// Package storetest is the conformance suite of store.Engine: every sentence of that contract, said to a machine.
//
// An engine's tests run Cases, each with Case.Run; `qkms doctor --store-test` runs the same by Case.Try, on a
// database that we have never seen. So nothing here needs package testing. The suite waits for nothing but the
// engine, and its clock for claims is its own.
package storetest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"qkms/internal/store"
)

// A Place is where one store lives. Each call opens that store, new on the first call; the engine of
// the call before is closed by then. now is the clock that claims expire by.
type Place func(ctx context.Context, now func() time.Time) (store.Engine, error)

// A T is a case under way, such as a *testing.T. Its methods mean what they mean there.
type T interface {
	Helper()
	Error(args ...any)
	Errorf(format string, args ...any)
	Fatal(args ...any)
	Fatalf(format string, args ...any)
	Failed() bool
	Context() context.Context
	Cleanup(func())
}

// A Case is one sentence of the contract.
type Case struct {
	Name  string // "Log/NoGapUnder32Writers"
	Timed bool   // judged by a stop watch: for `qkms doctor` on a database we have never seen, not for our tests
	run   func(*fixture)
}

// Cases is the suite, in the order of the contract.
func Cases() (all []Case) {
	for _, group := range []struct {
		name  string
		tests []subtest
	}{
		{"Get", getTests},
		{"List", listTests},
		{"Commit", commitTests},
		{"Limits", limitTests},
		{"Loose", looseTests},
		{"Log", logTests},
		{"Node", nodeTests},
		{"Touch", touchTests},
		{"Claim", claimTests},
		{"Backup", backupTests},
		{"Load", loadTests},
		{"Close", closeTests},
	} {
		for _, test := range group.tests {
			all = append(all, Case{group.name + "/" + test.name, test.name == costs, test.run})
		}
	}
	return all
}

// Run holds the store at place to the case; there is none in it yet. What it opens there it closes.
func (c Case) Run(t T, place Place) { c.run(newFixture(t, place)) }

type subtest struct {
	name string
	run  func(*fixture)
}

// A fixture is one store under test. Its methods fail the test where the engine must not fail; they
// may be called from any goroutine.
type fixture struct {
	T
	ctx   context.Context
	clock *clock
	place Place
	store.Engine
}

func newFixture(t T, place Place) *fixture {
	f := &fixture{T: t, ctx: t.Context(), clock: &clock{now: time.Unix(1_700_000_000, 0)}, place: place}
	f.open()
	t.Cleanup(func() { _ = f.Engine.Close() })
	return f
}

// open opens the store that is at the place.
func (f *fixture) open() {
	f.Helper()
	engine, err := f.place(f.ctx, f.clock.Now)
	if err != nil {
		f.Fatalf("open the store: %v", err)
	}
	f.Engine = engine
}

// reopen closes the store and opens it again.
func (f *fixture) reopen() {
	f.Helper()
	if err := f.Engine.Close(); err != nil {
		f.Fatalf("Close: %v", err)
	}
	f.open()
}

// A clock stands still until it is told otherwise.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) Advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

// commit commits t and reports whether it did; no error is expected.
func (f *fixture) commit(t store.Txn) []store.Position {
	f.Helper()
	at, err := f.Commit(f.ctx, t)
	if err != nil {
		f.Errorf("Commit: %v", err)
	}
	return at
}

// refuse commits t, which must fail as want, and checks that no head moved.
func (f *fixture) refuse(t store.Txn, want error) {
	f.Helper()
	before := f.heads()
	if _, err := f.Commit(f.ctx, t); !errors.Is(err, want) {
		f.Errorf("Commit: got error %v, want %v", err, want)
	}
	if f.heads() != before {
		f.Error("a head moved in a commit that was refused")
	}
}

// conflict commits t, whose check of key must fail.
func (f *fixture) conflict(t store.Txn, key string) {
	f.Helper()
	before := f.heads()
	_, err := f.Commit(f.ctx, t)
	var c *store.Conflict
	if !errors.As(err, &c) || string(c.Key) != key {
		f.Errorf("Commit: got error %v, want a conflict at %q", err, key)
	}
	if f.heads() != before {
		f.Error("a head moved in a commit that was refused")
	}
}

func (f *fixture) heads() store.Heads {
	f.Helper()
	h, err := f.Renew(f.ctx, store.Node{ID: "suite"})
	if err != nil {
		f.Errorf("Renew: %v", err)
	}
	return h
}

// get reads the keys and returns their records as text.
func (f *fixture) get(keys ...string) []string {
	f.Helper()
	var ks [][]byte
	for _, k := range keys {
		ks = append(ks, []byte(k))
	}
	records, err := f.Get(f.ctx, ks...)
	if err != nil {
		f.Errorf("Get: %v", err)
		return nil
	}
	return texts(records)
}

// want checks that the key holds what text says: "key@ver=body", or "key@0=" when absent.
func (f *fixture) want(key, text string) {
	f.Helper()
	if got := f.get(key); len(got) != 1 || got[0] != text {
		f.Errorf("Get %q: got %q, want %q", key, got, text)
	}
}

// changes reads the whole log after v.
func (f *fixture) changes(v store.Vector, page int) ([]store.Note, store.Vector) {
	f.Helper()
	var all []store.Note
	for {
		notes, next, err := f.Changes(f.ctx, v, page)
		if err != nil {
			f.Errorf("Changes: %v", err)
			return all, v
		}
		all, v = append(all, notes...), next
		if len(notes) < page {
			return all, v
		}
	}
}

func texts(records []store.Record) []string {
	out := make([]string, 0, len(records))
	for _, r := range records {
		out = append(out, fmt.Sprintf("%s@%d=%s", r.Key, r.Ver, r.Body))
	}
	return out
}

func check(shard int, key string, ver uint64) store.Check {
	return store.Check{Shard: shard, Key: []byte(key), Ver: ver}
}

func put(shard int, key string, ver uint64, body string) store.Put {
	return store.Put{Shard: shard, Key: []byte(key), Ver: ver, Body: []byte(body)}
}

func del(shard int, key string) store.Delete { return store.Delete{Shard: shard, Key: []byte(key)} }

func puts(p ...store.Put) store.Txn { return store.Txn{Puts: p} }

// together runs n goroutines and waits for them all. It panics if one of them did.
func together(n int, run func(i int)) {
	var wg sync.WaitGroup
	panicked := make(chan any, n)
	for i := range n {
		wg.Go(func() {
			defer func() {
				if r := recover(); r != nil {
					panicked <- r
				}
			}()
			run(i)
		})
	}
	wg.Wait()
	if len(panicked) > 0 {
		panic(<-panicked)
	}
}

func fill(n int) []byte { return bytes.Repeat([]byte{'x'}, n) }
