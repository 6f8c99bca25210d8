package seal_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"qkms/internal/seal"
)

// opens fails the test unless r opens sealed as "body".
func opens(t *testing.T, r *seal.Ring, sealed []byte) {
	t.Helper()
	if got, err := r.Open(ad, sealed); err != nil || string(got) != "body" {
		t.Errorf("got %q, %v, want body", got, err)
	}
}

func TestOpenAgain(t *testing.T) {
	src := newKey(t)
	r := must(t)(seal.Init(t.Context(), src, now))
	sealed := r.Seal(ad, []byte("body"))
	again := must(t)(seal.Open(t.Context(), r.State(), src))
	opens(t, again, sealed)
	opens(t, r, again.Seal(ad, []byte("body")))
	if again.StoreID() != r.StoreID() || again.Derive("x") != r.Derive("x") {
		t.Error("another store or anchor after opening again")
	}
	if id := r.StoreID(); id[6]>>4 != 4 || id[8]>>6 != 2 {
		t.Errorf("store id %x is not a version 4 UUID", id)
	}
}

func TestStoresShareNothing(t *testing.T) {
	src := newKey(t)
	a := must(t)(seal.Init(t.Context(), src, now))
	b := must(t)(seal.Init(t.Context(), src, now))
	if a.StoreID() == b.StoreID() || a.Derive("x") == b.Derive("x") {
		t.Error("two stores of one key file have the same id or anchor")
	}
	if a.Derive("x") == a.Derive("y") {
		t.Error("two labels give the same key")
	}
}

func TestWrongKeySaysWhatToDo(t *testing.T) {
	r, stranger := newRing(t), newKey(t)
	_, err := seal.Open(t.Context(), r.State(), stranger)
	if !errors.Is(err, seal.ErrWrongKey) {
		t.Fatalf("got %v, want ErrWrongKey", err)
	}
	for _, want := range []string{stranger.String(), "another root key", "same backup"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("got %q, want it to say %q", err, want)
		}
	}
}

func TestOpenWithoutSlotOrSource(t *testing.T) {
	r := newRing(t)
	_, err := seal.Open(t.Context(), r.State(), typing("correct horse battery"))
	if !errors.Is(err, seal.ErrWrongKey) || !strings.Contains(err.Error(), `opened by: "file"`) {
		t.Errorf("no slot: got %v, want ErrWrongKey and the kinds that open it", err)
	}
	if _, err := seal.Open(t.Context(), r.State()); err == nil || !strings.Contains(err.Error(), `opened by: "file"`) {
		t.Errorf("no source: got %v, want the kinds that open it", err)
	}
}

func TestOpenTriesSourcesInOrder(t *testing.T) {
	right, missing := newKey(t), seal.KeyFile(filepath.Join(t.TempDir(), "none"))
	r := must(t)(seal.Init(t.Context(), right, now))
	must(t)(seal.Open(t.Context(), r.State(), missing, newKey(t), right))

	_, err := seal.Open(t.Context(), r.State(), missing, newKey(t))
	if !errors.Is(err, os.ErrNotExist) || !errors.Is(err, seal.ErrWrongKey) {
		t.Errorf("got %v, want to hear of both", err)
	}
}

func TestInitNeedsItsSource(t *testing.T) {
	if _, err := seal.Init(t.Context(), seal.KeyFile(filepath.Join(t.TempDir(), "none")), now); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("got %v, want ErrNotExist", err)
	}
}

func TestRotateRoot(t *testing.T) {
	old, fresh := newKey(t), newKey(t)
	r := must(t)(seal.Init(t.Context(), old, now))
	r = must(t)(r.RotateKEK(now))
	sealed := r.Seal(ad, []byte("body"))

	rotated := must(t)(r.RotateRoot(t.Context(), fresh, now))
	opens(t, rotated, sealed)
	if _, err := seal.Open(t.Context(), rotated.State(), old); !errors.Is(err, seal.ErrWrongKey) {
		t.Errorf("former source: got %v, want ErrWrongKey", err)
	}
	again := must(t)(seal.Open(t.Context(), rotated.State(), fresh))
	opens(t, again, sealed)
	if again.Derive("x") != r.Derive("x") || again.StoreID() != r.StoreID() {
		t.Error("the anchor or the store id changed with the root")
	}
	if _, err := r.Reload(rotated.State()); !errors.Is(err, seal.ErrWrongKey) {
		t.Errorf("Reload over a new root: got %v, want ErrWrongKey", err)
	}
	opens(t, must(t)(seal.Open(t.Context(), r.State(), old)), sealed) // r was left as it is
}

// Rotating to the source already in use still makes the former root useless.
func TestRotateRootSameSource(t *testing.T) {
	src := newKey(t)
	r := must(t)(seal.Init(t.Context(), src, now))
	rotated := must(t)(r.RotateRoot(t.Context(), src, now))
	must(t)(seal.Open(t.Context(), rotated.State(), src))
	if _, err := r.Reload(rotated.State()); !errors.Is(err, seal.ErrWrongKey) {
		t.Errorf("got %v, want ErrWrongKey", err)
	}
}

func TestAddSlot(t *testing.T) {
	file, second, phrase := newKey(t), newKey(t), typing("correct horse battery")
	r := must(t)(seal.Init(t.Context(), file, now))
	sealed := r.Seal(ad, []byte("body"))
	r = must(t)(r.AddSlot(t.Context(), second, now))
	r = must(t)(r.AddSlot(t.Context(), phrase, now))
	for _, src := range []seal.Source{file, second, phrase} {
		opens(t, must(t)(seal.Open(t.Context(), r.State(), src)), sealed)
	}
	r = must(t)(r.RotateRoot(t.Context(), second, now))
	for _, src := range []seal.Source{file, phrase} {
		if _, err := seal.Open(t.Context(), r.State(), src); !errors.Is(err, seal.ErrWrongKey) {
			t.Errorf("%s after RotateRoot: got %v, want ErrWrongKey", src, err)
		}
	}
}

func TestAddSlotStopsAtSixteen(t *testing.T) {
	src := newKey(t)
	r := must(t)(seal.Init(t.Context(), src, now))
	for range 15 {
		r = must(t)(r.AddSlot(t.Context(), src, now))
	}
	if _, err := r.AddSlot(t.Context(), src, now); err == nil {
		t.Error("got a 17th slot, want an error")
	}
	must(t)(seal.Open(t.Context(), r.State(), src))
}

func TestRotateKEK(t *testing.T) {
	src := newKey(t)
	first := must(t)(seal.Init(t.Context(), src, now))
	old := first.Seal(ad, []byte("body"))
	later := now.Add(time.Hour)
	second := must(t)(first.RotateKEK(later))
	fresh := second.Seal(ad, []byte("body"))

	if id, err := seal.KEKOf(fresh); err != nil || id != 2 || second.Current() != 2 {
		t.Errorf("got KEK %d, %v, current %d, want 2", id, err, second.Current())
	}
	if got := second.KEKs(); len(got) != 2 || got[0] != (seal.KEK{ID: 1, Created: now}) || got[1] != (seal.KEK{ID: 2, Created: later}) {
		t.Errorf("got %v, want KEK 1 of %v, KEK 2 of %v", got, now, later)
	}
	again := must(t)(seal.Open(t.Context(), second.State(), src))
	opens(t, again, old)
	opens(t, again, fresh)
	if again.Derive("x") != first.Derive("x") {
		t.Error("the anchor changed with the KEK")
	}
	if first.Generation() != 1 || again.Generation() != 2 {
		t.Errorf("got generations %d, %d, want 1, 2", first.Generation(), again.Generation())
	}
}

func TestDropKEK(t *testing.T) {
	first := newRing(t)
	old := first.Seal(ad, []byte("body"))
	second := must(t)(first.RotateKEK(now))
	if _, err := second.DropKEK(2); err == nil {
		t.Error("dropped the current KEK, want an error")
	}
	if _, err := second.DropKEK(9); !errors.Is(err, seal.ErrUnknownKEK) {
		t.Errorf("got %v, want ErrUnknownKEK", err)
	}
	dropped := must(t)(second.DropKEK(1))
	if _, err := dropped.Open(ad, old); !errors.Is(err, seal.ErrUnknownKEK) {
		t.Errorf("got %v, want ErrUnknownKEK", err)
	}
	if next := must(t)(dropped.RotateKEK(now)); next.Current() != 3 {
		t.Errorf("got KEK %d after dropping, want 3", next.Current())
	}
	opens(t, second, old) // second was left as it is
}

func TestReload(t *testing.T) {
	a := newRing(t)
	b := must(t)(a.RotateKEK(now))
	sealed := b.Seal(ad, []byte("body"))
	opens(t, must(t)(a.Reload(b.State())), sealed)
	if _, err := b.Reload(a.State()); !errors.Is(err, seal.ErrTampered) {
		t.Errorf("an older state: got %v, want ErrTampered", err)
	}
	if _, err := b.Reload(newRing(t).State()); !errors.Is(err, seal.ErrWrongKey) {
		t.Errorf("another store's state: got %v, want ErrWrongKey", err)
	}
}

// typing is an operator who enters the same passphrase each time.
func typing(phrase string) seal.Source {
	return seal.CheapPassphrase(func() ([]byte, error) { return []byte(phrase), nil })
}

func TestPassphrase(t *testing.T) {
	r := must(t)(seal.Init(t.Context(), typing("correct horse battery"), now))
	sealed := r.Seal(ad, []byte("body"))
	opens(t, must(t)(seal.Open(t.Context(), r.State(), typing("correct horse battery"))), sealed)
	if _, err := seal.Open(t.Context(), r.State(), typing("correct horse batterz")); !errors.Is(err, seal.ErrWrongKey) {
		t.Errorf("got %v, want ErrWrongKey", err)
	}
	if _, err := seal.Open(t.Context(), r.State(), typing("")); !errors.Is(err, seal.ErrWrongKey) {
		t.Errorf("nothing typed: got %v, want ErrWrongKey", err)
	}
}

func TestPassphraseAtFullCost(t *testing.T) {
	src := seal.Passphrase(func() ([]byte, error) { return []byte("correct horse battery"), nil })
	r := must(t)(seal.Init(t.Context(), src, now))
	must(t)(seal.Open(t.Context(), r.State(), src))
}

func TestPassphraseTooShort(t *testing.T) {
	_, err := seal.Init(t.Context(), typing(strings.Repeat("x", seal.MinPassphrase-1)), now)
	if err == nil || !strings.Contains(err.Error(), "15 bytes") {
		t.Errorf("got %v, want to hear how long it must be", err)
	}
}

func TestPassphraseReadFails(t *testing.T) {
	r := must(t)(seal.Init(t.Context(), typing("correct horse battery"), now))
	gone := errors.New("terminal gone")
	src := seal.Passphrase(func() ([]byte, error) { return nil, gone })
	if _, err := seal.Open(t.Context(), r.State(), src); !errors.Is(err, gone) || errors.Is(err, seal.ErrWrongKey) {
		t.Errorf("Open: got %v, want %v", err, gone)
	}
	if _, err := seal.Init(t.Context(), src, now); !errors.Is(err, gone) {
		t.Errorf("Init: got %v, want %v", err, gone)
	}
}

func TestPassphraseCancelled(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := seal.Init(ctx, typing("correct horse battery"), now); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want context.Canceled", err)
	}
}

// Two slots are one question to the operator.
func TestPassphraseReadOnce(t *testing.T) {
	r := must(t)(seal.Init(t.Context(), typing("correct horse battery"), now))
	r = must(t)(r.AddSlot(t.Context(), typing("a quite different one"), now))
	asked := 0
	must(t)(seal.Open(t.Context(), r.State(), seal.CheapPassphrase(func() ([]byte, error) {
		asked++
		return []byte("a quite different one"), nil
	})))
	if asked != 1 {
		t.Errorf("asked %d times, want once", asked)
	}
}
