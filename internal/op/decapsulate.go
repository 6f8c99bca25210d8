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

var decapsulate = &Op[shape.DecapsulateRequest, shape.DecapsulateResponse]{
	Name:   "Decapsulate",
	Needs:  func(in *shape.DecapsulateRequest) ([]key.Need, error) { return use("kms:Decapsulate", in.KeyId), nil },
	Usage:  key.EncapsulateDecapsulate,
	States: key.ForUse,
	Run: func(ctx context.Context, c *Call, in *shape.DecapsulateRequest) (*shape.DecapsulateResponse, *record.Change, error) {
		// A ciphertext of the right length always opens: made for another key, or altered, it gives a
		// secret that nobody knows (FIPS 203 §6.3). That is not to be turned into an error.
		secret, err := c.Decapsulator.Decapsulate(ctx, c.Key().Material(), in.SharedSecretCiphertextBlob)
		switch {
		case errors.Is(err, custody.ErrCiphertextSize):
			return nil, nil, fault.BadCiphertext().Because(err)
		case err != nil:
			return nil, nil, sealFault(err)
		}
		return &shape.DecapsulateResponse{KeyId: c.Key().ARN, SharedSecret: secret, EncapsulationAlgorithm: in.EncapsulationAlgorithm}, nil, nil
	},
	Audit: func(in *shape.DecapsulateRequest) audit.Detail {
		return kemDetail(in.KeyId, in.EncapsulationAlgorithm)
	},
	Tracks:   true,
	ReadOnly: true,
}
