package op

import (
	"context"

	"qkms/internal/audit"
	"qkms/internal/key"
	"qkms/internal/record"
	"qkms/internal/wire/shape"
)

var generateDataKeyWithoutPlaintext = &Op[shape.GenerateDataKeyWithoutPlaintextRequest, shape.GenerateDataKeyWithoutPlaintextResponse]{
	Name: "GenerateDataKeyWithoutPlaintext",
	Needs: func(in *shape.GenerateDataKeyWithoutPlaintextRequest) ([]key.Need, error) {
		return useWith("kms:GenerateDataKeyWithoutPlaintext", in.KeyId, "", in.EncryptionContext), nil
	},
	Check: func(c *Call, in *shape.GenerateDataKeyWithoutPlaintextRequest) error {
		if err := dataKeySize(in.KeySpec, in.NumberOfBytes); err != nil {
			return err
		}
		return dataKeyKey(c.Key())
	},
	Usage:  key.EncryptDecrypt,
	States: key.ForUse,
	Run: func(ctx context.Context, c *Call, in *shape.GenerateDataKeyWithoutPlaintextRequest) (*shape.GenerateDataKeyWithoutPlaintextResponse, *record.Change, error) {
		plaintext, sealed, err := c.dataKey(ctx, dataKeyBytes(in.KeySpec, in.NumberOfBytes), in.EncryptionContext)
		if err != nil {
			return nil, nil, err
		}
		clear(plaintext)
		return &shape.GenerateDataKeyWithoutPlaintextResponse{
			CiphertextBlob: sealed,
			KeyId:          c.Key().ARN,
			KeyMaterialId:  c.Key().CurrentMaterial,
		}, nil, nil
	},
	Audit: func(in *shape.GenerateDataKeyWithoutPlaintextRequest) audit.Detail {
		return dataKeyDetail(in.KeyId, in.KeySpec, in.NumberOfBytes, in.EncryptionContext)
	},
	Tracks:   true,
	ReadOnly: true,
}
