package sweep

import (
	"context"
	"errors"

	"qkms/internal/audit"
	"qkms/internal/key"
	"qkms/internal/record"
	"qkms/internal/store"
)

// expire deletes an imported material of k whose date has come, and records it as CloudTrail does
// (access.md §7.3). To callers it has been of no use since that date (key.Load). A date that was put off,
// or whose material was deleted, is dropped: whoever did it may have missed that the date was stored.
func (s *Sweeper) expire(ctx context.Context, k *key.Key, due record.Key, fence store.Fence) error {
	id := due.Part(5)
	next := k.Edit()
	v := s.Resolver.Of(next, k.Ver).Version(id)
	if v == nil || v.Missing || v.ValidTo != due.DueAt().UnixMilli() {
		return s.overtaken(ctx, k, due, fence)
	}
	key.Expire(next, v)
	change := s.Book.Change()
	change.Replace(k.Record(), k.Ver, next)
	change.Discard(record.OfMaterial(k.Account, k.Region, k.Id, id))
	change.Discard(due)
	change.Under(fence)
	err := s.Ledger.Commit(ctx, change, &audit.Record{
		EventName: "DeleteExpiredKeyMaterial", EventType: audit.TypeServiceEvent, Region: k.Region, RecipientAccount: k.Account,
		Identity:       audit.Identity{AccountID: k.Account, InvokedBy: "AWS Internal"},
		ServiceDetails: audit.Detail{audit.String("keyId", k.Id), audit.String("keyMaterialId", id)},
		Resources:      []audit.Resource{{AccountID: k.Account, ARN: k.ARN}},
	})
	s.Forget(k.MaterialVersion(id)) // after the commit, and whatever it returned: see op.Call.Settle
	if _, changed := errors.AsType[*store.Conflict](err); changed {
		return nil // left to the next sweep
	}
	return err
}
