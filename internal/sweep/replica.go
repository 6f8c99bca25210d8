package sweep

import (
	"context"
	"slices"

	"google.golang.org/protobuf/proto"

	"qkms/internal/key"
	"qkms/internal/op"
	"qkms/internal/record"
	"qkms/internal/record/recordpb"
)

// leaveSet takes k out of its multi-Region set, in the commit that removes its record. When k was the
// last replica and the primary waits to be deleted, the primary's days begin to count now
// (key-material.md §2.6).
func (s *Sweeper) leaveSet(ctx context.Context, c *record.Change, k *key.Key) error {
	if !k.MultiRegion {
		return nil
	}
	at := record.OfMultiRegion(k.Id)
	shared, ver, err := record.Load[recordpb.MultiRegion](ctx, s.Book, at)
	if err != nil || shared == nil {
		return err
	}
	if shared.Primary == k.Region { // it had no replicas, or it could not have been scheduled
		c.Remove(at, ver)
		return nil
	}
	next := proto.CloneOf(shared)
	next.Replicas = slices.DeleteFunc(next.Replicas, func(r string) bool { return r == k.Region })
	c.Replace(at, ver, next)
	if len(next.Replicas) > 0 {
		return s.Ops.Left(ctx, c, k, next)
	}
	primary, err := s.Resolver.Stored(ctx, k.Account, shared.Primary, k.Id)
	if err != nil || primary == nil {
		return err
	}
	if primary.State != key.PendingReplicaDeletion {
		return s.Ops.Left(ctx, c, k, next)
	}
	waiting := primary.Edit()
	op.ScheduleDeletion(c, waiting, s.Now(), int(waiting.DeletionWindow))
	c.Replace(primary.Record(), primary.Ver, waiting)
	return nil
}
