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
	Says: func(c *Call, in *shape.GenerateRandomRequest, name string) []string {
		return c.attested(in.Recipient, name)
	},
	Check: func(_ *Call, in *shape.GenerateRandomRequest) error {
		if in.NumberOfBytes == 0 {
			return fault.NumberOfBytesRequired()
		}
		return nil
	},
	Run: func(ctx context.Context, c *Call, in *shape.GenerateRandomRequest) (*shape.GenerateRandomResponse, *record.Change, error) {
		if in.CustomKeyStoreId != "" {
			return nil, nil, c.randomFrom(ctx, in.CustomKeyStoreId)
		}
		to, err := c.recipient(in.Recipient)
		if err != nil {
			return nil, nil, err
		}
		random := make([]byte, in.NumberOfBytes)
		_, _ = rand.Read(random) // never fails: crypto/rand ends the process rather than return weak bytes
		out := new(shape.GenerateRandomResponse)
		out.Plaintext, out.CiphertextForRecipient, err = to.deliver(random)
		return out, nil, err
	},
	ReadOnly: true,
	Differs: []string{
		"No custom key store is ever CONNECTED yet, so `CustomKeyStoreId` of a CloudHSM store is CustomKeyStoreInvalidStateException.",
	},
}
