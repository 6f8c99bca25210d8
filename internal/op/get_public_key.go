package op

import (
	"context"

	"qkms/internal/audit"
	"qkms/internal/fault"
	"qkms/internal/key"
	"qkms/internal/record"
	"qkms/internal/wire/shape"
)

var getPublicKey = &Op[shape.GetPublicKeyRequest, shape.GetPublicKeyResponse]{
	Name:  "GetPublicKey",
	Needs: func(in *shape.GetPublicKeyRequest) ([]key.Need, error) { return use("kms:GetPublicKey", in.KeyId), nil },
	// Also of a disabled key, whatever the guide says (operations.md §19 [R2]).
	States: key.WhileDisabled | key.WhileUpdating,
	Run: func(_ context.Context, c *Call, _ *shape.GetPublicKeyRequest) (*shape.GetPublicKeyResponse, *record.Change, error) {
		k := c.Key()
		if len(k.PublicKey) == 0 { // a symmetric key has none to give
			return nil, nil, fault.Bare(fault.Unsupported)
		}
		m := metadata(k)
		return &shape.GetPublicKeyResponse{
			KeyId:                   k.ARN,
			PublicKey:               k.PublicKey,
			CustomerMasterKeySpec:   m.CustomerMasterKeySpec,
			KeySpec:                 m.KeySpec,
			KeyUsage:                m.KeyUsage,
			EncryptionAlgorithms:    m.EncryptionAlgorithms,
			SigningAlgorithms:       m.SigningAlgorithms,
			KeyAgreementAlgorithms:  m.KeyAgreementAlgorithms,
			EncapsulationAlgorithms: m.EncapsulationAlgorithms,
		}, nil, nil
	},
	Audit:    func(in *shape.GetPublicKeyRequest) audit.Detail { return keyDetail(in.KeyId) },
	ReadOnly: true,
}
