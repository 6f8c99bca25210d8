package op

import (
	"context"

	"qkms/internal/audit"
	"qkms/internal/key"
	"qkms/internal/record"
	"qkms/internal/throttle"
	"qkms/internal/wire/shape"
)

var decrypt = &Op[shape.DecryptRequest, shape.DecryptResponse]{
	Name: "Decrypt",
	Needs: func(in *shape.DecryptRequest) ([]key.Need, error) {
		_, err := ignoresCiphertext(in.DryRun, in.DryRunModifiers, in.CiphertextBlob, in.KeyId)
		if err != nil {
			return nil, err
		}
		return cipherNeed("kms:Decrypt", in.KeyId, in.CiphertextBlob, in.EncryptionAlgorithm, in.EncryptionContext)
	},
	Says: func(c *Call, in *shape.DecryptRequest, name string) []string { return c.attested(in.Recipient, name) },
	Check: func(c *Call, in *shape.DecryptRequest) error {
		return sameKey(c.Key(), in.CiphertextBlob, in.EncryptionAlgorithm, len(in.DryRunModifiers) > 0)
	},
	Counts: func(in *shape.DecryptRequest) []throttle.Toll { return tollOf(in.EncryptionAlgorithm) },
	Usage:  key.EncryptDecrypt,
	States: key.ForUse,
	Run: func(ctx context.Context, c *Call, in *shape.DecryptRequest) (*shape.DecryptResponse, *record.Change, error) {
		if len(in.DryRunModifiers) > 0 { // only authorization was asked for
			return nil, nil, nil
		}
		to, err := c.recipient(in.Recipient)
		if err != nil {
			return nil, nil, err
		}
		algorithm := algorithmOr(in.EncryptionAlgorithm)
		plaintext, material, err := c.open(ctx, c.Key(), algorithm, in.CiphertextBlob, in.EncryptionContext)
		if err != nil {
			return nil, nil, err
		}
		c.Additional = append(c.Additional, audit.String("keyMaterialId", material).If(material != ""))
		out := &shape.DecryptResponse{KeyId: c.Key().ARN, EncryptionAlgorithm: algorithm, KeyMaterialId: to.unless(material)}
		out.Plaintext, out.CiphertextForRecipient, err = to.deliver(plaintext)
		return out, nil, err
	},
	Audit: func(in *shape.DecryptRequest) audit.Detail {
		return cipherDetail(in.KeyId, in.EncryptionAlgorithm, in.EncryptionContext)
	},
	Tracks:   true,
	ReadOnly: true,
}
