package op

import (
	"context"

	"qkms/internal/audit"
	"qkms/internal/key"
	"qkms/internal/record"
	"qkms/internal/wire/shape"
)

var disableKey = &Op[shape.DisableKeyRequest, None]{
	Name:      "DisableKey",
	Restricts: true,
	Needs:     func(in *shape.DisableKeyRequest) ([]key.Need, error) { return manage("kms:DisableKey", in.KeyId), nil },
	States:    switchable,
	Run: func(_ context.Context, c *Call, _ *shape.DisableKeyRequest) (*None, *record.Change, error) {
		return nil, c.enter(key.Disabled), nil
	},
	Audit:  func(in *shape.DisableKeyRequest) audit.Detail { return keyDetail(in.KeyId) },
	Result: keyResult,
}
