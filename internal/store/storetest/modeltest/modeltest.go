// Package modeltest holds a store.Engine against a map, in sequences of operations that chance makes up.
//
// It is the part of the conformance suite that needs package testing, and so no part of the program.
package modeltest

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"pgregory.net/rapid"

	"qkms/internal/store"
)

// Run checks that Commit, Get and List of an engine, whose store is empty, agree with a map.
func Run(t *testing.T, engine store.Engine) {
	var run atomic.Int64
	rapid.Check(t, func(rt *rapid.T) {
		heads, err := engine.Renew(t.Context(), store.Node{ID: "suite"})
		if err != nil {
			rt.Fatalf("Renew: %v", err)
		}
		m := &model{
			Engine: engine, ctx: t.Context(), prefix: fmt.Sprintf("run%06d/", run.Add(1)),
			records: map[string]store.Record{}, heads: heads.Revs,
		}
		rt.Repeat(map[string]func(*rapid.T){"commit": m.commit, "get": m.get, "list": m.list, "": m.check})
	})
}

// A model is what a store should hold: a map, and how often each shard was named. Every run has a
// prefix of its own in one store.
type model struct {
	store.Engine
	ctx     context.Context
	prefix  string
	records map[string]store.Record
	heads   store.Vector
}

// few keys, so that operations meet; a key's shard follows from it.
var (
	anyKey  = rapid.SampledFrom([]string{"a", "a\x00", "aa", "b", "b\xff", "c", "loose/x", "loose/y"})
	anyVer  = rapid.Uint64Range(1, 3)
	anyBody = rapid.SliceOfN(rapid.Byte(), 0, 8)
)

func shardOf(key string) int {
	if strings.HasPrefix(key, "loose/") {
		return store.Loose
	}
	return int(key[0]) % store.Shards
}

func (m *model) commit(t *rapid.T) {
	txn, touched := m.draw(t)
	at, err := m.Engine.Commit(m.ctx, txn)
	for _, c := range txn.Checks {
		if m.records[string(c.Key)].Ver == c.Ver {
			continue
		}
		var conflict *store.Conflict
		if !errors.As(err, &conflict) || string(conflict.Key) != string(c.Key) {
			t.Fatalf("Commit: got error %v, want a conflict at %q", err, c.Key)
		}
		return
	}
	if err != nil {
		t.Fatalf("Commit: %v", err)
	}
	var want []store.Position
	for _, shard := range slices.Sorted(maps.Keys(touched)) {
		m.heads[shard]++
		want = append(want, store.Position{Shard: shard, Rev: m.heads[shard]})
	}
	if !slices.Equal(at, want) {
		t.Fatalf("Commit: got positions %v, want %v", at, want)
	}
	for _, d := range txn.Deletes {
		delete(m.records, string(d.Key))
	}
	for _, p := range txn.Puts {
		m.records[string(p.Key)] = store.Record{Key: p.Key, Ver: p.Ver, Body: p.Body}
	}
}

// draw makes up a Txn, and says which shards it names.
func (m *model) draw(t *rapid.T) (txn store.Txn, touched map[int]bool) {
	touched = map[int]bool{}
	for range rapid.IntRange(0, 5).Draw(t, "operations") {
		name := anyKey.Draw(t, "key")
		shard, key := shardOf(name), []byte(m.prefix+name)
		switch kind := rapid.SampledFrom([]string{"check", "put", "delete"}).Draw(t, "kind"); {
		case kind == "check" && shard != store.Loose:
			ver := m.records[string(key)].Ver
			if rapid.IntRange(0, 9).Draw(t, "stale") == 0 {
				ver++
			}
			txn.Checks = append(txn.Checks, store.Check{Shard: shard, Key: key, Ver: ver})
		case kind == "delete":
			txn.Deletes = append(txn.Deletes, store.Delete{Shard: shard, Key: key})
		default:
			txn.Puts = append(txn.Puts, store.Put{Shard: shard, Key: key, Ver: anyVer.Draw(t, "version"), Body: anyBody.Draw(t, "body")})
		}
		if shard != store.Loose {
			touched[shard] = true
		}
	}
	return txn, touched
}

func (m *model) get(t *rapid.T) {
	names := rapid.SliceOfN(anyKey, 1, 4).Draw(t, "keys")
	keys := make([][]byte, len(names))
	want := make([]store.Record, len(names))
	for i, name := range names {
		keys[i] = []byte(m.prefix + name)
		want[i] = m.records[string(keys[i])]
		want[i].Key = keys[i]
	}
	got, err := m.Engine.Get(m.ctx, keys...)
	if err != nil || !slices.Equal(texts(got), texts(want)) {
		t.Fatalf("Get: got %q, %v, want %q", texts(got), err, texts(want))
	}
}

func (m *model) list(t *rapid.T) {
	from, to := m.prefix+anyKey.Draw(t, "from"), m.prefix+anyKey.Draw(t, "to")
	m.compare(t, from, to, rapid.IntRange(1, 5).Draw(t, "limit"))
}

// check lists the whole run after every step.
func (m *model) check(t *rapid.T) { m.compare(t, m.prefix, m.prefix+"\xff", store.MaxList) }

func (m *model) compare(t *rapid.T, from, to string, limit int) {
	want := slices.DeleteFunc(slices.Collect(maps.Values(m.records)), func(r store.Record) bool {
		return string(r.Key) < from || string(r.Key) >= to
	})
	slices.SortFunc(want, func(a, b store.Record) int { return cmp.Compare(string(a.Key), string(b.Key)) })
	wantMore := len(want) > limit
	want = want[:min(limit, len(want))]
	got, more, err := m.Engine.List(m.ctx, []byte(from), []byte(to), limit)
	if err != nil || more != wantMore || !slices.Equal(texts(got), texts(want)) {
		t.Fatalf("List %q to %q, limit %d: got %q, more %v, %v, want %q, more %v", from, to, limit, texts(got), more, err, texts(want), wantMore)
	}
}

func texts(records []store.Record) []string {
	out := make([]string, 0, len(records))
	for _, r := range records {
		out = append(out, fmt.Sprintf("%s@%d=%s", r.Key, r.Ver, r.Body))
	}
	return out
}
