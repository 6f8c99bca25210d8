package op

import (
	"context"

	"qkms/internal/audit"
	"qkms/internal/fault"
	"qkms/internal/key"
	"qkms/internal/record"
	"qkms/internal/wire/shape"
)

var retireGrant = &Op[shape.RetireGrantRequest, None]{
	Name:      "RetireGrant",
	Restricts: true,
	Needs: func(in *shape.RetireGrantRequest) ([]key.Need, error) {
		byToken, byID := in.GrantToken != "", in.KeyId != "" && in.GrantId != ""
		if byToken == byID || byToken && (in.KeyId != "" || in.GrantId != "") {
			return nil, fault.WhichGrant()
		}
		if byID {
			if err := key.CheckGrantID(in.GrantId); err != nil {
				return nil, err
			}
		}
		need := share("kms:RetireGrant", in.KeyId)
		need[0].Grant = &key.Grant{Token: in.GrantToken, ID: in.GrantId}
		return need, nil
	},
	States: key.InAnyState,
	Run: func(ctx context.Context, c *Call, _ *shape.RetireGrantRequest) (*None, *record.Change, error) {
		g := c.Needs[0].Grant
		change, err := c.dropGrant(ctx, g.Found, g.Ver)
		c.Additional = audit.Detail{audit.String("grantId", g.Found.Id)}
		return nil, change, err
	},
	// The record has no parameters: the token is one of them (access.md §7.3).
	Differs: []string{
		"Token and ids together are ValidationException `Grant token OR (grant ID, key ID) must be specified`, like neither. A key id that is no ARN means the caller's own key.",
		"A grant that is gone: InvalidGrantTokenException by token; by id NotFoundException, or AccessDeniedException on another account's key.",
	},
}
