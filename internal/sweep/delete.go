package sweep

import (
	"context"

	"qkms/internal/audit"
	"qkms/internal/key"
	"qkms/internal/record"
	"qkms/internal/record/recordpb"
	"qkms/internal/store"
)

// deleteKey makes an end of k: first the one commit after which the key cannot come back, then its
// material, its aliases and its grants in as many commits as they need, its own record last. A crash in between
// leaves a key that is marked gone, and the date, so the next sweep goes on where this one ended.
func (s *Sweeper) deleteKey(ctx context.Context, k *key.Key, due record.Key, fence store.Fence) error {
	if !k.Key.Gone {
		if err := s.markGone(ctx, k, fence); err != nil {
			return err
		}
	}
	for _, v := range k.Versions {
		s.Forget(k.MaterialVersion(v.Id))
	}
	for left := k.Versions; len(left) > 0; {
		n := min(len(left), store.MaxOps/2)
		err := s.commit(ctx, fence, func(c *record.Change) {
			for _, v := range left[:n] {
				c.Discard(record.OfMaterial(k.Account, k.Region, k.Id, v.Id))
			}
		})
		if err != nil {
			return err
		}
		left = left[n:]
	}
	if err := s.dropAliases(ctx, k, fence); err != nil {
		return err
	}
	if err := s.dropGrants(ctx, k, fence); err != nil {
		return err
	}
	change := s.Book.Change()
	change.Discard(record.OfGrantCount(k.Account, k.Region, k.Id))
	change.Discard(k.Record())
	change.Discard(record.OfPolicy(k.Account, k.Region, k.Id))
	change.Discard(record.OfOwner(k.Id, k.Region))
	change.Discard(record.OfLastUse(k.Account, k.Region, k.Id))
	change.CountKeys(k.Account, k.Region, -1, nil)
	change.Discard(due)
	if err := s.leaveSet(ctx, change, k); err != nil {
		return err
	}
	change.Under(fence)
	return s.Book.Commit(ctx, change, "", nil)
}

// markGone is the point of no return, recorded as CloudTrail records it (access.md §7.3).
func (s *Sweeper) markGone(ctx context.Context, k *key.Key, fence store.Fence) error {
	next := k.Edit()
	next.Gone = true
	change := s.Book.Change()
	change.Replace(k.Record(), k.Ver, next)
	change.Under(fence)
	return s.Ledger.Commit(ctx, change, &audit.Record{
		EventName: "DeleteKey", EventType: audit.TypeServiceEvent, Region: k.Region, RecipientAccount: k.Account,
		Identity:       audit.Identity{AccountID: k.Account, InvokedBy: "AWS Internal"},
		ServiceDetails: audit.Detail{audit.String("keyId", k.Id)},
		Resources:      []audit.Resource{{AccountID: k.Account, ARN: k.ARN}},
	})
}

func (s *Sweeper) dropAliases(ctx context.Context, k *key.Key, fence store.Fence) error {
	for {
		page, _, err := record.Scan[recordpb.AliasOf](ctx, s.Book, record.AliasesOfKey(k.Account, k.Region, k.Id), record.Key{}, store.MaxOps/4)
		if err != nil || len(page) == 0 {
			return err
		}
		err = s.commit(ctx, fence, func(c *record.Change) {
			for _, it := range page {
				c.Discard(it.Key)
				c.Discard(record.OfAlias(k.Account, k.Region, it.Key.Part(3)))
			}
		})
		if err != nil {
			return err
		}
	}
}

// grantsAtOnce leaves a commit room for more: a grant is four records.
const grantsAtOnce = store.MaxOps / 5

// dropGrants deletes each grant together with its index entries, which only the grant leads to. None
// can be added any more: CreateGrant depends on the key's record, and markGone changed that.
func (s *Sweeper) dropGrants(ctx context.Context, k *key.Key, fence store.Fence) error {
	for {
		page, _, err := record.Scan[recordpb.Grant](ctx, s.Book, record.GrantsOf(k.Account, k.Region, k.Id), record.Key{}, grantsAtOnce)
		if err != nil || len(page) == 0 {
			return err
		}
		err = s.commit(ctx, fence, func(c *record.Change) {
			for _, it := range page {
				c.Discard(it.Key)
				for _, ref := range s.Book.GrantIndex(it.Msg) {
					c.Discard(ref)
				}
			}
		})
		if err != nil {
			return err
		}
	}
}
