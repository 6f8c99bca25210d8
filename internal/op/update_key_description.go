package op

import (
	"context"

	"qkms/internal/audit"
	"qkms/internal/key"
	"qkms/internal/record"
	"qkms/internal/wire/shape"
)

var updateKeyDescription = &Op[shape.UpdateKeyDescriptionRequest, None]{
	Name: "UpdateKeyDescription",
	Needs: func(in *shape.UpdateKeyDescriptionRequest) ([]key.Need, error) {
		return manage("kms:UpdateKeyDescription", in.KeyId), nil
	},
	States: key.InAnyState &^ key.WhilePendingDeletion,
	Run: func(_ context.Context, c *Call, in *shape.UpdateKeyDescriptionRequest) (*None, *record.Change, error) {
		next := c.Key().Edit()
		next.Description = in.Description
		change := c.Book.Change()
		change.Replace(c.Key().Record(), c.Key().Ver, next)
		return nil, change, nil
	},
	Audit: func(in *shape.UpdateKeyDescriptionRequest) audit.Detail {
		return audit.Detail{audit.String("keyId", in.KeyId), audit.String("description", in.Description)}
	},
	Result: keyResult,
}
