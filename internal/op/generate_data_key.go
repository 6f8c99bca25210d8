package op

import (
	"context"
	"crypto/rand"

	"qkms/internal/audit"
	"qkms/internal/fault"
	"qkms/internal/key"
	"qkms/internal/record"
	"qkms/internal/wire/shape"
)

var generateDataKey = &Op[shape.GenerateDataKeyRequest, shape.GenerateDataKeyResponse]{
	Name: "GenerateDataKey",
	Needs: func(in *shape.GenerateDataKeyRequest) ([]key.Need, error) {
		return useWith("kms:GenerateDataKey", in.KeyId, "", in.EncryptionContext), nil
	},
	Says: func(c *Call, in *shape.GenerateDataKeyRequest, name string) []string {
		return c.attested(in.Recipient, name)
	},
	Check: func(c *Call, in *shape.GenerateDataKeyRequest) error {
		if err := dataKeySize(in.KeySpec, in.NumberOfBytes); err != nil {
			return err
		}
		return dataKeyKey(c.Key())
	},
	Usage:  key.EncryptDecrypt,
	States: key.ForUse,
	Run: func(ctx context.Context, c *Call, in *shape.GenerateDataKeyRequest) (*shape.GenerateDataKeyResponse, *record.Change, error) {
		to, err := c.recipient(in.Recipient)
		if err != nil {
			return nil, nil, err
		}
		plaintext, sealed, err := c.dataKey(ctx, dataKeyBytes(in.KeySpec, in.NumberOfBytes), in.EncryptionContext)
		if err != nil {
			return nil, nil, err
		}
		out := &shape.GenerateDataKeyResponse{
			CiphertextBlob: sealed,
			KeyId:          c.Key().ARN,
			KeyMaterialId:  to.unless(c.Key().CurrentMaterial),
		}
		out.Plaintext, out.CiphertextForRecipient, err = to.deliver(plaintext)
		return out, nil, err
	},
	Audit: func(in *shape.GenerateDataKeyRequest) audit.Detail {
		return dataKeyDetail(in.KeyId, in.KeySpec, in.NumberOfBytes, in.EncryptionContext)
	},
	Tracks:   true,
	ReadOnly: true,
}

// dataKeySize refuses both or neither of the two ways to say how long a data key is.
func dataKeySize(spec shape.DataKeySpec, bytes int) error {
	if (spec == "") == (bytes == 0) {
		return fault.EitherBytesOrSpec()
	}
	return nil
}

// dataKeyKey refuses asymmetric keys, in their own sentence (§4.2).
func dataKeyKey(k *key.Key) error {
	if k.Usage == string(key.EncryptDecrypt) && k.Spec != string(shape.KeySpecSymmetricDefault) {
		return fault.AsymmetricDataKey()
	}
	return nil
}

func dataKeyBytes(spec shape.DataKeySpec, bytes int) int {
	switch spec {
	case shape.DataKeySpecAes128:
		return 16
	case shape.DataKeySpecAes256:
		return 32
	}
	return bytes
}

// dataKey makes n random bytes and encrypts them under the call's key.
func (c *Call) dataKey(ctx context.Context, n int, encryptionContext map[string]string) (plaintext, sealed []byte, err error) {
	plaintext = make([]byte, n)
	_, _ = rand.Read(plaintext) // never fails: crypto/rand ends the process rather than return weak bytes
	sealed, err = c.Sealer.Seal(ctx, c.Key().Material(), plaintext, encryptionContext)
	if err != nil {
		return nil, nil, sealFault(err)
	}
	c.Additional = append(c.Additional, audit.String("keyMaterialId", c.Key().CurrentMaterial))
	return plaintext, sealed, nil
}

func dataKeyDetail(id string, spec shape.DataKeySpec, bytes int, encryptionContext map[string]string) audit.Detail {
	return audit.Detail{
		audit.String("keyId", id),
		audit.String("keySpec", spec).If(spec != ""),
		audit.Int("numberOfBytes", bytes).If(bytes != 0),
		audit.StringMap("encryptionContext", encryptionContext).If(len(encryptionContext) > 0),
	}
}
