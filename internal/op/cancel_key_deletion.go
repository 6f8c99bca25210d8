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
		switch c.Key().State {
		case key.PendingDeletion, key.PendingReplicaDeletion:
			return nil
		}
		return fault.NotPendingDeletion(c.Key().ARN)
	},
	States: key.InAnyState,
	Run: func(_ context.Context, c *Call, _ *shape.CancelKeyDeletionRequest) (*shape.CancelKeyDeletionResponse, *record.Change, error) {
		k, next := c.Key(), c.Key().Edit()
		next.State, next.Deletion, next.DeletionWindow = key.Disabled, 0, 0
		change := c.Book.Change()
		change.Replace(k.Record(), k.Ver, next)
		if k.Deletion != 0 { // a primary that waits for its replicas has no date yet
			change.Discard(record.OfDue(at(k.Deletion), DueDeletion, k.Account, k.Region, k.Id, ""))
		}
		return &shape.CancelKeyDeletionResponse{KeyId: k.ARN}, change, nil
	},
	Audit: func(in *shape.CancelKeyDeletionRequest) audit.Detail { return keyDetail(in.KeyId) },
	Result: func(_ *Call, out *shape.CancelKeyDeletionResponse) audit.Detail {
		return keyDetail(out.KeyId)
	},
}
