package op

import (
	"context"

	"qkms/internal/audit"
	"qkms/internal/key"
	"qkms/internal/record"
	"qkms/internal/wire/shape"
)

// Of keys that never rotate DisableKeyRotation asks nothing new: it succeeds (§13.8.2 [R2]).
var disableKeyRotation = &Op[shape.DisableKeyRotationRequest, None]{
	Name: "DisableKeyRotation",
	Needs: func(in *shape.DisableKeyRotationRequest) ([]key.Need, error) {
		return manage("kms:DisableKeyRotation", in.KeyId), nil
	},
	Check:  func(c *Call, _ *shape.DisableKeyRotationRequest) error { return ownMaterial(c) },
	States: key.WhileUpdating,
	Run: func(ctx context.Context, c *Call, _ *shape.DisableKeyRotationRequest) (*None, *record.Change, error) {
		f, err := c.primaryOnly(ctx, "DisableKeyRotation")
		if err != nil || c.Key().RotationDays == 0 {
			return nil, nil, err
		}
		return nil, c.setRotation(f, 0, 0), nil
	},
	Audit: func(in *shape.DisableKeyRotationRequest) audit.Detail { return keyDetail(in.KeyId) },
}
