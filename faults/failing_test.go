package faults_test

import (
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"syscall"
	"testing"

	"qkms/internal/store"
	"qkms/internal/store/sqlite"
)

// TestEveryFailingCall has each single write and flush of a commit fail in turn, alone or with all
// that follow. Whatever the engine answers must be true now, and stay true through a crash: a change
// said not to be there must not be replayed by a later recovery.
func TestEveryFailingCall(t *testing.T) {
	const changes = 45 // more than the commit makes
	all := []error{nil, store.ErrUnavailable, store.ErrUnknown}
	for _, test := range []struct {
		name    string
		errno   syscall.Errno
		answers []error
	}{
		{"ENOSPC", syscall.ENOSPC, all},
		{"EIO", syscall.EIO, []error{nil, store.ErrUnknown}}, // what reached the disk is anybody's guess
	} {
		for _, times := range []int{1, 1_000_000} {
			t.Run(fmt.Sprintf("%s,times=%d", test.name, times), func(t *testing.T) {
				m := newMachine(t)
				db := m.open(sqlite.Options{})
				seen := map[error]bool{}
				for n := range changes {
					seen[m.failOne(db, n, times, test.errno)] = true
				}
				for _, answer := range all {
					if want := slices.Contains(test.answers, answer); seen[answer] != want {
						t.Errorf("answer %v: got it %v, want %v", answer, seen[answer], want)
					}
				}
			})
		}
	}
}

// failOne commits while change n from now fails, and holds the engine to its answer.
func (m *machine) failOne(db *sqlite.DB, n, times int, errno syscall.Errno) (answer error) {
	m.Helper()
	key := fmt.Append(nil, "failing/", n)
	m.fail(n, times, errno)
	_, err := db.Commit(m.Context(), store.Txn{Puts: []store.Put{{Shard: 1, Key: key, Ver: 1, Body: make([]byte, 20_000)}}})
	atOnce := m.cut(0, 1)()
	m.fail(0, 0, 0)
	if _, err := db.Renew(m.Context(), store.Node{ID: "n"}); err != nil {
		m.Fatalf("change %d failed with %v: the engine did not recover: %v", n, errno, err)
	}
	ver := m.version(db, key)
	switch {
	case err == nil:
		m.same(n, "said to be committed", ver, 1)
		m.same(n, "after a crash at once", m.versionAfter(atOnce, key), 1)
	case errors.Is(err, store.ErrUnavailable):
		answer = store.ErrUnavailable
		m.same(n, "said not to be written", ver, 0)
		m.same(n, "after a crash at once", m.versionAfter(atOnce, key), 0)
	case errors.Is(err, store.ErrUnknown):
		answer = store.ErrUnknown
	default:
		m.Errorf("change %d failed with %v: got error %v", n, errno, err)
	}
	m.same(n, "after a crash, what was read before it", m.versionAfter(m.cut(0, 1)(), key), ver)
	m.same(n, "after a power cut, what was read before it", m.versionAfter(m.cut(0, 0)(), key), ver)
	return answer
}

func (m *machine) same(n int, what string, got, want uint64) {
	m.Helper()
	if got != want {
		m.Errorf("change %d failed: %s: got version %d, want %d", n, what, got, want)
	}
}

func (m *machine) version(db *sqlite.DB, key []byte) uint64 {
	m.Helper()
	records, err := db.Get(m.Context(), key)
	if err != nil {
		m.Fatal(err)
	}
	return records[0].Ver
}

// versionAfter opens what an outage left and reads a key.
func (m *machine) versionAfter(o outage, key []byte) uint64 {
	m.Helper()
	if o.err != nil {
		m.Fatal(o.err)
	}
	db, err := sqlite.Open(m.Context(), o.store(), sqlite.Options{})
	if err != nil {
		m.Fatal(err)
	}
	defer db.Close()
	if err := db.Check(m.Context()); err != nil {
		m.Error(err)
	}
	return m.version(db, key)
}

// TestBrokenDisk has every write fail for a while. After a commit in doubt reads are refused too,
// until the disk works again; then all is well by itself.
func TestBrokenDisk(t *testing.T) {
	m := newMachine(t)
	db := m.open(sqlite.Options{})
	txn := store.Txn{Puts: []store.Put{{Shard: 1, Key: []byte("k"), Ver: 1}}}
	m.fail(0, 1_000_000, syscall.EIO)
	if _, err := db.Commit(t.Context(), txn); !errors.Is(err, store.ErrUnknown) {
		t.Errorf("first commit: got error %v, want ErrUnknown", err)
	}
	if _, err := db.Commit(t.Context(), txn); !errors.Is(err, store.ErrUnavailable) {
		t.Errorf("second commit: got error %v, want ErrUnavailable", err)
	}
	if _, err := db.Get(t.Context(), []byte("k")); !errors.Is(err, store.ErrUnavailable) {
		t.Errorf("Get: got error %v, want ErrUnavailable", err)
	}
	m.fail(0, 0, 0)
	if _, err := db.Commit(t.Context(), txn); err != nil {
		t.Errorf("on the disk repaired: %v", err)
	}
	if got := m.version(db, []byte("k")); got != 1 {
		t.Errorf("got version %d, want 1", got)
	}
}

// TestFullFileSystem has no write succeed for lack of space, and then space again.
func TestFullFileSystem(t *testing.T) {
	m := newMachine(t)
	db := m.open(sqlite.Options{})
	txn := store.Txn{Puts: []store.Put{{Shard: 1, Key: []byte("k"), Ver: 1}}}
	m.fail(0, 1_000_000, syscall.ENOSPC)
	for range 3 {
		if _, err := db.Commit(t.Context(), txn); !errors.Is(err, store.ErrUnavailable) {
			t.Errorf("got error %v, want ErrUnavailable", err)
		}
		if got := m.version(db, []byte("k")); got != 0 {
			t.Errorf("got version %d, want 0", got)
		}
	}
	if _, err := sqlite.Open(t.Context(), filepath.Join(m.mount, "other.db"), sqlite.Options{}); err == nil {
		t.Error("opened a new store on a full file system")
	}
	m.fail(0, 0, 0)
	if _, err := db.Commit(t.Context(), txn); err != nil {
		t.Errorf("with space again: %v", err)
	}
}
