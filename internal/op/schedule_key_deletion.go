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

// DueDeletion is the kind of a date on which a key is deleted, in record.OfDue.
const DueDeletion = "delete"

var scheduleKeyDeletion = &Op[shape.ScheduleKeyDeletionRequest, shape.ScheduleKeyDeletionResponse]{
	Name: "ScheduleKeyDeletion",
	Needs: func(in *shape.ScheduleKeyDeletionRequest) ([]key.Need, error) {
		return manage("kms:ScheduleKeyDeletion", in.KeyId), nil
	},
	Check: func(_ *Call, in *shape.ScheduleKeyDeletionRequest) error {
		if w := in.PendingWindowInDays; w != 0 && (w < minWindow || w > maxWindow) {
			return fault.DeletionWindow()
		}
		return nil
	},
	States: key.InAnyState &^ (key.WhilePendingDeletion | key.WhileUpdating),
	Run: func(_ context.Context, c *Call, in *shape.ScheduleKeyDeletionRequest) (*shape.ScheduleKeyDeletionResponse, *record.Change, error) {
		days := in.PendingWindowInDays
		if days == 0 {
			days = defaultWindow
		}
		k, next := c.Key(), c.Key().Edit()
		due := c.Now.Add(time.Duration(days) * 24 * time.Hour).Truncate(time.Millisecond)
		next.State, next.Deletion = key.PendingDeletion, due.UnixMilli()
		change := c.Book.Change()
		change.Replace(k.Record(), k.Ver, next)
		change.Insert(record.OfDue(due, DueDeletion, k.Account, k.Region, k.Id, ""), &recordpb.Due{})
		return &shape.ScheduleKeyDeletionResponse{
			KeyId:               k.ARN,
			DeletionDate:        due,
			KeyState:            shape.KeyStatePendingDeletion,
			PendingWindowInDays: days,
		}, change, nil
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
			audit.String("deletionDate", inWords(out.DeletionDate)),
			audit.Int("pendingWindowInDays", out.PendingWindowInDays),
		}
	},
}
