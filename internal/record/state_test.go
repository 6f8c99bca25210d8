package record_test

import (
	"context"
	"errors"
	"path/filepath"
	"testing"
	"time"

	"qkms/internal/record"
	"qkms/internal/record/recordpb"
	"qkms/internal/seal"
	"qkms/internal/store"
)

// another is a second node over the store of f.
func (f *fixture) another() *fixture {
	return &fixture{record.Open(f.engine, f.Ring(), 1000), f.engine, f.t}
}

// rotateRoot exchanges the root key, and returns how a node would open the new one.
func (f *fixture) rotateRoot() func(context.Context, []byte) (*seal.Ring, error) {
	f.t.Helper()
	path := filepath.Join(f.t.TempDir(), "root.key")
	if err := seal.NewKeyFile(path); err != nil {
		f.t.Fatal(err)
	}
	next, err := f.Ring().RotateRoot(f.t.Context(), seal.KeyFile(path), time.Now())
	if err != nil {
		f.t.Fatal(err)
	}
	if _, err := f.SwapRing(f.t.Context(), next, nil); err != nil {
		f.t.Fatal(err)
	}
	return func(ctx context.Context, state []byte) (*seal.Ring, error) { return seal.Open(ctx, state, seal.KeyFile(path)) }
}

// While somebody is asked for the passphrase of a root key that was exchanged elsewhere, what was built under the former
// keys is refused by the store, nothing waits for longer than it may, and what needs no keys is done.
func TestFollowWaitsForNobodyElse(t *testing.T) {
	f := open(t)
	other := f.another()
	k := f.insert("a")
	reopen := f.rotateRoot()
	asked, answer := make(chan struct{}), make(chan struct{})
	other.Reopen = func(ctx context.Context, state []byte) (*seal.Ring, error) {
		close(asked)
		<-answer
		return reopen(ctx, state)
	}
	followed := make(chan error, 1)
	go func() { followed <- other.Follow(context.Background()) }()
	<-asked
	brief, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	c := other.Change()
	c.Replace(k, 1, &recordpb.Key{Id: "a"})
	if err := other.Commit(brief, c, "", nil); !errors.Is(err, store.ErrUnavailable) {
		t.Errorf("a commit: got %v, want ErrUnavailable", err)
	}
	c = other.Change()
	c.Remove(k, 1)
	if err := other.Commit(t.Context(), c, "", nil); err != nil {
		t.Errorf("a commit of nothing sealed: %v", err)
	}
	close(answer)
	if err := <-followed; err != nil {
		t.Fatal(err)
	}
	other.insert("b")
	if _, err := f.Verify(t.Context(), nil); err != nil {
		t.Error(err)
	}
}
