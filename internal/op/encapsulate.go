package op

import (
	"context"

	"qkms/internal/audit"
	"qkms/internal/key"
	"qkms/internal/pubkey"
	"qkms/internal/record"
	"qkms/internal/wire/shape"
)

var encapsulate = &Op[shape.EncapsulateRequest, shape.EncapsulateResponse]{
	Name:   "Encapsulate",
	Needs:  func(in *shape.EncapsulateRequest) ([]key.Need, error) { return use("kms:Encapsulate", in.KeyId), nil },
	Usage:  key.EncapsulateDecapsulate,
	States: key.ForUse,
	Run: func(_ context.Context, c *Call, in *shape.EncapsulateRequest) (*shape.EncapsulateResponse, *record.Change, error) {
		secret, ciphertext, err := pubkey.Encapsulate(c.Key().PublicKey)
		if err != nil {
			return nil, nil, err
		}
		return &shape.EncapsulateResponse{
			KeyId:                      c.Key().ARN,
			SharedSecret:               secret,
			SharedSecretCiphertextBlob: ciphertext,
			EncapsulationAlgorithm:     in.EncapsulationAlgorithm,
		}, nil, nil
	},
	Audit: func(in *shape.EncapsulateRequest) audit.Detail {
		return kemDetail(in.KeyId, in.EncapsulationAlgorithm)
	},
	Tracks:   true,
	ReadOnly: true,
}

func kemDetail(id string, algorithm shape.EncapsulationAlgorithmSpec) audit.Detail {
	return audit.Detail{audit.String("keyId", id), audit.String("encapsulationAlgorithm", algorithm)}
}
