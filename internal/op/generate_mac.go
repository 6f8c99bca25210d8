package op

import (
	"context"
	"errors"

	"qkms/internal/audit"
	"qkms/internal/custody"
	"qkms/internal/fault"
	"qkms/internal/key"
	"qkms/internal/record"
	"qkms/internal/wire/shape"
)

var generateMac = &Op[shape.GenerateMacRequest, shape.GenerateMacResponse]{
	Name:  "GenerateMac",
	Needs: func(in *shape.GenerateMacRequest) ([]key.Need, error) { return use("kms:GenerateMac", in.KeyId), nil },
	Says: func(_ *Call, in *shape.GenerateMacRequest, name string) []string {
		switch name {
		case "kms:macalgorithm":
			return said(in.MacAlgorithm)
		}
		return nil
	},
	Usage:  key.GenerateVerifyMac,
	States: key.ForUse,
	Run: func(ctx context.Context, c *Call, in *shape.GenerateMacRequest) (*shape.GenerateMacResponse, *record.Change, error) {
		mac, err := c.mac(ctx, in.MacAlgorithm, in.Message)
		if err != nil {
			return nil, nil, err
		}
		return &shape.GenerateMacResponse{Mac: mac, MacAlgorithm: in.MacAlgorithm, KeyId: c.Key().ARN}, nil, nil
	},
	Audit:    func(in *shape.GenerateMacRequest) audit.Detail { return macDetail(in.KeyId, in.MacAlgorithm) },
	Tracks:   true,
	ReadOnly: true,
}

func (c *Call) mac(ctx context.Context, algorithm shape.MacAlgorithmSpec, message []byte) ([]byte, error) {
	mac, err := c.MACer.MAC(ctx, c.Key().Material(), string(algorithm), message)
	if errors.Is(err, custody.ErrAlgorithm) {
		return nil, fault.WrongAlgorithm(string(algorithm), c.Key().Spec)
	}
	return mac, sealFault(err)
}

func macDetail(id string, algorithm shape.MacAlgorithmSpec) audit.Detail { // never the message, never the MAC
	return audit.Detail{audit.String("keyId", id), audit.String("macAlgorithm", algorithm)}
}
