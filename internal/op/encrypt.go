package op

import (
	"context"

	"qkms/internal/audit"
	"qkms/internal/key"
	"qkms/internal/record"
	"qkms/internal/throttle"
	"qkms/internal/wire/shape"
)

var encrypt = &Op[shape.EncryptRequest, shape.EncryptResponse]{
	Name: "Encrypt",
	Needs: func(in *shape.EncryptRequest) ([]key.Need, error) {
		return useWith("kms:Encrypt", in.KeyId, in.EncryptionAlgorithm, in.EncryptionContext), nil
	},
	Counts: func(in *shape.EncryptRequest) []throttle.Toll { return tollOf(in.EncryptionAlgorithm) },
	Usage:  key.EncryptDecrypt,
	States: key.ForUse,
	Run: func(ctx context.Context, c *Call, in *shape.EncryptRequest) (*shape.EncryptResponse, *record.Change, error) {
		algorithm := algorithmOr(in.EncryptionAlgorithm)
		sealed, material, err := c.seal(ctx, c.Key(), algorithm, in.Plaintext, in.EncryptionContext)
		if err != nil {
			return nil, nil, err
		}
		c.Additional = append(c.Additional, audit.String("keyMaterialId", material).If(material != ""))
		return &shape.EncryptResponse{
			CiphertextBlob:      sealed,
			KeyId:               c.Key().ARN,
			EncryptionAlgorithm: algorithm,
		}, nil, nil
	},
	Audit: func(in *shape.EncryptRequest) audit.Detail {
		return cipherDetail(in.KeyId, in.EncryptionAlgorithm, in.EncryptionContext)
	},
	Tracks:   true,
	ReadOnly: true,
}

// cipherDetail is what Encrypt and Decrypt record: the algorithm always, its default filled in.
func cipherDetail(id string, algorithm shape.EncryptionAlgorithmSpec, encryptionContext map[string]string) audit.Detail {
	return audit.Detail{
		audit.String("encryptionAlgorithm", algorithmOr(algorithm)),
		audit.String("keyId", id).If(id != ""),
		audit.StringMap("encryptionContext", encryptionContext).If(len(encryptionContext) > 0),
	}
}
