package record_test

import (
	"testing"
	"time"

	"qkms/internal/record"
	"qkms/internal/record/recordpb"
	"qkms/internal/seal"
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
