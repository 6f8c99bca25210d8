package faults_test

import (
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"testing"

	"qkms/internal/store"
	"qkms/internal/store/sqlite"
)

// filled is of so many records that most are written before the last is known: SQLite keeps 2 MB of a transaction in memory.
const filled = 2500

// TestPowerCutWhileLoading cuts the power at each of the first and of the last changes by which a store is filled, and at
// some between. Then it is as empty as before or has all; once Load has returned it has all.
func TestPowerCutWhileLoading(t *testing.T) {
	const edge, between = 20, 30
	first := newMachine(t)
	first.load()
	changes := first.changes()

	m := newMachine(t)
	var waits []func() outage
	for n := range edge {
		waits = append(waits, m.cut(n, luck()), m.cut(changes-edge+n, luck()))
	}
	for range between {
		waits = append(waits, m.cut(rand.IntN(changes), luck()))
	}
	m.load()
	m.idle(changes) // so that every cut comes
	found := map[bool]int{}
	for _, wait := range waits {
		o := wait()
		all, err := m.inspectFilled(o)
		if err != nil || !all && o.acknowledged[0] > 0 {
			t.Errorf("%+v: got all of it: %v, error %v; loaded: %v", o.cut, all, err, o.acknowledged[0] > 0)
		}
		found[all]++
	}
	if found[false] == 0 || found[true] == 0 {
		t.Errorf("got %d empty stores and %d full ones, want some of both", found[false], found[true])
	}
}

// load makes a store, fills it, acknowledges that, and goes on to use it.
func (m *machine) load() {
	m.Helper()
	db, err := sqlite.Open(m.Context(), m.store(), sqlite.Options{})
	if err != nil {
		m.Fatal(err)
	}
	if err := db.Load(m.Context(), snapshot()); err != nil {
		m.Fatal(err)
	}
	if err := m.acknowledge(0, 1); err != nil {
		m.Fatal(err)
	}
	for ver := range uint64(10) {
		if _, err := db.Commit(m.Context(), store.Txn{Puts: []store.Put{{Shard: 2, Key: []byte("later"), Ver: ver + 1}}}); err != nil {
			m.Fatal(err)
		}
	}
	if err := db.Close(); err != nil {
		m.Fatal(err)
	}
}

func snapshot() store.Snapshot {
	s := store.Snapshot{Heads: store.Heads{Epoch: 7}, Records: func(yield func(store.Placed, error) bool) {
		for n := range filled {
			if !yield(store.Placed{Shard: 1, Record: store.Record{Key: fmt.Appendf(nil, "k%09d", n), Ver: 1, Body: make([]byte, 1500)}}, nil) {
				return
			}
		}
	}}
	s.Heads.Revs[1] = filled
	return s
}

// inspectFilled opens the store that an outage left: it has all of the snapshot, or an error says what it has.
func (m *machine) inspectFilled(o outage) (all bool, err error) {
	if o.err != nil {
		return false, o.err
	}
	db, err := sqlite.Open(m.Context(), o.store(), sqlite.Options{})
	if err != nil {
		return false, err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	if err := db.Check(m.Context()); err != nil {
		return false, err
	}
	was, err := db.Backup(m.Context(), io.Discard)
	if err != nil {
		return false, err
	}
	loaded := was.Heads.Epoch == 7 && was.Heads.Revs[1] == filled && was.Records >= filled
	if !loaded && (was.Records > 0 || was.Heads != (store.Heads{Epoch: 1})) {
		return false, fmt.Errorf("got %d records, epoch %d: neither all nor nothing", was.Records, was.Heads.Epoch)
	}
	if !loaded && o.cut.Seed%8 == 0 {
		err = db.Load(m.Context(), snapshot())
	}
	return loaded, err
}

// changes is how many there were on the machine's disk.
func (m *machine) changes() (n int) {
	m.Helper()
	if err := m.rpc.Call("Remote.Changes", struct{}{}, &n); err != nil {
		m.Fatal(err)
	}
	return n
}
