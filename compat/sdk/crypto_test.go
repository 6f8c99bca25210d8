package sdk_test

import (
	"bytes"
	"crypto/rand"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/kms/types"

	"qkms/compat/harness"
)

// The contexts a ciphertext must not open under, when it was made under the first.
var (
	tenant = map[string]string{"tenant": "a", "path": "/x"}
	wrong  = map[string]map[string]string{
		"none":           nil,
		"one pair fewer": {"tenant": "a"},
		"one pair more":  {"tenant": "a", "path": "/x", "more": ""},
		"other value":    {"tenant": "b", "path": "/x"},
		"other case":     {"tenant": "A", "path": "/x"},
		"pairs swapped":  {"tenant": "/x", "path": "a"},
		"text shifted":   {"tenan": "ta", "path": "/x"},
	}
)

func TestGenerateDataKey(t *testing.T) {
	c := harness.Start(t).KMS()
	k := newKey(t, c)
	for name, tt := range map[string]struct {
		in   kms.GenerateDataKeyInput
		size int
	}{
		"AES_256":    {kms.GenerateDataKeyInput{KeySpec: types.DataKeySpecAes256}, 32},
		"AES_128":    {kms.GenerateDataKeyInput{KeySpec: types.DataKeySpecAes128}, 16},
		"1 byte":     {kms.GenerateDataKeyInput{NumberOfBytes: aws.Int32(1)}, 1},
		"1024 bytes": {kms.GenerateDataKeyInput{NumberOfBytes: aws.Int32(1024)}, 1024},
	} {
		t.Run(name, func(t *testing.T) {
			tt.in.KeyId, tt.in.EncryptionContext = k.KeyId, tenant
			out, err := c.GenerateDataKey(t.Context(), &tt.in)
			made := ok(t, out, err)
			if len(made.Plaintext) != tt.size || *made.KeyId != *k.Arn || len(*made.KeyMaterialId) != 64 {
				t.Errorf("got %d bytes under %s, material %q; want %d under %s", len(made.Plaintext), *made.KeyId, *made.KeyMaterialId, tt.size, *k.Arn)
			}
			checkOpens(t, c, k, made.CiphertextBlob, tenant, made.Plaintext, *made.KeyMaterialId)
		})
	}
}

func TestGenerateDataKeyWithoutPlaintext(t *testing.T) {
	c := harness.Start(t).KMS()
	k := newKey(t, c)
	out, err := c.GenerateDataKeyWithoutPlaintext(t.Context(), &kms.GenerateDataKeyWithoutPlaintextInput{
		KeyId: k.KeyId, NumberOfBytes: aws.Int32(64), EncryptionContext: tenant,
	})
	made := ok(t, out, err)
	opened, err := c.Decrypt(t.Context(), &kms.DecryptInput{CiphertextBlob: made.CiphertextBlob, EncryptionContext: tenant})
	if got := len(ok(t, opened, err).Plaintext); got != 64 || *made.KeyId != *k.Arn || *made.KeyMaterialId != *opened.KeyMaterialId {
		t.Errorf("got %d bytes under %s, want 64 under %s", got, *made.KeyId, *k.Arn)
	}
}

// checkOpens decrypts blob with and without naming its key, and under no other context.
func checkOpens(t *testing.T, c *kms.Client, k *types.KeyMetadata, blob []byte, context map[string]string, want []byte, material string) {
	t.Helper()
	for _, id := range []*string{nil, k.KeyId, k.Arn} {
		out, err := c.Decrypt(t.Context(), &kms.DecryptInput{CiphertextBlob: blob, EncryptionContext: context, KeyId: id})
		opened := ok(t, out, err)
		if !bytes.Equal(opened.Plaintext, want) {
			t.Errorf("Decrypt: got %x, want %x", opened.Plaintext, want)
		}
		if *opened.KeyId != *k.Arn || opened.EncryptionAlgorithm != types.EncryptionAlgorithmSpecSymmetricDefault {
			t.Errorf("Decrypt: got %s %s, want %s SYMMETRIC_DEFAULT", *opened.KeyId, opened.EncryptionAlgorithm, *k.Arn)
		}
		if material != "" && *opened.KeyMaterialId != material {
			t.Errorf("Decrypt: got material %s, want %s", *opened.KeyMaterialId, material)
		}
	}
}

func TestEncrypt(t *testing.T) {
	c := harness.Start(t).KMS()
	k := newKey(t, c)
	largest := make([]byte, 4096)
	_, _ = rand.Read(largest)
	for name, plaintext := range map[string][]byte{"one byte": {0}, "text": []byte("a secret"), "4096 bytes": largest} {
		t.Run(name, func(t *testing.T) {
			out, err := c.Encrypt(t.Context(), &kms.EncryptInput{KeyId: k.KeyId, Plaintext: plaintext, EncryptionContext: tenant})
			sealed := ok(t, out, err)
			if *sealed.KeyId != *k.Arn || sealed.EncryptionAlgorithm != types.EncryptionAlgorithmSpecSymmetricDefault {
				t.Errorf("got %s %s, want %s SYMMETRIC_DEFAULT", *sealed.KeyId, sealed.EncryptionAlgorithm, *k.Arn)
			}
			if got, most := len(sealed.CiphertextBlob), len(plaintext)+128; got > most {
				t.Errorf("got a ciphertext of %d bytes, want at most %d", got, most)
			}
			if twice := seal(t, c, *k.KeyId, plaintext, tenant); bytes.Equal(twice, sealed.CiphertextBlob) {
				t.Error("got the same ciphertext twice")
			}
			checkOpens(t, c, k, sealed.CiphertextBlob, tenant, plaintext, "")
		})
	}
	// An empty context is none (operations.md §8.3).
	checkOpens(t, c, k, seal(t, c, *k.KeyId, []byte("x"), map[string]string{}), nil, []byte("x"), "")
}

func TestEncryptRefusals(t *testing.T) {
	c := harness.Start(t).KMS()
	k := newKey(t, c)
	const prefix = "1 validation error detected: Value at 'plaintext' failed to satisfy constraint: Member must have length "
	for name, tt := range map[string]struct {
		in            kms.EncryptInput
		code, message string
	}{
		"nothing to encrypt": {kms.EncryptInput{Plaintext: []byte{}}, "ValidationException", prefix + "greater than or equal to 1"},
		"too much":           {kms.EncryptInput{Plaintext: make([]byte, 4097)}, "ValidationException", prefix + "less than or equal to 4096"},
		"another algorithm": {
			kms.EncryptInput{Plaintext: []byte("x"), EncryptionAlgorithm: types.EncryptionAlgorithmSpecRsaesOaepSha256},
			"InvalidKeyUsageException", "Algorithm RSAES_OAEP_SHA_256 is incompatible with key spec SYMMETRIC_DEFAULT.",
		},
	} {
		t.Run(name, func(t *testing.T) {
			tt.in.KeyId = k.KeyId
			_, err := c.Encrypt(t.Context(), &tt.in)
			harness.Refused(t, err, tt.code, tt.message)
		})
	}
}

// The matrix of operations.md §8.2.
func TestDecryptRefusals(t *testing.T) {
	c := harness.Start(t).KMS()
	k, other := newKey(t, c), newKey(t, c)
	newAlias(t, c, "alias/moved", other)
	blob := seal(t, c, *k.KeyId, []byte("x"), tenant)
	for name, context := range wrong {
		t.Run("context: "+name, func(t *testing.T) {
			_, err := c.Decrypt(t.Context(), &kms.DecryptInput{CiphertextBlob: blob, EncryptionContext: context})
			refused[*types.InvalidCiphertextException](t, err, "InvalidCiphertextException", "")
		})
	}
	for name, id := range map[string]string{"id": *other.KeyId, "ARN": *other.Arn, "alias": "alias/moved", "alias ARN": strings.Replace(*other.Arn, "key/"+*other.KeyId, "alias/moved", 1)} {
		t.Run("another key by its "+name, func(t *testing.T) {
			_, err := c.Decrypt(t.Context(), &kms.DecryptInput{CiphertextBlob: blob, EncryptionContext: tenant, KeyId: &id})
			refused[*types.IncorrectKeyException](t, err, "IncorrectKeyException", "The key ID in the request does not identify a CMK that can perform this operation.")
		})
	}
	t.Run("no ciphertext", func(t *testing.T) {
		_, err := c.Decrypt(t.Context(), &kms.DecryptInput{})
		harness.Refused(t, err, "ValidationException", "1 validation error detected: Value null at 'ciphertextBlob' failed to satisfy constraint: Member must not be null")
	})
	t.Run("an asymmetric algorithm and no key", func(t *testing.T) {
		_, err := c.Decrypt(t.Context(), &kms.DecryptInput{CiphertextBlob: blob, EncryptionAlgorithm: types.EncryptionAlgorithmSpecRsaesOaepSha1})
		harness.Refused(t, err, "ValidationException", "KeyId must not be null")
	})
}

func TestReEncrypt(t *testing.T) {
	c := harness.Start(t).KMS()
	from, to := newKey(t, c), newKey(t, c)
	newAlias(t, c, "alias/to", to)
	blob := seal(t, c, *from.KeyId, []byte("moving"), tenant)
	next := map[string]string{"tenant": "b"}
	out, err := c.ReEncrypt(t.Context(), &kms.ReEncryptInput{
		CiphertextBlob: blob, SourceEncryptionContext: tenant,
		DestinationKeyId: aws.String("alias/to"), DestinationEncryptionContext: next,
	})
	moved := ok(t, out, err)
	if *moved.SourceKeyId != *from.Arn || *moved.KeyId != *to.Arn {
		t.Errorf("got %s → %s, want %s → %s", *moved.SourceKeyId, *moved.KeyId, *from.Arn, *to.Arn)
	}
	if len(*moved.SourceKeyMaterialId) != 64 || len(*moved.DestinationKeyMaterialId) != 64 || *moved.SourceKeyMaterialId == *moved.DestinationKeyMaterialId {
		t.Errorf("got materials %s → %s, want two", *moved.SourceKeyMaterialId, *moved.DestinationKeyMaterialId)
	}
	checkOpens(t, c, to, moved.CiphertextBlob, next, []byte("moving"), *moved.DestinationKeyMaterialId)
	checkOpens(t, c, from, blob, tenant, []byte("moving"), *moved.SourceKeyMaterialId)

	_, err = c.ReEncrypt(t.Context(), &kms.ReEncryptInput{
		CiphertextBlob: blob, SourceEncryptionContext: tenant, SourceKeyId: to.KeyId, DestinationKeyId: to.KeyId,
	})
	refused[*types.IncorrectKeyException](t, err, "IncorrectKeyException", "The key ID in the request does not identify a CMK that can perform this operation.")
	_, err = c.ReEncrypt(t.Context(), &kms.ReEncryptInput{CiphertextBlob: blob, DestinationKeyId: to.KeyId})
	refused[*types.InvalidCiphertextException](t, err, "InvalidCiphertextException", "")
}

func TestGenerateRandom(t *testing.T) {
	c := harness.Start(t).KMS()
	for _, n := range []int32{1, 32, 1024} {
		one, err := c.GenerateRandom(t.Context(), &kms.GenerateRandomInput{NumberOfBytes: &n})
		ok(t, one, err)
		two, err := c.GenerateRandom(t.Context(), &kms.GenerateRandomInput{NumberOfBytes: &n})
		ok(t, two, err)
		if len(one.Plaintext) != int(n) || len(two.Plaintext) != int(n) {
			t.Errorf("got %d and %d bytes, want %d", len(one.Plaintext), len(two.Plaintext), n)
		}
		if n > 1 && bytes.Equal(one.Plaintext, two.Plaintext) {
			t.Error("got the same bytes twice")
		}
	}
	_, err := c.GenerateRandom(t.Context(), &kms.GenerateRandomInput{})
	harness.Refused(t, err, "ValidationException", "NumberOfBytes is required.")
	_, err = c.GenerateRandom(t.Context(), &kms.GenerateRandomInput{NumberOfBytes: aws.Int32(1025)})
	harness.Refused(t, err, "ValidationException", "1 validation error detected: Value '1025' at 'numberOfBytes' failed to satisfy constraint: "+
		"Member must have value less than or equal to 1024")
	_, err = c.GenerateRandom(t.Context(), &kms.GenerateRandomInput{NumberOfBytes: aws.Int32(1), CustomKeyStoreId: aws.String("cks-1234567890abcdef0")})
	refused[*types.CustomKeyStoreNotFoundException](t, err, "CustomKeyStoreNotFoundException", "")
}

// Exactly one of the two sizes (operations.md §3.4), and each within its range.
func TestDataKeySize(t *testing.T) {
	c := harness.Start(t).KMS()
	k := newKey(t, c)
	const either = "Please specify either number of bytes or key spec."
	const size = "1 validation error detected: Value '%' at 'numberOfBytes' failed to satisfy constraint: Member must have value "
	for name, tt := range map[string]struct {
		spec    types.DataKeySpec
		bytes   *int32
		message string
	}{
		"neither":  {"", nil, either},
		"both":     {types.DataKeySpecAes128, aws.Int32(16), either},
		"none":     {"", aws.Int32(0), strings.Replace(size, "%", "0", 1) + "greater than or equal to 1"},
		"too many": {"", aws.Int32(1025), strings.Replace(size, "%", "1025", 1) + "less than or equal to 1024"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := c.GenerateDataKey(t.Context(), &kms.GenerateDataKeyInput{KeyId: k.KeyId, KeySpec: tt.spec, NumberOfBytes: tt.bytes})
			harness.Refused(t, err, "ValidationException", tt.message)
			_, err = c.GenerateDataKeyWithoutPlaintext(t.Context(), &kms.GenerateDataKeyWithoutPlaintextInput{KeyId: k.KeyId, KeySpec: tt.spec, NumberOfBytes: tt.bytes})
			harness.Refused(t, err, "ValidationException", tt.message)
		})
	}
}
