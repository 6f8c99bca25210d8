package op

import (
	"context"

	"qkms/internal/audit"
	"qkms/internal/fault"
	"qkms/internal/key"
	"qkms/internal/record"
	"qkms/internal/wire/shape"
)

var revokeGrant = &Op[shape.RevokeGrantRequest, None]{
	Name:      "RevokeGrant",
	Restricts: true,
	Needs: func(in *shape.RevokeGrantRequest) ([]key.Need, error) {
		return share("kms:RevokeGrant", in.KeyId), nil
	},
	Says: func(c *Call, _ *shape.RevokeGrantRequest, name string) []string {
		return c.forService(name)
	},
	Check:  func(_ *Call, in *shape.RevokeGrantRequest) error { return key.CheckGrantID(in.GrantId) },
	States: key.InAnyState,
	Run: func(ctx context.Context, c *Call, in *shape.RevokeGrantRequest) (*None, *record.Change, error) {
		g, ver, err := c.Resolver.Grant(ctx, c.Key(), in.GrantId)
		if err != nil {
			return nil, nil, err
		}
		if g == nil {
			return nil, nil, fault.GrantNotFound(in.GrantId)
		}
		change, err := c.dropGrant(ctx, g, ver)
		return nil, change, err
	},
	Audit: func(in *shape.RevokeGrantRequest) audit.Detail {
		return audit.Detail{audit.String("keyId", in.KeyId), audit.String("grantId", in.GrantId)}
	},
}
