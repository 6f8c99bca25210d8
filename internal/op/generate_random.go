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
		switch {
		case in.NumberOfBytes == 0:
			return fault.NumberOfBytesRequired()
		case in.CustomKeyStoreId != "":
			return fault.Bare(fault.CustomStoreNotFound) // there is none yet
		}
		return noRecipient(in.Recipient)
	},
	Run: func(_ context.Context, _ *Call, in *shape.GenerateRandomRequest) (*shape.GenerateRandomResponse, *record.Change, error) {
		random := make([]byte, in.NumberOfBytes)
		_, _ = rand.Read(random) // never fails: crypto/rand ends the process rather than return weak bytes
		return &shape.GenerateRandomResponse{Plaintext: random}, nil, nil
	},
	ReadOnly: true,
	Differs: []string{
		"`Recipient` answers UnsupportedOperationException until it is built.",
		"`CustomKeyStoreId` answers CustomKeyStoreNotFoundException: there are no custom key stores yet.",
	},
}
