package op

import (
	"context"

	"qkms/internal/audit"
	"qkms/internal/key"
	"qkms/internal/record"
	"qkms/internal/wire/shape"
)

var describeKey = &Op[shape.DescribeKeyRequest, shape.DescribeKeyResponse]{
	Name:   "DescribeKey",
	Needs:  func(in *shape.DescribeKeyRequest) ([]key.Need, error) { return use("kms:DescribeKey", in.KeyId), nil },
	States: key.InAnyState,
	Run: func(ctx context.Context, c *Call, _ *shape.DescribeKeyRequest) (*shape.DescribeKeyResponse, *record.Change, error) {
		s, err := c.setOf(ctx, c.Key())
		if err != nil {
			return nil, nil, err
		}
		m := metadata(c.Key())
		m.MultiRegionConfiguration = c.configuration(s, c.Key())
		return &shape.DescribeKeyResponse{KeyMetadata: m}, nil, nil
	},
	Audit:    func(in *shape.DescribeKeyRequest) audit.Detail { return keyDetail(in.KeyId) },
	ReadOnly: true,
}
