package sweep

import (
	"context"
	"errors"

	"qkms/internal/key"
	"qkms/internal/record"
	"qkms/internal/store"
	"qkms/internal/wire/shape"
)

// rotateKey gives k new material when that is due. The new material, the next date and the event are
// one commit, so a crash leaves all or nothing and a date fires once.
//
// A key that was changed meanwhile is left to the next sweep, as is one that is only for moments not
// to be touched.
func (s *Sweeper) rotateKey(ctx context.Context, k *key.Key, due record.Key, fence store.Fence) error {
	var err error
	switch {
	case k.NextRotation != due.DueAt().UnixMilli(), k.State != key.Enabled && !passing(k):
		// Overtaken, or the key cannot rotate now: enabling it sets its date anew (op.EnableKey).
		err = s.overtaken(ctx, k, due, fence)
	case k.State == key.Enabled:
		err = s.rotateNow(ctx, k, fence)
	}
	if _, changed := errors.AsType[*store.Conflict](err); changed {
		return nil
	}
	return err
}

func passing(k *key.Key) bool { return k.State == key.Updating || k.State == key.Creating }

func (s *Sweeper) rotateNow(ctx context.Context, k *key.Key, fence store.Fence) error {
	change, event, err := s.Ops.Rotate(ctx, k, shape.RotationTypeAutomatic, s.Now())
	if err != nil {
		return err
	}
	change.Under(fence)
	return s.Ledger.Commit(ctx, change, event)
}
