package op

import (
	"context"
	"strconv"

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
		source, err := cipherNeed("kms:ReEncryptFrom", in.SourceKeyId, in.CiphertextBlob, in.SourceEncryptionAlgorithm, in.SourceEncryptionContext)
		if err != nil {
			return nil, err
		}
		return append(source, useWith("kms:ReEncryptTo", in.DestinationKeyId, in.DestinationEncryptionAlgorithm, in.DestinationEncryptionContext)...), nil
	},
	Says: func(c *Call, _ *shape.ReEncryptRequest, name string) []string {
		if name != "kms:reencryptonsamekey" {
			return nil
		}
		from, to := c.Keys[0], c.Keys[1]
		return []string{strconv.FormatBool(from != nil && to != nil && from.ARN == to.ARN)}
	},
	Check: func(c *Call, in *shape.ReEncryptRequest) error {
		return sameKey(c.Key(), in.CiphertextBlob, in.SourceEncryptionAlgorithm, len(in.DryRunModifiers) > 0)
	},
	// The destination is checked as by Encrypt, under a name of its own (§13.5.3 [P]).
	As:     []string{"ReEncryptFrom", "ReEncryptTo"},
	Counts: reEncryptTolls,
	Usage:  key.EncryptDecrypt,
	States: key.ForUse,
	Run: func(ctx context.Context, c *Call, in *shape.ReEncryptRequest) (*shape.ReEncryptResponse, *record.Change, error) {
		if len(in.DryRunModifiers) > 0 { // only authorization was asked for
			return nil, nil, nil
		}
		source, destination := c.Keys[0], c.Keys[1]
		from, to := algorithmOr(in.SourceEncryptionAlgorithm), algorithmOr(in.DestinationEncryptionAlgorithm)
		plaintext, sourceMaterial, err := c.open(ctx, source, from, in.CiphertextBlob, in.SourceEncryptionContext)
		if err != nil {
			return nil, nil, err
		}
		defer clear(plaintext)
		sealed, destinationMaterial, err := c.seal(ctx, destination, to, plaintext, in.DestinationEncryptionContext)
		if err != nil {
			return nil, nil, err
		}
		c.Additional = audit.Detail{
			audit.String("sourceKeyMaterialId", sourceMaterial).If(sourceMaterial != ""),
			audit.String("destinationKeyMaterialId", destinationMaterial).If(destinationMaterial != ""),
		}
		return &shape.ReEncryptResponse{
			CiphertextBlob:                 sealed,
			SourceKeyId:                    source.ARN,
			KeyId:                          destination.ARN,
			SourceEncryptionAlgorithm:      from,
			DestinationEncryptionAlgorithm: to,
			SourceKeyMaterialId:            sourceMaterial,
			DestinationKeyMaterialId:       destinationMaterial,
		}, nil, nil
	},
	Audit: func(in *shape.ReEncryptRequest) audit.Detail {
		return audit.Detail{
			audit.String("sourceEncryptionAlgorithm", algorithmOr(in.SourceEncryptionAlgorithm)),
			audit.StringMap("sourceEncryptionContext", in.SourceEncryptionContext).If(len(in.SourceEncryptionContext) > 0),
			audit.String("sourceKeyId", in.SourceKeyId).If(in.SourceKeyId != ""),
			audit.String("destinationKeyId", in.DestinationKeyId),
			audit.String("destinationEncryptionAlgorithm", algorithmOr(in.DestinationEncryptionAlgorithm)),
			audit.StringMap("destinationEncryptionContext", in.DestinationEncryptionContext).If(len(in.DestinationEncryptionContext) > 0),
		}
	},
	Tracks:   true,
	ReadOnly: true,
}
