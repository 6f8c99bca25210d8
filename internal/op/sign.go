package op

import (
	"cmp"
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

var sign = &Op[shape.SignRequest, shape.SignResponse]{
	Name:  "Sign",
	Needs: func(in *shape.SignRequest) ([]key.Need, error) { return use("kms:Sign", in.KeyId), nil },
	Says: func(_ *Call, in *shape.SignRequest, name string) []string {
		switch name {
		case "kms:signingalgorithm":
			return said(in.SigningAlgorithm)
		case "kms:messagetype":
			return said(orDefault(in.MessageType, shape.MessageTypeRaw))
		}
		return nil
	},
	Counts: func(in *shape.SignRequest) []throttle.Toll { return tollOf(in.SigningAlgorithm) },
	Usage:  key.SignVerify,
	States: key.ForUse,
	Run: func(ctx context.Context, c *Call, in *shape.SignRequest) (*shape.SignResponse, *record.Change, error) {
		k, kind := c.Key(), messageKind(in.MessageType)
		signature, err := c.Signer.Sign(ctx, k.Material(), string(in.SigningAlgorithm), kind, in.Message)
		if err != nil {
			return nil, nil, messageFault(k, in.SigningAlgorithm, kind, err)
		}
		return &shape.SignResponse{KeyId: k.ARN, Signature: signature, SigningAlgorithm: in.SigningAlgorithm}, nil, nil
	},
	Audit: func(in *shape.SignRequest) audit.Detail {
		return signDetail(in.KeyId, in.MessageType, in.SigningAlgorithm)
	},
	Tracks:   true,
	ReadOnly: true,
}

func messageKind(t shape.MessageType) pubkey.MessageKind {
	return pubkey.MessageKind(cmp.Or(t, shape.MessageTypeRaw))
}

// messageFault words why a message cannot be signed or verified so (operations.md §13.6.1 [R]).
func messageFault(k *key.Key, algorithm shape.SigningAlgorithmSpec, kind pubkey.MessageKind, err error) error {
	switch {
	case errors.Is(err, pubkey.ErrAlgorithm):
		return fault.WrongAlgorithm(string(algorithm), k.Spec)
	case errors.Is(err, pubkey.ErrKindForSpec):
		return fault.MessageTypeForSpec(string(kind), k.Spec)
	case errors.Is(err, pubkey.ErrKindForAlgorithm):
		return fault.MessageTypeForAlgorithm(string(kind), string(algorithm))
	case errors.Is(err, pubkey.ErrDigestSize):
		return fault.DigestLength(string(algorithm))
	case errors.Is(err, pubkey.ErrMuSize):
		return fault.MuLength(string(algorithm))
	}
	return sealFault(err)
}

func signDetail(id string, kind shape.MessageType, algorithm shape.SigningAlgorithmSpec) audit.Detail {
	return audit.Detail{
		audit.String("keyId", id),
		audit.String("messageType", messageKind(kind)),
		audit.String("signingAlgorithm", algorithm),
	}
}
