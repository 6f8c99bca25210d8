package soft_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"

	"qkms/internal/bulkhead"
	"qkms/internal/custody"
	"qkms/internal/custody/soft"
	"qkms/internal/pubkey"
)

// busy takes every slot of the lane for keys' uses until it is let go.
func busy(s *soft.Soft) (release func()) {
	gate := make(chan struct{})
	var wg sync.WaitGroup
	for l := s.Slow().Short; l.Stats().Waiting == 0; synctest.Wait() {
		wg.Go(func() { _ = l.Do(context.Background(), bulkhead.Flow{}, func() { <-gate }) })
	}
	return func() { close(gate); wg.Wait() }
}

// A key that is forgotten while somebody waits to use it is not used any more.
func TestForgottenWhileWaiting(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDrawer()
		s := soft.New(d, idKey, nil)
		ref := singleKey
		made, err := s.Make(t.Context(), ref, "ML_DSA_44", nil)
		if err != nil {
			t.Fatal(err)
		}
		ref.MaterialID = made.MaterialID
		sign := func() error {
			_, err := s.Sign(t.Context(), ref, "ML_DSA_SHAKE_256", pubkey.Raw, []byte("a message"))
			return err
		}
		if err := sign(); err != nil {
			t.Fatal(err)
		}
		release, waiting := busy(s), make(chan error, 1)
		go func() { waiting <- sign() }()
		synctest.Wait()
		d.remove(ref)
		s.Forget(ref)
		release()
		if err := <-waiting; !errors.Is(err, custody.ErrNoMaterial) {
			t.Errorf("got %v, want ErrNoMaterial", err)
		}
	})
}

// Too many is ErrBusy, and not an error of the key's.
func TestTooManyIsBusy(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := soft.New(newDrawer(), idKey, nil)
		ref := singleKey
		made, err := s.Make(t.Context(), ref, "ML_DSA_44", nil)
		if err != nil {
			t.Fatal(err)
		}
		ref.MaterialID = made.MaterialID
		defer busy(s)()
		if _, err := s.Sign(t.Context(), ref, "ML_DSA_SHAKE_256", pubkey.Raw, []byte("a message")); !errors.Is(err, custody.ErrBusy) { // after its patience, by the bubble's clock
			t.Errorf("got %v, want ErrBusy", err)
		}
	})
}

// What has to be read anew is read before its turn: while a store is slow, others sign with keys that are in memory.
func TestNoSlotIsHeldForTheStore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := &slowDrawer{drawer: newDrawer()}
		s := soft.New(d, idKey, nil)
		var refs [2]custody.Ref
		for i := range refs {
			refs[i] = custody.Ref{Account: "111122223333", Region: "us-east-1", KeyID: fmt.Sprintf("1234abcd-12ab-34cd-56ef-%012d", i)}
			made, err := s.Make(t.Context(), refs[i], "ML_DSA_44", nil)
			if err != nil {
				t.Fatal(err)
			}
			refs[i].MaterialID = made.MaterialID
		}
		sign := func(ref custody.Ref) error {
			_, err := s.Sign(t.Context(), ref, "ML_DSA_SHAKE_256", pubkey.Raw, []byte("a message"))
			return err
		}
		for _, ref := range refs {
			if err := sign(ref); err != nil {
				t.Fatal(err)
			}
		}
		release, late := busy(s), make(chan error, 1)
		go func() { late <- sign(refs[0]) }()
		synctest.Wait()
		d.gate = make(chan struct{})
		s.Forget(refs[0])
		release()
		synctest.Wait() // it reads
		if got := s.Slow().Short.Stats(); got.Running != 0 {
			t.Errorf("got %d slots held by who reads, want none", got.Running)
		}
		if err := sign(refs[1]); err != nil {
			t.Errorf("with a key in memory: got %v", err)
		}
		close(d.gate)
		if err := <-late; err != nil {
			t.Errorf("with what was read: got %v", err)
		}
	})
}

// slowDrawer gives nothing while there is a gate that is closed.
type slowDrawer struct {
	*drawer
	gate chan struct{}
}

func (d *slowDrawer) TakeMaterial(ctx context.Context, ref custody.Ref) ([]byte, error) {
	if d.gate != nil {
		<-d.gate
	}
	return d.drawer.TakeMaterial(ctx, ref)
}
