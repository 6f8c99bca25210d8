package record_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"qkms/internal/record"
	"qkms/internal/record/recordpb"
	"qkms/internal/seal"
	"qkms/internal/store"
)

// Of several uses the latest stays, in whatever order they come, and a change of keys keeps it.
func TestLastUse(t *testing.T) {
	f := open(t)
	k := record.OfLastUse(account, region, "a")
	touch := func(at int64) {
		t.Helper()
		if err := f.Touch(t.Context(), []record.Use{{k, at, &recordpb.LastUse{Operation: "Encrypt", At: at}}}); err != nil {
			t.Fatal(err)
		}
	}
	last := func() int64 {
		t.Helper()
		u, err := f.LastUse(t.Context(), k)
		if err != nil {
			t.Fatal(err)
		}
		return u.GetAt()
	}
	if got := last(); got != 0 {
		t.Errorf("unused: got %d", got)
	}
	touch(200)
	touch(100)
	if got := last(); got != 200 {
		t.Errorf("got %d, want 200", got)
	}

	old := f.Ring().Current()
	next, err := f.Ring().RotateKEK(time.Now())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.SwapRing(t.Context(), next, nil); err != nil {
		t.Fatal(err)
	}
	f.reseal()
	for _, r := range f.rows() {
		if record.Named(r.Key) == k {
			if id, err := seal.KEKOf(r.Body); err != nil || id == old {
				t.Errorf("after the rotation: still under KEK %d (%v)", id, err)
			}
		}
	}
	if got := last(); got != 200 {
		t.Errorf("after the rotation: got %d, want 200", got)
	}
	touch(300)
	if got := last(); got != 300 {
		t.Errorf("after a later use: got %d, want 300", got)
	}
	if _, err := f.Verify(t.Context(), nil); err != nil {
		t.Error(err)
	}
}

// exchange rotates the KEK, seals everything again and drops the former one.
func (f *fixture) exchange() {
	f.t.Helper()
	former := f.Ring().Current()
	for _, step := range []func(*seal.Ring) (*seal.Ring, error){
		func(r *seal.Ring) (*seal.Ring, error) { return r.RotateKEK(time.Now()) },
		func(r *seal.Ring) (*seal.Ring, error) { f.reseal(); return r.DropKEK(former) },
	} {
		next, err := step(f.Ring())
		if err != nil {
			f.t.Fatal(err)
		}
		if _, err := f.SwapRing(f.t.Context(), next, nil); err != nil {
			f.t.Fatal(err)
		}
	}
}

// A node that has not heard of an exchange of the keys, and commits nothing, notes last uses under those there are.
func TestLastUseAfterKeysWereExchangedElsewhere(t *testing.T) {
	f := open(t)
	other := record.Open(f.engine, f.Ring(), 10)
	f.exchange()
	k := record.OfLastUse(account, region, "a")
	if err := other.Touch(t.Context(), []record.Use{{k, 100, &recordpb.LastUse{At: 100}}}); err != nil {
		t.Fatal(err)
	}
	if use, err := f.LastUse(t.Context(), k); err != nil || use.GetAt() != 100 {
		t.Errorf("got %v, %v, want that of 100", use, err)
	}
}

// haltedTouch is the engine of a node that is frozen when it is about to write last uses.
type haltedTouch struct {
	store.Engine
	meanwhile func()
}

func (h haltedTouch) Touch(ctx context.Context, uses []store.Use) error {
	h.meanwhile()
	return h.Engine.Touch(ctx, uses)
}

// A last use that arrives under a KEK that is gone, whatever its node looked at before, is forgotten. It is no damage,
// no obstacle to rotations, and the key's next use is noted.
func TestLastUseUnderADroppedKEK(t *testing.T) {
	f := open(t)
	other := record.Open(haltedTouch{f.engine, f.exchange}, f.Ring(), 10)
	k := record.OfLastUse(account, region, "a")
	if err := other.Touch(t.Context(), []record.Use{{k, 100, &recordpb.LastUse{At: 100}}}); err != nil {
		t.Fatal(err)
	}
	sound := func(when string, want int) {
		t.Helper()
		if rep, err := f.Verify(t.Context(), nil); err != nil || rep.Forgotten != want {
			t.Errorf("%s: got %+v, %v, want %d forgotten", when, rep, err, want)
		}
		if use, err := f.LastUse(t.Context(), k); err != nil || use != nil {
			t.Errorf("%s: got last use %v, %v, want none", when, use, err)
		}
	}
	sound("before a rotation", 1)
	f.exchange()
	sound("after a rotation", 0)
	if err := f.Touch(t.Context(), []record.Use{{k, 200, &recordpb.LastUse{At: 200}}}); err != nil {
		t.Fatal(err)
	}
	if use, err := f.LastUse(t.Context(), k); err != nil || use.GetAt() != 200 {
		t.Errorf("after the next use: got %v, %v, want that of 200", use, err)
	}
}

// Of any other record the same is damage, and so is a last use that was altered.
func TestRecordsUnderADroppedKEKAreDamaged(t *testing.T) {
	for name, k := range map[string]record.Key{"a key": record.OfKey(account, region, "a"), "an altered last use": record.OfLastUse(account, region, "a")} {
		t.Run(name, func(t *testing.T) {
			f := open(t)
			body := f.Ring().Seal(seal.AD{Key: []byte("another"), Ver: 1, Schema: 1}, nil)
			if name == "a key" {
				f.exchange()
			}
			f.raw(store.Txn{Puts: []store.Put{{Shard: store.Loose, Key: record.Raw(k), Ver: 1, Body: body}}})
			if _, err := f.Verify(t.Context(), nil); !errors.Is(err, record.ErrDamaged) {
				t.Errorf("got %v, want ErrDamaged", err)
			}
		})
	}
}
