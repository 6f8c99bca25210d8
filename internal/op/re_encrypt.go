package op

import (
	"cmp"
	"context"

	"qkms/internal/audit"
	"qkms/internal/key"
	"qkms/internal/record"
	"qkms/internal/wire/shape"
)

var reEncrypt = &Op[shape.ReEncryptRequest, shape.ReEncryptResponse]{
	Name: "ReEncrypt",
	Needs: func(in *shape.ReEncryptRequest) ([]key.Need, error) {
		_, err := ignoresCiphertext(in.DryRun, in.DryRunModifiers, in.CiphertextBlob, in.SourceKeyId)
		if err != nil {
			return nil, err
		}
		source, err := cipherNeed("kms:ReEncryptFrom", in.SourceKeyId, in.CiphertextBlob, in.SourceEncryptionAlgorithm)
		if err != nil {
			return nil, err
		}
		return append(source, use("kms:ReEncryptTo", in.DestinationKeyId)...), nil
	},
	Check: func(c *Call, in *shape.ReEncryptRequest) error {
		return sameKey(c.Key(), in.CiphertextBlob, len(in.DryRunModifiers) > 0)
	},
	// The destination is checked as by Encrypt, under a name of its own (§13.5.3 [P]).
	As:     []string{"ReEncryptFrom", "ReEncryptTo"},
	Usage:  key.EncryptDecrypt,
	States: key.ForUse,
	Run: func(ctx context.Context, c *Call, in *shape.ReEncryptRequest) (*shape.ReEncryptResponse, *record.Change, error) {
		if len(in.DryRunModifiers) > 0 { // only authorization was asked for
			return nil, nil, nil
		}
		source, destination := c.Keys[0], c.Keys[1]
		if err := symmetric(source, in.SourceEncryptionAlgorithm); err != nil {
			return nil, nil, err
		}
		if err := symmetric(destination, in.DestinationEncryptionAlgorithm); err != nil {
			return nil, nil, err
		}
		plaintext, material, err := c.open(ctx, source, in.CiphertextBlob, in.SourceEncryptionContext)
		if err != nil {
			return nil, nil, err
		}
		defer clear(plaintext)
		sealed, err := c.Sealer.Seal(ctx, destination.Material(), plaintext, in.DestinationEncryptionContext)
		if err != nil {
			return nil, nil, sealFault(err)
		}
		c.Additional = audit.Detail{
			audit.String("sourceKeyMaterialId", material),
			audit.String("destinationKeyMaterialId", destination.CurrentMaterial),
		}
		return &shape.ReEncryptResponse{
			CiphertextBlob:                 sealed,
			SourceKeyId:                    source.ARN,
			KeyId:                          destination.ARN,
			SourceEncryptionAlgorithm:      shape.EncryptionAlgorithmSpecSymmetricDefault,
			DestinationEncryptionAlgorithm: shape.EncryptionAlgorithmSpecSymmetricDefault,
			SourceKeyMaterialId:            material,
			DestinationKeyMaterialId:       destination.CurrentMaterial,
		}, nil, nil
	},
	Audit: func(in *shape.ReEncryptRequest) audit.Detail {
		return audit.Detail{
			audit.String("sourceEncryptionAlgorithm", cmp.Or(in.SourceEncryptionAlgorithm, shape.EncryptionAlgorithmSpecSymmetricDefault)),
			audit.StringMap("sourceEncryptionContext", in.SourceEncryptionContext).If(len(in.SourceEncryptionContext) > 0),
			audit.String("sourceKeyId", in.SourceKeyId).If(in.SourceKeyId != ""),
			audit.String("destinationKeyId", in.DestinationKeyId),
			audit.String("destinationEncryptionAlgorithm", cmp.Or(in.DestinationEncryptionAlgorithm, shape.EncryptionAlgorithmSpecSymmetricDefault)),
			audit.StringMap("destinationEncryptionContext", in.DestinationEncryptionContext).If(len(in.DestinationEncryptionContext) > 0),
		}
	},
	ReadOnly: true,
}
