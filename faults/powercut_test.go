// Package faults_test breaks the disk under the embedded store: power cuts, failing calls, no space.
// It is a module of its own because it needs FUSE, and fails where there is none.
package faults_test

import (
	"errors"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"

	"qkms/internal/store/sqlite"
)

// TestPowerCut cuts the power under four writers again and again. No acknowledged commit may be
// missing afterwards and nothing may be torn.
func TestPowerCut(t *testing.T) {
	const cuts = 100
	m := newMachine(t)
	stop := m.work(m.open(sqlite.Options{}))
	defer stop()
	for range cuts {
		o := m.cut(1+rand.IntN(2000), luck())()
		missing, err := m.inspect(o)
		if err != nil {
			t.Fatalf("%+v: %v", o.cut, err)
		}
		if missing > 0 {
			t.Errorf("%+v: %d acknowledged commits are missing", o.cut, missing)
		}
	}
}

// TestPowerCutNoticesLoss proves that TestPowerCut could fail: without a sync per commit, which is
// what synchronous=NORMAL does, acknowledged commits must be found missing.
func TestPowerCutNoticesLoss(t *testing.T) {
	const cuts = 50
	m := newMachine(t)
	stop := m.work(m.open(sqlite.Options{LoseOnPowerCut: true}))
	defer stop()
	for range cuts {
		o := m.cut(1+rand.IntN(2000), luck())()
		missing, err := m.inspect(o)
		if err != nil {
			t.Fatalf("%+v: %v", o.cut, err)
		}
		if missing > 0 {
			t.Logf("%d acknowledged commits were missing, as they should be", missing)
			return
		}
	}
	t.Errorf("%d power cuts lost nothing although nothing was flushed: the test is blind", cuts)
}

// TestPowerCutWhileCreating cuts the power at each single change by which a store comes to be, and
// at those of its first commits.
func TestPowerCutWhileCreating(t *testing.T) {
	const changes = 150
	m := newMachine(t)
	var waits []func() outage
	for n := range changes {
		waits = append(waits, m.cut(n, luck()))
	}
	stop := m.work(m.open(sqlite.Options{}))
	defer stop()
	for _, wait := range waits {
		o := wait()
		if missing, err := m.inspect(o); err != nil || missing > 0 {
			t.Errorf("%+v: %d acknowledged commits are missing, error %v", o.cut, missing, err)
		}
	}
}

// TestPowerCutWhileRecovering cuts the power at each change that opening and closing make to a store
// that an earlier cut has left with a full log.
func TestPowerCutWhileRecovering(t *testing.T) {
	const changes = 400
	first := newMachine(t)
	stop := first.work(first.open(sqlite.Options{}))
	before := first.cut(1500, 1)()
	stop()

	m := newMachine(t)
	m.restore(before)
	var waits []func() outage
	for n := range changes {
		waits = append(waits, m.cut(n, luck()))
	}
	db, err := sqlite.Open(t.Context(), m.store(), sqlite.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	m.idle(changes) // so that every cut comes
	for _, wait := range waits {
		o := wait()
		if missing, err := m.inspect(o); err != nil || missing > 0 {
			t.Errorf("%+v: %d acknowledged commits are missing, error %v", o.cut, missing, err)
		}
	}
}

// restore puts what an outage left onto the machine's disk, flushed.
func (m *machine) restore(o outage) {
	m.Helper()
	if o.err != nil {
		m.Fatal(o.err)
	}
	if err := os.CopyFS(m.mount, os.DirFS(o.cut.Dir)); err != nil {
		m.Fatal(err)
	}
	err := filepath.WalkDir(m.mount, func(path string, _ fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		f, err := os.Open(path)
		if err != nil {
			return err
		}
		return errors.Join(f.Sync(), f.Close())
	})
	if err != nil {
		m.Fatal(err)
	}
	for writer, ver := range o.acknowledged {
		if err := m.acknowledge(writer, ver); err != nil {
			m.Fatal(err)
		}
	}
}

// idle makes so many changes that are no store's.
func (m *machine) idle(changes int) {
	m.Helper()
	f, err := os.Create(filepath.Join(m.mount, "idle"))
	if err != nil {
		m.Fatal(err)
	}
	defer f.Close()
	for range changes {
		if _, err := f.WriteAt([]byte("."), 0); err != nil {
			m.Fatal(err)
		}
	}
}

// luck is how likely a disk keeps what was not flushed: nothing, everything, or anything between.
func luck() float64 { return min(1, max(0, rand.Float64()*1.5-0.25)) }

// open opens the machine's store until the end of the test.
func (m *machine) open(opts sqlite.Options) *sqlite.DB {
	m.Helper()
	db, err := sqlite.Open(m.Context(), m.store(), opts)
	if err != nil {
		m.Fatal(err)
	}
	m.Cleanup(func() {
		if err := db.Close(); err != nil {
			m.Errorf("Close: %v", err)
		}
	})
	return db
}
