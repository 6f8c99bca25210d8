package sdk_test

import (
	"bytes"
	"crypto"
	"crypto/ecdh"
	"crypto/mlkem"
	"crypto/rand"
	"crypto/rsa"
	_ "crypto/sha1"
	_ "crypto/sha256"
	"crypto/x509"
	"slices"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/kms/types"

	"qkms/compat/harness"
)

// Whoever has the public key encrypts without the service, which decrypts; and the other way round for
// what it moves from one key to another.
func TestRSAEncryption(t *testing.T) {
	c := harness.Start(t).KMS()
	symmetric := newKey(t, c)
	for _, spec := range []types.KeySpec{types.KeySpecRsa2048, types.KeySpecRsa3072, types.KeySpecRsa4096} {
		t.Run(string(spec), func(t *testing.T) {
			k := newKeyOf(t, c, spec, types.KeyUsageTypeEncryptDecrypt)
			parsed, err := x509.ParsePKIXPublicKey(publicKey(t, c, k))
			public, is := parsed.(*rsa.PublicKey)
			if !is || public.E != 65537 {
				t.Fatalf("got %T %v, want an RSA key with the exponent 65537", parsed, err)
			}
			for algorithm, h := range map[types.EncryptionAlgorithmSpec]crypto.Hash{
				types.EncryptionAlgorithmSpecRsaesOaepSha1: crypto.SHA1, types.EncryptionAlgorithmSpecRsaesOaepSha256: crypto.SHA256,
			} {
				t.Run(string(algorithm), func(t *testing.T) { checkRSA(t, c, k, symmetric, public, algorithm, h) })
			}
		})
	}
}

func checkRSA(t *testing.T, c *kms.Client, k, symmetric *types.KeyMetadata, public *rsa.PublicKey, algorithm types.EncryptionAlgorithmSpec, h crypto.Hash) {
	secret := make([]byte, public.Size()-2*h.Size()-2) // as much as there can be
	_, _ = rand.Read(secret)
	outside, err := rsa.EncryptOAEP(h.New(), rand.Reader, public, secret, nil)
	if err != nil {
		t.Fatal(err)
	}
	inside, err := c.Encrypt(t.Context(), &kms.EncryptInput{KeyId: k.KeyId, Plaintext: secret, EncryptionAlgorithm: algorithm})
	if made := ok(t, inside, err); *made.KeyId != *k.Arn || made.EncryptionAlgorithm != algorithm || len(made.CiphertextBlob) != public.Size() {
		t.Errorf("Encrypt: got %s %s and %d bytes, want %s %s and %d", *made.KeyId, made.EncryptionAlgorithm, len(made.CiphertextBlob), *k.Arn, algorithm, public.Size())
	}
	for _, blob := range [][]byte{outside, inside.CiphertextBlob} {
		out, err := c.Decrypt(t.Context(), &kms.DecryptInput{KeyId: k.Arn, CiphertextBlob: blob, EncryptionAlgorithm: algorithm})
		opened := ok(t, out, err)
		if !bytes.Equal(opened.Plaintext, secret) || *opened.KeyId != *k.Arn || opened.EncryptionAlgorithm != algorithm || opened.KeyMaterialId != nil {
			t.Errorf("Decrypt: got %x %s %s %v, want %x %s %s and no material", opened.Plaintext, *opened.KeyId, opened.EncryptionAlgorithm, opened.KeyMaterialId, secret, *k.Arn, algorithm)
		}
		broken := bytes.Clone(blob)
		broken[len(broken)-1] ^= 1
		_, err = c.Decrypt(t.Context(), &kms.DecryptInput{KeyId: k.Arn, CiphertextBlob: broken, EncryptionAlgorithm: algorithm})
		refused[*types.InvalidCiphertextException](t, err, "InvalidCiphertextException", "")
	}
	// There and back again through a symmetric key; each side names its material where it has one.
	in, err := c.ReEncrypt(t.Context(), &kms.ReEncryptInput{
		SourceKeyId: k.KeyId, SourceEncryptionAlgorithm: algorithm, CiphertextBlob: outside, DestinationKeyId: symmetric.KeyId,
	})
	if moved := ok(t, in, err); moved.SourceKeyMaterialId != nil || aws.ToString(moved.DestinationKeyMaterialId) != *symmetric.CurrentKeyMaterialId {
		t.Errorf("ReEncrypt: got materials %v → %v, want none → %s", moved.SourceKeyMaterialId, moved.DestinationKeyMaterialId, *symmetric.CurrentKeyMaterialId)
	}
	back, err := c.ReEncrypt(t.Context(), &kms.ReEncryptInput{
		CiphertextBlob: in.CiphertextBlob, DestinationKeyId: k.KeyId, DestinationEncryptionAlgorithm: algorithm,
	})
	if moved := ok(t, back, err); moved.DestinationKeyMaterialId != nil || moved.DestinationEncryptionAlgorithm != algorithm || *moved.SourceKeyId != *symmetric.Arn {
		t.Errorf("ReEncrypt: got %s %s and material %v, want %s %s and none", *moved.SourceKeyId, moved.DestinationEncryptionAlgorithm, moved.DestinationKeyMaterialId, *symmetric.Arn, algorithm)
	}
	out, err := c.Decrypt(t.Context(), &kms.DecryptInput{KeyId: k.KeyId, CiphertextBlob: back.CiphertextBlob, EncryptionAlgorithm: algorithm})
	if got := ok(t, out, err).Plaintext; !bytes.Equal(got, secret) {
		t.Errorf("after both: got %x, want %x", got, secret)
	}
}

func TestDeriveSharedSecret(t *testing.T) {
	c := harness.Start(t).KMS()
	for spec, curve := range map[types.KeySpec]ecdh.Curve{
		types.KeySpecEccNistP256: ecdh.P256(), types.KeySpecEccNistP384: ecdh.P384(), types.KeySpecEccNistP521: ecdh.P521(),
	} {
		t.Run(string(spec), func(t *testing.T) {
			k := newKeyOf(t, c, spec, types.KeyUsageTypeKeyAgreement)
			if !slices.Equal(k.KeyAgreementAlgorithms, []types.KeyAgreementAlgorithmSpec{types.KeyAgreementAlgorithmSpecEcdh}) {
				t.Errorf("got algorithms %v, want ECDH", k.KeyAgreementAlgorithms)
			}
			mine, err := curve.GenerateKey(rand.Reader)
			if err != nil {
				t.Fatal(err)
			}
			der, err := x509.MarshalPKIXPublicKey(mine.PublicKey())
			if err != nil {
				t.Fatal(err)
			}
			out, err := c.DeriveSharedSecret(t.Context(), &kms.DeriveSharedSecretInput{
				KeyId: k.KeyId, KeyAgreementAlgorithm: types.KeyAgreementAlgorithmSpecEcdh, PublicKey: der,
			})
			inside := ok(t, out, err)
			peer, err := curve.NewPublicKey(parseSPKI(t, publicKey(t, c, k)).Bits.Bytes)
			if err != nil {
				t.Fatal(err)
			}
			outside, err := mine.ECDH(peer)
			if err != nil || !bytes.Equal(inside.SharedSecret, outside) {
				t.Errorf("got %x, want %x (%v)", inside.SharedSecret, outside, err)
			}
			if *inside.KeyId != *k.Arn || inside.KeyAgreementAlgorithm != types.KeyAgreementAlgorithmSpecEcdh || inside.KeyOrigin != types.OriginTypeAwsKms {
				t.Errorf("got %s %s %s, want %s ECDH AWS_KMS", *inside.KeyId, inside.KeyAgreementAlgorithm, inside.KeyOrigin, *k.Arn)
			}
			stranger, err := ecdh.X25519().GenerateKey(rand.Reader)
			if err != nil {
				t.Fatal(err)
			}
			other, err := x509.MarshalPKIXPublicKey(stranger.PublicKey())
			if err != nil {
				t.Fatal(err)
			}
			for name, bad := range map[string][]byte{"another curve": other, "a byte more": append(bytes.Clone(der), 0), "off the curve": flipped(der)} {
				t.Run(name, func(t *testing.T) {
					_, err := c.DeriveSharedSecret(t.Context(), &kms.DeriveSharedSecretInput{
						KeyId: k.KeyId, KeyAgreementAlgorithm: types.KeyAgreementAlgorithmSpecEcdh, PublicKey: bad, DryRun: aws.Bool(true),
					})
					harness.Refused(t, err, "ValidationException", "")
				})
			}
		})
	}
}

// flipped changes the last bit.
func flipped(b []byte) []byte {
	b = bytes.Clone(b)
	b[len(b)-1] ^= 1
	return b
}

func TestEncapsulate(t *testing.T) {
	c := harness.Start(t).KMS()
	for spec, outside := range map[types.KeySpec]func(public []byte) (secret, ciphertext []byte, err error){
		types.KeySpecMlKem512: nil, // which the standard library has not
		types.KeySpecMlKem768: func(public []byte) ([]byte, []byte, error) {
			k, err := mlkem.NewEncapsulationKey768(public)
			if err != nil {
				return nil, nil, err
			}
			secret, ciphertext := k.Encapsulate()
			return secret, ciphertext, nil
		},
		types.KeySpecMlKem1024: func(public []byte) ([]byte, []byte, error) {
			k, err := mlkem.NewEncapsulationKey1024(public)
			if err != nil {
				return nil, nil, err
			}
			secret, ciphertext := k.Encapsulate()
			return secret, ciphertext, nil
		},
	} {
		t.Run(string(spec), func(t *testing.T) {
			k := newKeyOf(t, c, spec, types.KeyUsageTypeEncapsulateDecapsulate)
			const kem = types.EncapsulationAlgorithmSpecMlKem
			public := parseSPKI(t, publicKey(t, c, k)).Bits.Bytes
			opens := func(ciphertext, secret []byte) {
				t.Helper()
				out, err := c.Decapsulate(t.Context(), &kms.DecapsulateInput{KeyId: k.KeyId, EncapsulationAlgorithm: kem, SharedSecretCiphertextBlob: ciphertext})
				got := ok(t, out, err)
				if !bytes.Equal(got.SharedSecret, secret) || *got.KeyId != *k.Arn || got.EncapsulationAlgorithm != kem {
					t.Errorf("Decapsulate: got %x %s %s, want %x %s ML_KEM", got.SharedSecret, *got.KeyId, got.EncapsulationAlgorithm, secret, *k.Arn)
				}
			}
			out, err := c.Encapsulate(t.Context(), &kms.EncapsulateInput{KeyId: k.KeyId, EncapsulationAlgorithm: kem})
			made := ok(t, out, err)
			if len(made.SharedSecret) != 32 || *made.KeyId != *k.Arn || made.EncapsulationAlgorithm != kem {
				t.Errorf("Encapsulate: got %d bytes, %s %s, want 32, %s ML_KEM", len(made.SharedSecret), *made.KeyId, made.EncapsulationAlgorithm, *k.Arn)
			}
			opens(made.SharedSecretCiphertextBlob, made.SharedSecret)
			if outside != nil {
				secret, ciphertext, err := outside(public)
				if err != nil {
					t.Fatal(err)
				}
				opens(ciphertext, secret)
			}
			_, err = c.Decapsulate(t.Context(), &kms.DecapsulateInput{KeyId: k.KeyId, EncapsulationAlgorithm: kem, SharedSecretCiphertextBlob: made.SharedSecretCiphertextBlob[1:]})
			refused[*types.InvalidCiphertextException](t, err, "InvalidCiphertextException", "")
		})
	}
}

func TestMAC(t *testing.T) {
	c := harness.Start(t).KMS()
	for spec, size := range map[types.KeySpec]int{types.KeySpecHmac224: 28, types.KeySpecHmac256: 32, types.KeySpecHmac384: 48, types.KeySpecHmac512: 64} {
		t.Run(string(spec), func(t *testing.T) {
			k := newKeyOf(t, c, spec, types.KeyUsageTypeGenerateVerifyMac)
			algorithm, message := k.MacAlgorithms[0], []byte("a message")
			out, err := c.GenerateMac(t.Context(), &kms.GenerateMacInput{KeyId: k.KeyId, Message: message, MacAlgorithm: algorithm})
			made := ok(t, out, err)
			if len(made.Mac) != size || *made.KeyId != *k.Arn || made.MacAlgorithm != algorithm {
				t.Errorf("GenerateMac: got %d bytes, %s %s, want %d, %s %s", len(made.Mac), *made.KeyId, made.MacAlgorithm, size, *k.Arn, algorithm)
			}
			again, err := c.GenerateMac(t.Context(), &kms.GenerateMacInput{KeyId: k.KeyId, Message: message, MacAlgorithm: algorithm})
			if !bytes.Equal(ok(t, again, err).Mac, made.Mac) {
				t.Error("got two MACs of one message")
			}
			verified, err := c.VerifyMac(t.Context(), &kms.VerifyMacInput{KeyId: k.KeyId, Message: message, MacAlgorithm: algorithm, Mac: made.Mac})
			if v := ok(t, verified, err); !v.MacValid || *v.KeyId != *k.Arn || v.MacAlgorithm != algorithm {
				t.Errorf("VerifyMac: got %t %s %s, want true %s %s", v.MacValid, *v.KeyId, v.MacAlgorithm, *k.Arn, algorithm)
			}
			for _, bad := range [][]byte{flipped(made.Mac), made.Mac[1:], append(bytes.Clone(made.Mac), 0)} {
				_, err := c.VerifyMac(t.Context(), &kms.VerifyMacInput{KeyId: k.KeyId, Message: message, MacAlgorithm: algorithm, Mac: bad})
				refused[*types.KMSInvalidMacException](t, err, "KMSInvalidMacException", "")
			}
			_, err = c.GetPublicKey(t.Context(), &kms.GetPublicKeyInput{KeyId: k.KeyId})
			refused[*types.UnsupportedOperationException](t, err, "UnsupportedOperationException", "")
		})
	}
}
