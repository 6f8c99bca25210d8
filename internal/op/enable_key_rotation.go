package op

import (
	"cmp"
	"context"

	"qkms/internal/audit"
	"qkms/internal/fault"
	"qkms/internal/key"
	"qkms/internal/record"
	"qkms/internal/record/recordpb"
	"qkms/internal/wire/shape"
)

var enableKeyRotation = &Op[shape.EnableKeyRotationRequest, None]{
	Name: "EnableKeyRotation",
	Needs: func(in *shape.EnableKeyRotationRequest) ([]key.Need, error) {
		return manage("kms:EnableKeyRotation", in.KeyId), nil
	},
	Says: func(_ *Call, in *shape.EnableKeyRotationRequest, name string) []string {
		switch name {
		case "kms:rotationperiodindays":
			return daysOr(in.RotationPeriodInDays, defaultPeriod)
		}
		return nil
	},
	Check:  func(c *Call, _ *shape.EnableKeyRotationRequest) error { return ownMaterial(c) },
	States: key.WhileUpdating,
	Run: func(ctx context.Context, c *Call, in *shape.EnableKeyRotationRequest) (*None, *record.Change, error) {
		k := c.Key()
		if !isSymmetric(k) {
			return nil, nil, fault.WrongKeyType()
		}
		f, err := c.primaryOnly(ctx, "EnableKeyRotation")
		if err != nil {
			return nil, nil, err
		}
		days := cmp.Or(in.RotationPeriodInDays, int(k.RotationDays), defaultPeriod)
		if days == int(k.RotationDays) { // asked for what is: the date stays (§10.1 [R2])
			return nil, nil, nil
		}
		return nil, c.setRotation(f, days, inDays(c.Now, days)), nil
	},
	Audit: func(in *shape.EnableKeyRotationRequest) audit.Detail {
		return audit.Detail{
			audit.String("keyId", in.KeyId),
			audit.Int("rotationPeriodInDays", in.RotationPeriodInDays).If(in.RotationPeriodInDays != 0),
		}
	},
	Result: keyResult,
}

// setRotation is the change to a period in days (0: off) and the date that goes with it (0: never).
func (c *Call) setRotation(f family, days int, date int64) *record.Change {
	change := c.Book.Change()
	f.schedule(change, date)
	f.edit(change, func(next *recordpb.Key) { next.RotationDays, next.NextRotation = uint32(days), date })
	return change
}
