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
	Run: func(_ context.Context, c *Call, _ *shape.DescribeKeyRequest) (*shape.DescribeKeyResponse, *record.Change, error) {
		return &shape.DescribeKeyResponse{KeyMetadata: metadata(c.Key())}, nil, nil
	},
	Audit:    func(in *shape.DescribeKeyRequest) audit.Detail { return keyDetail(in.KeyId) },
	ReadOnly: true,
}
