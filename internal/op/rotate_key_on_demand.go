package op

import (
	"context"

	"qkms/internal/audit"
	"qkms/internal/fault"
	"qkms/internal/key"
	"qkms/internal/record"
	"qkms/internal/wire/shape"
)

var rotateKeyOnDemand = &Op[shape.RotateKeyOnDemandRequest, shape.RotateKeyOnDemandResponse]{
	Name: "RotateKeyOnDemand",
	Needs: func(in *shape.RotateKeyOnDemandRequest) ([]key.Need, error) {
		return manage("kms:RotateKeyOnDemand", in.KeyId), nil
	},
	States: key.WhileUnavailable, // of a custom key store: refused by its kind, not its state (§9.3)
	Run: func(ctx context.Context, c *Call, _ *shape.RotateKeyOnDemandRequest) (*shape.RotateKeyOnDemandResponse, *record.Change, error) {
		if err := c.rotatable(ctx); err != nil {
			return nil, nil, err
		}
		change, event, err := c.Rotate(ctx, c.Key(), shape.RotationTypeOnDemand, c.Now)
		if err != nil {
			return nil, nil, err
		}
		c.Also = append(c.Also, event)
		return &shape.RotateKeyOnDemandResponse{KeyId: c.Key().ARN}, change, nil
	},
	Audit: func(in *shape.RotateKeyOnDemandRequest) audit.Detail { return keyDetail(in.KeyId) },
	Result: func(_ *Call, out *shape.RotateKeyOnDemandResponse) audit.Detail {
		return keyDetail(out.KeyId)
	},
	Differs: []string{
		"The rotation is finished when the call returns: `OnDemandRotationStartDate` is never seen, and each further call is a further rotation. AWS takes minutes, and a call meanwhile adds none.",
	},
}

// rotatable refuses in the order of §4.2: what kind of key it is, what waits, the limit.
func (c *Call) rotatable(ctx context.Context) error {
	k := c.Key()
	origin := shape.OriginType(k.Origin)
	if !isSymmetric(k) || origin != shape.OriginTypeAwsKms && origin != shape.OriginTypeExternal {
		return fault.WrongKeyType()
	}
	if _, err := c.primaryOnly(ctx, "RotateKeyOnDemand"); err != nil {
		return err
	}
	if origin == shape.OriginTypeExternal {
		if err := waits(k); err != nil {
			return err
		}
	}
	switch {
	case k.OnDemandRotations >= onDemandRotations:
		return fault.RotationLimit(k.ARN)
	case k.NextRotation != 0 && at(k.NextRotation).Sub(c.Now) < rotationNotice:
		return fault.RotationNear()
	}
	return nil
}

// waits refuses a key that has no imported material to rotate in, or whose replicas lack it.
func waits(k *key.Key) error {
	for _, v := range k.Versions {
		if v.State == key.PendingMultiRegion {
			return fault.ReplicasLackMaterial()
		}
	}
	if pending(k) == "" {
		return fault.NothingToRotate(k.ARN)
	}
	return nil
}
