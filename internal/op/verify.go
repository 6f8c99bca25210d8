package op

import (
	"context"
	"errors"

	"qkms/internal/audit"
	"qkms/internal/fault"
	"qkms/internal/key"
	"qkms/internal/pubkey"
	"qkms/internal/record"
	"qkms/internal/throttle"
	"qkms/internal/wire/shape"
)

var verify = &Op[shape.VerifyRequest, shape.VerifyResponse]{
	Name:  "Verify",
	Needs: func(in *shape.VerifyRequest) ([]key.Need, error) { return use("kms:Verify", in.KeyId), nil },
	Says: func(_ *Call, in *shape.VerifyRequest, name string) []string {
		switch name {
		case "kms:signingalgorithm":
			return said(in.SigningAlgorithm)
		case "kms:messagetype":
			return said(orDefault(in.MessageType, shape.MessageTypeRaw))
		}
		return nil
	},
	Counts: func(in *shape.VerifyRequest) []throttle.Toll { return tollOf(in.SigningAlgorithm) },
	Usage:  key.SignVerify,
	States: key.ForUse,
	Run: func(ctx context.Context, c *Call, in *shape.VerifyRequest) (*shape.VerifyResponse, *record.Change, error) {
		k, kind := c.Key(), messageKind(in.MessageType)
		err := c.inTurn(ctx, k, func() error {
			return pubkey.Verify(k.PublicKey, string(in.SigningAlgorithm), kind, in.Message, in.Signature)
		})
		switch {
		case errors.Is(err, pubkey.ErrBadSignature): // never an answer that says false
			return nil, nil, fault.SignatureInvalid().Because(err)
		case err != nil:
			return nil, nil, messageFault(k, in.SigningAlgorithm, kind, err)
		}
		return &shape.VerifyResponse{KeyId: k.ARN, SignatureValid: true, SigningAlgorithm: in.SigningAlgorithm}, nil, nil
	},
	Audit: func(in *shape.VerifyRequest) audit.Detail {
		return signDetail(in.KeyId, in.MessageType, in.SigningAlgorithm)
	},
	Tracks:   true,
	ReadOnly: true,
}
