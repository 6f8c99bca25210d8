package faults_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"testing"

	"qkms/internal/store/postgres"
	"qkms/internal/store/postgres/pgtest"
)

// TestPostgresPowerCut is TestPowerCut of a store in PostgreSQL.
func TestPostgresPowerCut(t *testing.T) {
	m := newMachine(t)
	server := m.postgres("fsync=on")
	db := m.openIn(server)
	for range cuts(t, 5) {
		stop := m.work(db)
		o := m.cut(1+rand.IntN(2000), luck())()
		stop()
		missing, err := m.recover(server, o)
		if err != nil {
			t.Fatal(err)
		}
		if missing > 0 {
			t.Errorf("%d acknowledged commits are missing", missing)
		}
	}
}

// TestPostgresPowerCutNoticesLoss proves that TestPostgresPowerCut could fail: told not to sync,
// PostgreSQL must lose acknowledged commits.
func TestPostgresPowerCutNoticesLoss(t *testing.T) {
	const tries = 10
	m := newMachine(t)
	server := m.postgres() // syncs, until told otherwise
	db := m.openIn(server)
	for _, statement := range []string{"CHECKPOINT", "ALTER SYSTEM SET fsync = off", "SELECT pg_reload_conf()"} {
		if err := server.Do(statement); err != nil {
			t.Fatal(err)
		}
	}
	for range tries {
		stop := m.work(db)
		o := m.cut(1+rand.IntN(2000), 0)()
		stop()
		missing, err := m.recover(server, o)
		if err != nil {
			t.Fatal(err)
		}
		if missing > 0 {
			t.Logf("%d acknowledged commits were missing, as they should be", missing)
			return
		}
	}
	t.Errorf("%d power cuts lost nothing although nothing was flushed: the test is blind", tries)
}

// cuts is how many power cuts PostgreSQL goes through: each takes seconds. QKMS_CUTS says otherwise.
func cuts(t *testing.T, otherwise int) int {
	t.Helper()
	n := otherwise
	if s := os.Getenv("QKMS_CUTS"); s != "" {
		if _, err := fmt.Sscan(s, &n); err != nil {
			t.Fatalf("QKMS_CUTS=%q is no number", s)
		}
	}
	return n
}

// postgres starts a server whose data directory is on the machine's disk. It writes its pages back
// every few thousand commits, so that cuts come upon that too.
func (m *machine) postgres(settings ...string) *pgtest.Server {
	m.Helper()
	m.call("Journal", struct{}{})
	return pgtest.In(m, m.mount, append(settings, small...)...)
}

var small = []string{"min_wal_size=32MB", "max_wal_size=48MB", "checkpoint_timeout=30s"}

func (m *machine) openIn(server *pgtest.Server) *postgres.DB {
	m.Helper()
	db, err := postgres.Open(m.Context(), server.URL(), postgres.Options{Make: true})
	if err != nil {
		m.Fatal(err)
	}
	m.Cleanup(func() { _ = db.Close() })
	return db
}

// recover starts a server over what an outage left, and examines the store.
func (m *machine) recover(server *pgtest.Server, o outage) (missing uint64, err error) {
	if o.err != nil {
		return 0, o.err
	}
	defer os.RemoveAll(o.cut.Dir) // tens of megabytes
	again, err := pgtest.Over(o.cut.Dir, server, "fsync=off")
	if err != nil {
		return 0, err
	}
	defer again.Stop()
	db, err := postgres.Open(m.Context(), again.URL(), postgres.Options{})
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	return m.examine(db, o)
}
