package op

import (
	"context"
	"time"

	"qkms/internal/audit"
	"qkms/internal/fault"
	"qkms/internal/key"
	"qkms/internal/record"
	"qkms/internal/record/recordpb"
	"qkms/internal/wire/shape"
)

// The waiting period, in days. The model allows 1 … 365, the service does not (operations.md §13.1.7 [P]).
const (
	minWindow     = 7
	maxWindow     = 30
	defaultWindow = 30
)

// The kinds of dates in record.OfDue.
const (
	DueDeletion = "delete" // the key is deleted
	DueRotation = "rotate" // the key's material rotates by itself
)

var scheduleKeyDeletion = &Op[shape.ScheduleKeyDeletionRequest, shape.ScheduleKeyDeletionResponse]{
	Name:      "ScheduleKeyDeletion",
	Restricts: true,
	Needs: func(in *shape.ScheduleKeyDeletionRequest) ([]key.Need, error) {
		return manage("kms:ScheduleKeyDeletion", in.KeyId), nil
	},
	Says: func(_ *Call, in *shape.ScheduleKeyDeletionRequest, name string) []string {
		switch name {
		case "kms:schedulekeydeletionpendingwindowindays":
			return daysOr(in.PendingWindowInDays, defaultWindow)
		}
		return nil
	},
	Check: func(_ *Call, in *shape.ScheduleKeyDeletionRequest) error {
		if w := in.PendingWindowInDays; w != 0 && (w < minWindow || w > maxWindow) {
			return fault.DeletionWindow()
		}
		return nil
	},
	States: key.InAnyState &^ (key.WhilePendingDeletion | key.WhileUpdating),
	Run: func(ctx context.Context, c *Call, in *shape.ScheduleKeyDeletionRequest) (*shape.ScheduleKeyDeletionResponse, *record.Change, error) {
		days := in.PendingWindowInDays
		if days == 0 {
			days = defaultWindow
		}
		s, err := c.setOf(ctx, c.Key())
		if err != nil {
			return nil, nil, err
		}
		if s.isPrimary(c.Key()) && len(s.Replicas) > 0 {
			out, change := c.awaitReplicas(s, days)
			return out, change, nil
		}
		out, change := c.schedule(days)
		return out, change, nil
	},
	Audit: func(in *shape.ScheduleKeyDeletionRequest) audit.Detail {
		return audit.Detail{
			audit.String("keyId", in.KeyId),
			audit.Int("pendingWindowInDays", in.PendingWindowInDays).If(in.PendingWindowInDays != 0),
		}
	},
	Result: func(_ *Call, out *shape.ScheduleKeyDeletionResponse) audit.Detail {
		return audit.Detail{
			audit.String("keyId", out.KeyId),
			audit.String("keyState", out.KeyState),
			audit.String("deletionDate", inWords(out.DeletionDate)).If(!out.DeletionDate.IsZero()),
			audit.Int("pendingWindowInDays", out.PendingWindowInDays),
		}
	},
}

func (c *Call) schedule(days int) (*shape.ScheduleKeyDeletionResponse, *record.Change) {
	k, next := c.Key(), c.Key().Edit()
	change := c.Book.Change()
	due := ScheduleDeletion(change, next, c.Now, days)
	change.Replace(k.Record(), k.Ver, next)
	return &shape.ScheduleKeyDeletionResponse{
		KeyId:               k.ARN,
		DeletionDate:        due,
		KeyState:            shape.KeyStatePendingDeletion,
		PendingWindowInDays: days,
	}, change
}

// ScheduleDeletion puts k into PendingDeletion and its date into the change.
func ScheduleDeletion(change *record.Change, k *recordpb.Key, now time.Time, days int) time.Time {
	due := now.Add(time.Duration(days) * 24 * time.Hour).Truncate(time.Millisecond)
	k.State, k.Deletion, k.DeletionWindow = key.PendingDeletion, due.UnixMilli(), 0
	change.Insert(record.OfDue(due, DueDeletion, k.Account, k.Region, k.Id, ""), &recordpb.Due{})
	return due
}

// awaitReplicas has a primary wait until its last replica is deleted; only then do its days begin to
// count (key-material.md §2.6).
func (c *Call) awaitReplicas(s *set, days int) (*shape.ScheduleKeyDeletionResponse, *record.Change) {
	k, next := c.Key(), c.Key().Edit()
	next.State, next.DeletionWindow = key.PendingReplicaDeletion, uint32(days)
	change := c.Book.Change()
	change.Replace(k.Record(), k.Ver, next)
	change.Require(record.OfMultiRegion(k.Id), s.ver)
	return &shape.ScheduleKeyDeletionResponse{KeyId: k.ARN, KeyState: shape.KeyStatePendingReplicaDeletion, PendingWindowInDays: days}, change
}
