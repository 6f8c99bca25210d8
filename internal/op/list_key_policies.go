package op

import (
	"context"

	"qkms/internal/audit"
	"qkms/internal/key"
	"qkms/internal/record"
	"qkms/internal/wire/shape"
)

var listKeyPolicies = &Op[shape.ListKeyPoliciesRequest, shape.ListKeyPoliciesResponse]{
	Name: "ListKeyPolicies",
	Needs: func(in *shape.ListKeyPoliciesRequest) ([]key.Need, error) {
		return manage("kms:ListKeyPolicies", in.KeyId), nil
	},
	States: key.InAnyState,
	Run: func(_ context.Context, c *Call, in *shape.ListKeyPoliciesRequest) (*shape.ListKeyPoliciesResponse, *record.Change, error) {
		// There is one policy, so there is never a second page, and no marker was ever given out.
		if _, err := c.resume("ListKeyPolicies", c.Key().Id, in.Marker); err != nil {
			return nil, nil, err
		}
		return &shape.ListKeyPoliciesResponse{PolicyNames: []string{defaultPolicy}}, nil, nil
	},
	Audit: func(in *shape.ListKeyPoliciesRequest) audit.Detail {
		return append(keyDetail(in.KeyId), pageDetail(in.Limit, in.Marker)...)
	},
	ReadOnly: true,
}
