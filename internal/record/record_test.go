package record_test

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"qkms/internal/custody"
	"qkms/internal/record"
	"qkms/internal/record/recordpb"
	"qkms/internal/seal"
	"qkms/internal/store"
	"qkms/internal/store/sqlite"
)

const (
	account = "111122223333"
	region  = "us-east-1"
)

// fixture is a book over a real engine, with the engine at hand to play the attacker who can write it.
type fixture struct {
	*record.Book
	engine store.Engine
	t      testing.TB
}

func open(t testing.TB) *fixture {
	t.Helper()
	dir := t.TempDir()
	engine, err := sqlite.Open(t.Context(), filepath.Join(dir, "qkms.db"), sqlite.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { engine.Close() })
	path := filepath.Join(dir, "root.key")
	if err := seal.NewKeyFile(path); err != nil {
		t.Fatal(err)
	}
	ring, err := seal.Init(t.Context(), seal.KeyFile(path), time.Now())
	if err != nil {
		t.Fatal(err)
	}
	if err := record.InitState(t.Context(), engine, ring.State()); err != nil {
		t.Fatal(err)
	}
	return &fixture{record.Open(engine, ring, 1<<20), engine, t}
}

func (f *fixture) insert(id string) record.Key {
	f.t.Helper()
	k := record.OfKey(account, region, id)
	c := f.Change()
	c.Insert(k, &recordpb.Key{Id: id})
	f.commit(c)
	return k
}

// reseal seals again whatever is under a former KEK.
func (f *fixture) reseal() {
	f.t.Helper()
	fence, err := f.Engine().Claim(f.t.Context(), fmt.Sprintf("reseal %d", f.Ring().Current()), time.Minute)
	if err != nil {
		f.t.Fatal(err)
	}
	under := func(context.Context) (store.Fence, error) { return fence, nil }
	for w := (record.Resealing{}); !w.Ended; {
		if err := f.Reseal(f.t.Context(), &w, under); err != nil {
			f.t.Fatal(err)
		}
	}
}

func (f *fixture) commit(c *record.Change) {
	f.t.Helper()
	if err := f.Commit(context.Background(), c, "", nil); err != nil {
		f.t.Fatal(err)
	}
}

func (f *fixture) raw(t store.Txn) {
	f.t.Helper()
	if _, err := f.engine.Commit(context.Background(), t); err != nil {
		f.t.Fatal(err)
	}
}

// rows returns every record of the store by its place in the list.
func (f *fixture) rows() []store.Record {
	f.t.Helper()
	rows, _, err := f.engine.List(context.Background(), nil, nil, store.MaxList)
	if err != nil {
		f.t.Fatal(err)
	}
	return rows
}

func row(t *testing.T, rows []store.Record, k record.Key) store.Record {
	t.Helper()
	for _, r := range rows {
		if record.Named(r.Key) == k {
			return r
		}
	}
	t.Fatal("no such row")
	return store.Record{}
}

// What somebody who can write the database may try (storage §9), and that it is noticed.
func TestTampering(t *testing.T) {
	for name, attack := range map[string]func(f *fixture, a, b store.Record){
		"record of one key under the name of another": func(f *fixture, a, b store.Record) {
			f.raw(store.Txn{Puts: []store.Put{{Key: a.Key, Ver: a.Ver, Body: b.Body}}})
		},
		"old body under a new version": func(f *fixture, a, _ store.Record) {
			f.raw(store.Txn{Puts: []store.Put{{Key: a.Key, Ver: a.Ver + 1, Body: a.Body}}})
		},
		"one bit of a body": func(f *fixture, a, _ store.Record) {
			body := append([]byte(nil), a.Body...)
			body[len(body)/2] ^= 1
			f.raw(store.Txn{Puts: []store.Put{{Key: a.Key, Ver: a.Ver, Body: body}}})
		},
		"a record removed": func(f *fixture, a, _ store.Record) {
			f.raw(store.Txn{Deletes: []store.Delete{{Key: a.Key}}})
		},
		"a record removed outside every shard": func(f *fixture, a, _ store.Record) {
			f.raw(store.Txn{Deletes: []store.Delete{{Shard: store.Loose, Key: a.Key}}})
		},
		"a former version put back": func(f *fixture, a, _ store.Record) {
			c := f.Change()
			c.Replace(record.Named(a.Key), a.Ver, &recordpb.Key{Id: "a", Description: "newer"})
			f.commit(c)
			f.raw(store.Txn{Puts: []store.Put{{Shard: store.Loose, Key: a.Key, Ver: a.Ver, Body: a.Body}}})
		},
	} {
		t.Run(name, func(t *testing.T) {
			f := open(t)
			a, b := f.insert("a"), f.insert("b")
			if _, err := f.Verify(t.Context(), nil); err != nil {
				t.Fatalf("before the attack: %v", err)
			}
			rows := f.rows()
			attack(f, row(t, rows, a), row(t, rows, b))
			if _, err := f.Verify(t.Context(), nil); !errors.Is(err, record.ErrDamaged) {
				t.Errorf("got %v, want ErrDamaged", err)
			}
		})
	}
}

func TestMovedRecordDoesNotOpen(t *testing.T) {
	f := open(t)
	a, b := f.insert("a"), f.insert("b")
	rows := f.rows()
	ra, rb := row(t, rows, a), row(t, rows, b)
	f.raw(store.Txn{Puts: []store.Put{{Key: ra.Key, Ver: ra.Ver, Body: rb.Body}}})
	fresh := record.Open(f.engine, f.Ring(), 10)
	if _, _, err := record.Load[recordpb.Key](t.Context(), fresh, a); !errors.Is(err, record.ErrDamaged) {
		t.Errorf("got %v, want ErrDamaged", err)
	}
}

// A reader that began after a commit returned never sees what was before it, cached or not.
func TestCacheNeverGoesBack(t *testing.T) {
	f := open(t)
	k := f.insert("a")
	var done atomic.Bool
	var committed atomic.Uint64
	committed.Store(1)
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for !done.Load() {
				least := committed.Load()
				if _, ver, err := record.Load[recordpb.Key](context.Background(), f.Book, k); err != nil || ver < least {
					t.Errorf("got version %d, %v, want at least %d", ver, err, least)
					return
				}
			}
		})
	}
	for ver := uint64(1); ver < 300; ver++ {
		c := f.Change()
		c.Replace(k, ver, &recordpb.Key{Id: "a"})
		f.commit(c)
		committed.Store(ver + 1)
	}
	done.Store(true)
	wg.Wait()
}

// Keys are rotated while records are written; afterwards nothing needs the former key.
func TestResealWhileWriting(t *testing.T) {
	f := open(t)
	for i := range 50 {
		f.insert(fmt.Sprint(i))
	}
	c := f.Change() // an outbox row is sealed too
	c.Insert(record.OfKey(account, region, "with an outbox row"), &recordpb.Key{})
	if err := f.Commit(t.Context(), c, "event", []byte("line")); err != nil {
		t.Fatal(err)
	}
	old := f.Ring().Current()
	next, err := f.Ring().RotateKEK(time.Now())
	if err != nil {
		t.Fatal(err)
	}
	stale := f.Change() // built under the former key, committed after the exchange
	stale.Insert(record.OfKey(account, region, "stale"), &recordpb.Key{Id: "stale"})
	if _, err := f.SwapRing(t.Context(), next, nil); err != nil {
		t.Fatal(err)
	}
	var conflict *store.Conflict
	if err := f.Commit(t.Context(), stale, "", nil); !errors.As(err, &conflict) {
		t.Fatalf("a change sealed under the former key: got %v, want a conflict", err)
	}
	var wg sync.WaitGroup
	wg.Go(func() {
		for i := range 50 {
			k := record.OfKey(account, region, fmt.Sprint(i))
			for {
				m, ver, err := record.Load[recordpb.Key](context.Background(), f.Book, k)
				if err != nil {
					t.Error(err)
					return
				}
				c := f.Change()
				c.Replace(k, ver, &recordpb.Key{Id: m.Id, Description: "written meanwhile"})
				if err := f.Commit(context.Background(), c, "", nil); !errors.As(err, &conflict) {
					break
				}
			}
		}
	})
	f.reseal()
	wg.Wait()
	for _, r := range f.rows() {
		if record.Named(r.Key) == record.StateKey() {
			continue
		}
		if id, err := seal.KEKOf(r.Body); err != nil || id == old {
			t.Errorf("record %x: still under KEK %d (%v)", r.Key, id, err)
		}
	}
	dropped, err := f.Ring().DropKEK(old)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.SwapRing(t.Context(), dropped, nil); err != nil {
		t.Fatal(err)
	}
	rep, err := f.Verify(t.Context(), nil)
	if err != nil || rep.Records != 52 {
		t.Errorf("got %+v, %v, want 52 records", rep, err)
	}
}

// A material sealed before a rotation and added to a change begun after it would be under a key that is
// about to be dropped.
func TestMaterialSealedBeforeARotationIsAConflict(t *testing.T) {
	f := open(t)
	put := f.PutMaterial(custody.Ref{Account: account, Region: region, KeyID: "a", MaterialID: "m"}, []byte("body"))
	next, err := f.Ring().RotateKEK(time.Now())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.SwapRing(t.Context(), next, nil); err != nil {
		t.Fatal(err)
	}
	c := f.Change()
	c.Add(put)
	var conflict *store.Conflict
	if err := f.Commit(t.Context(), c, "", nil); !errors.As(err, &conflict) {
		t.Errorf("got %v, want a conflict", err)
	}
}

// An audit record stays in the outbox until it is known to be in the log, and no longer.
func TestOutbox(t *testing.T) {
	f := open(t)
	commit := func(id, event string) {
		c := f.Change()
		c.Insert(record.OfKey(account, region, id), &recordpb.Key{Id: id})
		if err := f.Commit(t.Context(), c, event, []byte("line of "+event)); err != nil {
			t.Fatal(err)
		}
	}
	undelivered := func() map[string][]byte {
		lines, err := f.Undelivered(t.Context(), time.Time{})
		if err != nil {
			t.Fatal(err)
		}
		return lines
	}
	commit("a", "event-1")
	if got := undelivered(); string(got["event-1"]) != "line of event-1" {
		t.Errorf("got %q", got)
	}
	f.Delivered("event-1")
	commit("b", "event-2") // takes the delivered one along
	if got := undelivered(); len(got) != 1 || got["event-2"] == nil {
		t.Errorf("got %q, want event-2 alone", got)
	}
	f.Delivered("event-2")
	if err := f.Tidy(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := undelivered(); len(got) != 0 {
		t.Errorf("got %q, want none", got)
	}
}

func TestScanPages(t *testing.T) {
	f := open(t)
	for i := range 25 {
		f.insert(fmt.Sprintf("%02d", i))
	}
	c := f.Change() // neighbours that are not in the range
	c.Insert(record.OfKey(account, "us-east-11", "00"), &recordpb.Key{})
	c.Insert(record.OfKey(account, "us-east-", "00"), &recordpb.Key{})
	f.commit(c)
	var got []string
	var after record.Key
	for {
		page, more, err := record.Scan[recordpb.Key](t.Context(), f.Book, record.KeysOf(account, region), after, 10)
		if err != nil {
			t.Fatal(err)
		}
		for _, it := range page {
			got, after = append(got, it.Msg.Id), it.Key
		}
		if !more {
			break
		}
	}
	if len(got) != 25 || got[0] != "00" || got[24] != "24" {
		t.Errorf("got %v", got)
	}
}

// Names that are made of the encoding's own bytes stay apart, and sort as their parts do.
func FuzzKey(f *testing.F) {
	f.Add("a", "b", "a", "b\x00")
	f.Add("a\x00", "b", "a", "\x00b")
	f.Add("", "\x00\x01", "\x00", "\x01")
	f.Fuzz(func(t *testing.T, a1, a2, b1, b2 string) {
		a, b := record.OfAlias(a1, region, a2), record.OfAlias(b1, region, b2)
		if same := a1 == b1 && a2 == b2; (a == b) != same {
			t.Errorf("(%q, %q) and (%q, %q): got the same key %v, want %v", a1, a2, b1, b2, a == b, same)
		}
		if a.Part(0) != a1 || a.Part(2) != a2 {
			t.Errorf("(%q, %q): got parts %q, %q", a1, a2, a.Part(0), a.Part(2))
		}
	})
}

// A shard whose oldest notes were trimmed is still checked from the oldest it has.
func TestTamperingAfterTrimming(t *testing.T) {
	f := open(t)
	k := f.insert("a")
	old := row(t, f.rows(), k)
	for ver := uint64(1); ver < store.NoteWindow+600; ver++ {
		c := f.Change()
		c.Replace(k, ver, &recordpb.Key{Id: "a"})
		f.commit(c)
	}
	if _, _, err := f.engine.Changes(t.Context(), store.Vector{}, store.MaxList); !errors.Is(err, store.ErrGone) {
		t.Fatalf("got %v, want a trimmed log", err)
	}
	if _, err := f.Verify(t.Context(), nil); err != nil {
		t.Fatalf("before the attack: %v", err)
	}
	f.raw(store.Txn{Puts: []store.Put{{Shard: store.Loose, Key: old.Key, Ver: old.Ver, Body: old.Body}}})
	if _, err := f.Verify(t.Context(), nil); !errors.Is(err, record.ErrDamaged) {
		t.Errorf("got %v, want ErrDamaged", err)
	}
}

// What was read before a record was deleted and made anew, all within one millisecond, does not overwrite the new one.
func TestMadeAnewIsAnother(t *testing.T) {
	f := open(t)
	k, now := record.OfUser(account, "alice"), time.Now().UnixMilli()
	begin := func(id string) {
		t.Helper()
		c := f.Change()
		c.Begin(k, now, &recordpb.User{Id: id})
		f.commit(c)
	}
	begin("first")
	_, ver, err := record.Load[recordpb.User](t.Context(), f.Book, k)
	if err != nil {
		t.Fatal(err)
	}
	late := f.Change()
	late.Replace(k, ver, &recordpb.User{Id: "first", Path: "/x/"})

	c := f.Change()
	c.Remove(k, ver)
	f.commit(c)
	begin("second")
	var conflict *store.Conflict
	if err := f.Commit(t.Context(), late, "", nil); !errors.As(err, &conflict) {
		t.Errorf("got %v, want a conflict", err)
	}
	if m, _, err := record.Load[recordpb.User](t.Context(), f.Book, k); err != nil || m.Id != "second" {
		t.Errorf("got %v, %v, want the second", m, err)
	}
}
