package op

import (
	"context"

	"qkms/internal/audit"
	"qkms/internal/key"
	"qkms/internal/record"
	"qkms/internal/throttle"
	"qkms/internal/wire/shape"
)

var generateDataKeyPairWithoutPlaintext = &Op[shape.GenerateDataKeyPairWithoutPlaintextRequest, shape.GenerateDataKeyPairWithoutPlaintextResponse]{
	Name: "GenerateDataKeyPairWithoutPlaintext",
	Needs: func(in *shape.GenerateDataKeyPairWithoutPlaintextRequest) ([]key.Need, error) {
		return useWith("kms:GenerateDataKeyPairWithoutPlaintext", in.KeyId, "", in.EncryptionContext), nil
	},
	Says: func(_ *Call, in *shape.GenerateDataKeyPairWithoutPlaintextRequest, name string) []string {
		if name == "kms:datakeypairspec" {
			return said(in.KeyPairSpec)
		}
		return nil
	},
	Check: func(c *Call, in *shape.GenerateDataKeyPairWithoutPlaintextRequest) error {
		return pairKey(c, in.KeyPairSpec)
	},
	Counts: func(in *shape.GenerateDataKeyPairWithoutPlaintextRequest) []throttle.Toll {
		return throttle.Of(string(in.KeyPairSpec)).Once()
	},
	Usage:  key.EncryptDecrypt,
	States: key.ForUse,
	Run: func(ctx context.Context, c *Call, in *shape.GenerateDataKeyPairWithoutPlaintextRequest) (*shape.GenerateDataKeyPairWithoutPlaintextResponse, *record.Change, error) {
		private, public, sealed, err := c.dataKeyPair(ctx, in.KeyPairSpec, in.EncryptionContext)
		if err != nil {
			return nil, nil, err
		}
		clear(private)
		return &shape.GenerateDataKeyPairWithoutPlaintextResponse{
			PrivateKeyCiphertextBlob: sealed,
			PublicKey:                public,
			KeyId:                    c.Key().ARN,
			KeyPairSpec:              in.KeyPairSpec,
			KeyMaterialId:            c.Key().CurrentMaterial,
		}, nil, nil
	},
	Audit: func(in *shape.GenerateDataKeyPairWithoutPlaintextRequest) audit.Detail {
		return pairDetail(in.KeyId, in.KeyPairSpec, in.EncryptionContext)
	},
	Tracks:   true,
	ReadOnly: true,
}
