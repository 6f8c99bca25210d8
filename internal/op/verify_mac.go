package op

import (
	"context"
	"crypto/hmac"

	"qkms/internal/audit"
	"qkms/internal/fault"
	"qkms/internal/key"
	"qkms/internal/record"
	"qkms/internal/wire/shape"
)

var verifyMac = &Op[shape.VerifyMacRequest, shape.VerifyMacResponse]{
	Name:  "VerifyMac",
	Needs: func(in *shape.VerifyMacRequest) ([]key.Need, error) { return use("kms:VerifyMac", in.KeyId), nil },
	Says: func(_ *Call, in *shape.VerifyMacRequest, name string) []string {
		switch name {
		case "kms:macalgorithm":
			return said(in.MacAlgorithm)
		}
		return nil
	},
	Usage:  key.GenerateVerifyMac,
	States: key.ForUse,
	Run: func(ctx context.Context, c *Call, in *shape.VerifyMacRequest) (*shape.VerifyMacResponse, *record.Change, error) {
		mac, err := c.mac(ctx, in.MacAlgorithm, in.Message)
		if err != nil {
			return nil, nil, err
		}
		if !hmac.Equal(mac, in.Mac) { // constant time: how much of a guess was right must not show
			return nil, nil, fault.MACInvalid()
		}
		return &shape.VerifyMacResponse{KeyId: c.Key().ARN, MacValid: true, MacAlgorithm: in.MacAlgorithm}, nil, nil
	},
	Audit:    func(in *shape.VerifyMacRequest) audit.Detail { return macDetail(in.KeyId, in.MacAlgorithm) },
	Tracks:   true,
	ReadOnly: true,
}
