package op

import (
	"context"

	"qkms/internal/audit"
	"qkms/internal/fault"
	"qkms/internal/key"
	"qkms/internal/record"
	"qkms/internal/wire/shape"
)

var getKeyRotationStatus = &Op[shape.GetKeyRotationStatusRequest, shape.GetKeyRotationStatusResponse]{
	Name: "GetKeyRotationStatus",
	Needs: func(in *shape.GetKeyRotationStatusRequest) ([]key.Need, error) {
		return []key.Need{{Action: "kms:GetKeyRotationStatus", KeyID: in.KeyId, Forms: key.KeyOnly, CrossAccount: true}}, nil
	},
	Check: func(c *Call, _ *shape.GetKeyRotationStatusRequest) error {
		if k := c.Key(); k.State == key.Unavailable { // its custom key store is not connected (§9.3 [D])
			return fault.WrongOrigin(k.ARN, k.Origin)
		}
		return nil
	},
	States: key.InAnyState,
	Run: func(_ context.Context, c *Call, _ *shape.GetKeyRotationStatusRequest) (*shape.GetKeyRotationStatusResponse, *record.Change, error) {
		k := c.Key()
		out := &shape.GetKeyRotationStatusResponse{KeyId: k.ARN, OnDemandRotationStartDate: at(k.RotationStarted)}
		if k.State == key.PendingDeletion { // hidden, and back when the deletion is cancelled (§10.1 [R2])
			return out, nil, nil
		}
		out.KeyRotationEnabled = k.RotationDays != 0
		out.RotationPeriodInDays, out.NextRotationDate = int(k.RotationDays), at(k.NextRotation)
		return out, nil, nil
	},
	Audit:    func(in *shape.GetKeyRotationStatusRequest) audit.Detail { return keyDetail(in.KeyId) },
	ReadOnly: true,
}
