package op

import (
	"context"
	"errors"

	"qkms/internal/audit"
	"qkms/internal/custody"
	"qkms/internal/fault"
	"qkms/internal/key"
	"qkms/internal/record"
	"qkms/internal/wire/shape"
)

var deriveSharedSecret = &Op[shape.DeriveSharedSecretRequest, shape.DeriveSharedSecretResponse]{
	Name: "DeriveSharedSecret",
	Needs: func(in *shape.DeriveSharedSecretRequest) ([]key.Need, error) {
		return use("kms:DeriveSharedSecret", in.KeyId), nil
	},
	Says: func(c *Call, in *shape.DeriveSharedSecretRequest, name string) []string {
		switch name {
		case "kms:keyagreementalgorithm":
			return said(in.KeyAgreementAlgorithm)
		}
		return c.attested(in.Recipient, name)
	},
	Usage:  key.KeyAgreement,
	States: key.ForUse,
	Run: func(ctx context.Context, c *Call, in *shape.DeriveSharedSecretRequest) (*shape.DeriveSharedSecretResponse, *record.Change, error) {
		to, err := c.recipient(in.Recipient)
		if err != nil {
			return nil, nil, err
		}
		k := c.Key()
		secret, err := c.Agreer.Agree(ctx, k.Material(), in.PublicKey)
		switch {
		case errors.Is(err, custody.ErrBadPeer):
			return nil, nil, fault.Bare(fault.Validation).Because(err) // no message [R]
		case err != nil:
			return nil, nil, sealFault(err)
		}
		out := &shape.DeriveSharedSecretResponse{
			KeyId:                 k.ARN,
			KeyAgreementAlgorithm: in.KeyAgreementAlgorithm,
			KeyOrigin:             shape.OriginType(k.Origin),
		}
		out.SharedSecret, out.CiphertextForRecipient, err = to.deliver(secret)
		return out, nil, err
	},
	Audit: func(in *shape.DeriveSharedSecretRequest) audit.Detail {
		return audit.Detail{audit.String("keyId", in.KeyId), audit.String("keyAgreementAlgorithm", in.KeyAgreementAlgorithm)}
	},
	Tracks:   true,
	ReadOnly: true,
}
