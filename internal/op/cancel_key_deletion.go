package op

import (
	"context"

	"qkms/internal/audit"
	"qkms/internal/fault"
	"qkms/internal/key"
	"qkms/internal/record"
	"qkms/internal/wire/shape"
)

var cancelKeyDeletion = &Op[shape.CancelKeyDeletionRequest, shape.CancelKeyDeletionResponse]{
	Name: "CancelKeyDeletion",
	Needs: func(in *shape.CancelKeyDeletionRequest) ([]key.Need, error) {
		return manage("kms:CancelKeyDeletion", in.KeyId), nil
	},
	Check: func(c *Call, _ *shape.CancelKeyDeletionRequest) error {
		if c.Key().State != key.PendingDeletion {
			return fault.NotPendingDeletion(c.Key().ARN)
		}
		return nil
	},
	States: key.InAnyState,
	Run: func(_ context.Context, c *Call, _ *shape.CancelKeyDeletionRequest) (*shape.CancelKeyDeletionResponse, *record.Change, error) {
		k, next := c.Key(), c.Key().Edit()
		next.State, next.Deletion = key.Disabled, 0
		change := c.Book.Change()
		change.Replace(k.Record(), k.Ver, next)
		change.Discard(record.OfDue(at(k.Deletion), DueDeletion, k.Account, k.Region, k.Id))
		return &shape.CancelKeyDeletionResponse{KeyId: k.ARN}, change, nil
	},
	Audit: func(in *shape.CancelKeyDeletionRequest) audit.Detail { return keyDetail(in.KeyId) },
	Result: func(_ *Call, out *shape.CancelKeyDeletionResponse) audit.Detail {
		return keyDetail(out.KeyId)
	},
}
