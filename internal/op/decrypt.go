package op

import (
	"context"

	"qkms/internal/audit"
	"qkms/internal/key"
	"qkms/internal/record"
	"qkms/internal/wire/shape"
)

var decrypt = &Op[shape.DecryptRequest, shape.DecryptResponse]{
	Name: "Decrypt",
	Needs: func(in *shape.DecryptRequest) ([]key.Need, error) {
		_, err := ignoresCiphertext(in.DryRun, in.DryRunModifiers, in.CiphertextBlob, in.KeyId)
		if err != nil {
			return nil, err
		}
		return cipherNeed("kms:Decrypt", in.KeyId, in.CiphertextBlob, in.EncryptionAlgorithm)
	},
	Check: func(c *Call, in *shape.DecryptRequest) error {
		return sameKey(c.Key(), in.CiphertextBlob, len(in.DryRunModifiers) > 0)
	},
	Usage:  key.EncryptDecrypt,
	States: key.ForUse,
	Run: func(ctx context.Context, c *Call, in *shape.DecryptRequest) (*shape.DecryptResponse, *record.Change, error) {
		if len(in.DryRunModifiers) > 0 { // only authorization was asked for
			return nil, nil, nil
		}
		if err := symmetric(c.Key(), in.EncryptionAlgorithm); err != nil {
			return nil, nil, err
		}
		if err := noRecipient(in.Recipient); err != nil {
			return nil, nil, err
		}
		plaintext, material, err := c.open(ctx, c.Key(), in.CiphertextBlob, in.EncryptionContext)
		if err != nil {
			return nil, nil, err
		}
		c.Additional = audit.Detail{audit.String("keyMaterialId", material)}
		return &shape.DecryptResponse{
			KeyId:               c.Key().ARN,
			Plaintext:           plaintext,
			EncryptionAlgorithm: shape.EncryptionAlgorithmSpecSymmetricDefault,
			KeyMaterialId:       material,
		}, nil, nil
	},
	Audit: func(in *shape.DecryptRequest) audit.Detail {
		return cipherDetail(in.KeyId, in.EncryptionAlgorithm, in.EncryptionContext)
	},
	ReadOnly: true,
	Differs:  []string{"`Recipient` answers UnsupportedOperationException until it is built."},
}
