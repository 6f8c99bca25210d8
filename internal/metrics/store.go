package metrics

import (
	"context"
	"errors"
	"time"

	"qkms/internal/store"
)

// The calls of a store that requests and the service itself wait for.
const (
	callGet = iota
	callList
	callCommit
	callTouch
	callClaim
	callRenew
	callChanges
	callPeers
)

var calls = []string{"get", "list", "commit", "touch", "claim", "renew", "changes", "peers"}

// outcomes are the closed set of store's errors. The first is success, the last what is none of them.
var outcomes = []struct {
	name string
	err  error
}{
	{"ok", nil},
	{"unknown", store.ErrUnknown}, {"unavailable", store.ErrUnavailable}, {"too_large", store.ErrTooLarge},
	{"fenced", store.ErrFenced}, {"claimed", store.ErrClaimed}, {"locked", store.ErrLocked}, {"rolled_back", store.ErrRolledBack}, {"gone", store.ErrGone},
	{"conflict", nil}, {"other", nil},
}

func (m *Metrics) ofStore() {
	names := make([]string, len(outcomes))
	for i, o := range outcomes {
		names[i] = o.name
	}
	m.calls = newCells("qkms_store_calls_total", "Calls of the store, by call and outcome. A conflict is a change that another one overtook, and was tried again.",
		[]string{"call", "outcome"}, cross(calls, names))
	for _, call := range []int{callGet, callCommit} {
		m.calls.shown[call*len(outcomes)] = true
	}
	m.callsTook = newHistograms("qkms_store_duration_seconds", "Time a call of the store took, waiting for others included.", "call", calls)
	for call := range calls { // they are few, and there before they happen
		m.callsTook.make(call)
	}
	m.registry.MustRegister(m.calls, m.callsTook)
}

// Store returns e with its calls counted.
func (m *Metrics) Store(e store.Engine) store.Engine { return &counted{e, m} }

// counted is a store.Engine that counts; it keeps every promise of the one inside.
type counted struct {
	store.Engine
	m *Metrics
}

// Unwrap returns the one inside, for what it can besides (store.As).
func (c *counted) Unwrap() store.Engine { return c.Engine }

func (c *counted) done(call int, begin time.Time, err error) {
	at := here()
	c.m.callsTook.observe(at, call, time.Since(begin))
	c.m.calls.inc(at, call*len(outcomes)+outcome(err))
}

func outcome(err error) int {
	if err == nil {
		return 0
	}
	for i, o := range outcomes {
		if o.err != nil && errors.Is(err, o.err) {
			return i
		}
	}
	if _, ok := errors.AsType[*store.Conflict](err); ok {
		return len(outcomes) - 2
	}
	return len(outcomes) - 1
}

func (c *counted) Get(ctx context.Context, keys ...[]byte) ([]store.Record, error) {
	begin := time.Now()
	records, err := c.Engine.Get(ctx, keys...)
	c.done(callGet, begin, err)
	return records, err
}

func (c *counted) List(ctx context.Context, from, to []byte, limit int) ([]store.Record, bool, error) {
	begin := time.Now()
	page, more, err := c.Engine.List(ctx, from, to, limit)
	c.done(callList, begin, err)
	return page, more, err
}

func (c *counted) Commit(ctx context.Context, t store.Txn) ([]store.Position, error) {
	begin := time.Now()
	at, err := c.Engine.Commit(ctx, t)
	c.done(callCommit, begin, err)
	return at, err
}

func (c *counted) Touch(ctx context.Context, uses []store.Use) error {
	begin := time.Now()
	err := c.Engine.Touch(ctx, uses)
	c.done(callTouch, begin, err)
	return err
}

func (c *counted) Claim(ctx context.Context, job string, ttl time.Duration) (store.Fence, error) {
	begin := time.Now()
	fence, err := c.Engine.Claim(ctx, job, ttl)
	c.done(callClaim, begin, err)
	return fence, err
}

func (c *counted) Renew(ctx context.Context, n store.Node) (store.Heads, error) {
	begin := time.Now()
	heads, err := c.Engine.Renew(ctx, n)
	c.done(callRenew, begin, err)
	return heads, err
}

func (c *counted) Changes(ctx context.Context, after store.Vector, max int) ([]store.Note, store.Vector, error) {
	begin := time.Now()
	notes, now, err := c.Engine.Changes(ctx, after, max)
	c.done(callChanges, begin, err)
	return notes, now, err
}

func (c *counted) Peers(ctx context.Context) ([]store.Node, error) {
	begin := time.Now()
	peers, err := c.Engine.Peers(ctx)
	c.done(callPeers, begin, err)
	return peers, err
}
