package op

import (
	"context"
	"strings"

	"qkms/internal/audit"
	"qkms/internal/fault"
	"qkms/internal/key"
	"qkms/internal/record"
	"qkms/internal/throttle"
	"qkms/internal/wire/shape"
)

var generateDataKeyPair = &Op[shape.GenerateDataKeyPairRequest, shape.GenerateDataKeyPairResponse]{
	Name: "GenerateDataKeyPair",
	Needs: func(in *shape.GenerateDataKeyPairRequest) ([]key.Need, error) {
		return useWith("kms:GenerateDataKeyPair", in.KeyId, "", in.EncryptionContext), nil
	},
	Says: func(c *Call, in *shape.GenerateDataKeyPairRequest, name string) []string {
		if name == "kms:datakeypairspec" {
			return said(in.KeyPairSpec)
		}
		return c.attested(in.Recipient, name)
	},
	Check: func(c *Call, in *shape.GenerateDataKeyPairRequest) error { return pairKey(c, in.KeyPairSpec) },
	Counts: func(in *shape.GenerateDataKeyPairRequest) []throttle.Toll {
		return throttle.Of(string(in.KeyPairSpec)).Once()
	},
	Usage:  key.EncryptDecrypt,
	States: key.ForUse,
	Run: func(ctx context.Context, c *Call, in *shape.GenerateDataKeyPairRequest) (*shape.GenerateDataKeyPairResponse, *record.Change, error) {
		to, err := c.recipient(in.Recipient)
		if err != nil {
			return nil, nil, err
		}
		private, public, sealed, err := c.dataKeyPair(ctx, in.KeyPairSpec, in.EncryptionContext)
		if err != nil {
			return nil, nil, err
		}
		out := &shape.GenerateDataKeyPairResponse{
			PrivateKeyCiphertextBlob: sealed,
			PublicKey:                public,
			KeyId:                    c.Key().ARN,
			KeyPairSpec:              in.KeyPairSpec,
			KeyMaterialId:            to.unless(c.Key().CurrentMaterial),
		}
		out.PrivateKeyPlaintext, out.CiphertextForRecipient, err = to.deliver(private)
		return out, nil, err
	},
	Audit: func(in *shape.GenerateDataKeyPairRequest) audit.Detail {
		return pairDetail(in.KeyId, in.KeyPairSpec, in.EncryptionContext)
	},
	Tracks:   true,
	ReadOnly: true,
}

// pairKey refuses keys that cannot encrypt a data key pair, and pairs that are not of this Region.
func pairKey(c *Call, spec shape.DataKeyPairSpec) error {
	if err := dataKeyKey(c.Key()); err != nil {
		return err
	}
	return specInRegion(string(spec), c.Caller.Region)
}

// specInRegion refuses SM2 where AWS has it not: outside the Regions of China (operations.md §7.3).
func specInRegion(spec, region string) error {
	if spec == string(shape.KeySpecSm2) && !strings.HasPrefix(region, "cn-") {
		return fault.SpecNotInRegion(spec)
	}
	return nil
}

// dataKeyPair makes a key pair and encrypts its private key under the call's key.
func (c *Call) dataKeyPair(ctx context.Context, spec shape.DataKeyPairSpec, encryptionContext map[string]string) (private, public, sealed []byte, err error) {
	private, public, err = c.PairMaker.MakePair(ctx, c.Key().Material(), string(spec))
	if err != nil {
		return nil, nil, nil, sealFault(err)
	}
	sealed, err = c.Sealer.Seal(ctx, c.Key().Material(), private, encryptionContext)
	if err != nil {
		return nil, nil, nil, sealFault(err)
	}
	c.Additional = append(c.Additional, audit.String("keyMaterialId", c.Key().CurrentMaterial))
	return private, public, sealed, nil
}

func pairDetail(id string, spec shape.DataKeyPairSpec, encryptionContext map[string]string) audit.Detail {
	return audit.Detail{
		audit.String("keyId", id),
		audit.String("keyPairSpec", spec),
		audit.StringMap("encryptionContext", encryptionContext).If(len(encryptionContext) > 0),
	}
}
