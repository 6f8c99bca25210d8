package op

import (
	"context"
	"crypto/rand"

	"qkms/internal/fault"
	"qkms/internal/key"
	"qkms/internal/record"
	"qkms/internal/wire/shape"
)

var generateRandom = &Op[shape.GenerateRandomRequest, shape.GenerateRandomResponse]{
	Name:  "GenerateRandom",
	Needs: func(*shape.GenerateRandomRequest) ([]key.Need, error) { return anything("kms:GenerateRandom"), nil },
	Check: func(_ *Call, in *shape.GenerateRandomRequest) error {
		if in.NumberOfBytes == 0 {
			return fault.NumberOfBytesRequired()
		}
		return noRecipient(in.Recipient)
	},
	Run: func(ctx context.Context, c *Call, in *shape.GenerateRandomRequest) (*shape.GenerateRandomResponse, *record.Change, error) {
		if in.CustomKeyStoreId != "" {
			return nil, nil, c.randomFrom(ctx, in.CustomKeyStoreId)
		}
		random := make([]byte, in.NumberOfBytes)
		_, _ = rand.Read(random) // never fails: crypto/rand ends the process rather than return weak bytes
		return &shape.GenerateRandomResponse{Plaintext: random}, nil, nil
	},
	ReadOnly: true,
	Differs: []string{
		"`Recipient` answers UnsupportedOperationException until it is built.",
		"No custom key store is ever CONNECTED yet, so `CustomKeyStoreId` of a CloudHSM store is CustomKeyStoreInvalidStateException.",
	},
}
