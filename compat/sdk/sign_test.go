package sdk_test

import (
	"bytes"
	"crypto/sha3"
	"crypto/sha512"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/kms/types"

	"qkms/compat/harness"
)

// newKeyOf creates a key of any spec.
func newKeyOf(t *testing.T, c *kms.Client, spec types.KeySpec, usage types.KeyUsageType) *types.KeyMetadata {
	t.Helper()
	out, err := c.CreateKey(t.Context(), &kms.CreateKeyInput{KeySpec: spec, KeyUsage: usage})
	return ok(t, out, err).KeyMetadata
}

func publicKey(t *testing.T, c *kms.Client, k *types.KeyMetadata) []byte {
	t.Helper()
	out, err := c.GetPublicKey(t.Context(), &kms.GetPublicKeyInput{KeyId: k.KeyId})
	got := ok(t, out, err)
	if *got.KeyId != *k.Arn || got.KeySpec != k.KeySpec || got.KeyUsage != k.KeyUsage {
		t.Errorf("GetPublicKey: got %s %s %s, want %s %s %s", *got.KeyId, got.KeySpec, got.KeyUsage, *k.Arn, k.KeySpec, k.KeyUsage)
	}
	return got.PublicKey
}

// What the service signs, others verify; and what it says of a signature is what they say.
func TestSign(t *testing.T) {
	s := harness.Start(t)
	c := s.KMS()
	for _, spec := range []types.KeySpec{
		types.KeySpecRsa2048, types.KeySpecRsa3072, types.KeySpecRsa4096,
		types.KeySpecEccNistP256, types.KeySpecEccNistP384, types.KeySpecEccNistP521, types.KeySpecEccSecgP256k1,
		types.KeySpecEccNistEdwards25519, types.KeySpecMlDsa44, types.KeySpecMlDsa65, types.KeySpecMlDsa87,
	} {
		t.Run(string(spec), func(t *testing.T) {
			k := newKeyOf(t, c, spec, types.KeyUsageTypeSignVerify)
			public := publicKey(t, c, k)
			if len(k.SigningAlgorithms) == 0 {
				t.Fatal("got no signing algorithm")
			}
			for _, algorithm := range k.SigningAlgorithms {
				t.Run(string(algorithm), func(t *testing.T) { checkSign(t, c, k, public, algorithm) })
			}
		})
	}
}

// said is one way to say what is signed; a signature made by one must verify by each.
type said struct {
	kind    types.MessageType
	message []byte
}

func waysToSay(t *testing.T, public []byte, algorithm types.SigningAlgorithmSpec, message []byte) []said {
	t.Helper()
	switch algorithm {
	case types.SigningAlgorithmSpecEd25519Sha512:
		return []said{{types.MessageTypeRaw, message}}
	case types.SigningAlgorithmSpecEd25519PhSha512: // which hashes this digest again (operations.md §7.5)
		digest := sha512.Sum512(message)
		return []said{{types.MessageTypeDigest, digest[:]}}
	case types.SigningAlgorithmSpecMlDsaShake256:
		return []said{{types.MessageTypeRaw, message}, {types.MessageTypeExternalMu, mu(parseSPKI(t, public).Bits.Bytes, message)}}
	}
	_, digest := digestBy(string(algorithm), message)
	return []said{{types.MessageTypeRaw, message}, {types.MessageTypeDigest, digest}}
}

// mu is line 6 of FIPS 204, Algorithm 7, for pure ML-DSA and an empty context.
func mu(public, message []byte) []byte {
	tr := sha3.SumSHAKE256(public, 64)
	return sha3.SumSHAKE256(append(append(tr, 0, 0), message...), 64)
}

func checkSign(t *testing.T, c *kms.Client, k *types.KeyMetadata, public []byte, algorithm types.SigningAlgorithmSpec) {
	message := bytes.Repeat([]byte("to be signed "), 300)
	ways := waysToSay(t, public, algorithm, message)
	outside := message
	if algorithm == types.SigningAlgorithmSpecEd25519PhSha512 {
		outside = ways[0].message
	}
	for _, how := range ways {
		out, err := c.Sign(t.Context(), &kms.SignInput{KeyId: k.KeyId, Message: how.message, MessageType: how.kind, SigningAlgorithm: algorithm})
		signed := ok(t, out, err)
		if *signed.KeyId != *k.Arn || signed.SigningAlgorithm != algorithm {
			t.Errorf("Sign: got %s %s, want %s %s", *signed.KeyId, signed.SigningAlgorithm, *k.Arn, algorithm)
		}
		if !verifies(t, public, string(k.KeySpec), string(algorithm), outside, signed.Signature) {
			t.Errorf("a signature of %s does not verify outside", how.kind)
		}
		for _, other := range ways {
			in := &kms.VerifyInput{KeyId: k.Arn, Message: other.message, MessageType: other.kind, SigningAlgorithm: algorithm, Signature: signed.Signature}
			out, err := c.Verify(t.Context(), in)
			if v := ok(t, out, err); !v.SignatureValid || *v.KeyId != *k.Arn || v.SigningAlgorithm != algorithm {
				t.Errorf("Verify: got %t %s %s, want true %s %s", v.SignatureValid, *v.KeyId, v.SigningAlgorithm, *k.Arn, algorithm)
			}
			in.Signature = bytes.Clone(signed.Signature)
			in.Signature[len(in.Signature)/2] ^= 1
			_, err = c.Verify(t.Context(), in)
			refused[*types.KMSInvalidSignatureException](t, err, "KMSInvalidSignatureException", "")
			if verifies(t, public, string(k.KeySpec), string(algorithm), outside, in.Signature) {
				t.Error("a flipped signature verifies outside")
			}
			in.DryRun, in.Signature = aws.Bool(true), signed.Signature[1:]
			_, err = c.Verify(t.Context(), in)
			refused[*types.KMSInvalidSignatureException](t, err, "KMSInvalidSignatureException", "")
		}
	}
}

// SM2 is of the Regions of China; nothing else here speaks it, so that what the service signs and
// encrypts it reads itself.
func TestSM2(t *testing.T) {
	c := harness.Start(t).In("cn-north-1").KMS()
	signer := newKeyOf(t, c, types.KeySpecSm2, types.KeyUsageTypeSignVerify)
	if oid := parseSPKI(t, publicKey(t, c, signer)).Algorithm.Algorithm.String(); oid != "1.2.840.10045.2.1" {
		t.Errorf("got algorithm %s, want id-ecPublicKey", oid)
	}
	for kind, message := range map[types.MessageType][]byte{types.MessageTypeRaw: []byte("a message"), types.MessageTypeDigest: make([]byte, 32)} {
		out, err := c.Sign(t.Context(), &kms.SignInput{KeyId: signer.KeyId, Message: message, MessageType: kind, SigningAlgorithm: types.SigningAlgorithmSpecSm2dsa})
		in := &kms.VerifyInput{KeyId: signer.KeyId, Message: message, MessageType: kind, SigningAlgorithm: types.SigningAlgorithmSpecSm2dsa, Signature: ok(t, out, err).Signature}
		verified, err := c.Verify(t.Context(), in)
		ok(t, verified, err)
		in.Message[0] ^= 1
		_, err = c.Verify(t.Context(), in)
		refused[*types.KMSInvalidSignatureException](t, err, "KMSInvalidSignatureException", "")
	}
	k := newKeyOf(t, c, types.KeySpecSm2, types.KeyUsageTypeEncryptDecrypt)
	const pke = types.EncryptionAlgorithmSpecSm2pke
	out, err := c.Encrypt(t.Context(), &kms.EncryptInput{KeyId: k.KeyId, Plaintext: []byte("secret"), EncryptionAlgorithm: pke})
	opened, err := c.Decrypt(t.Context(), &kms.DecryptInput{KeyId: k.KeyId, CiphertextBlob: ok(t, out, err).CiphertextBlob, EncryptionAlgorithm: pke})
	if got := ok(t, opened, err); string(got.Plaintext) != "secret" || got.KeyMaterialId != nil {
		t.Errorf("Decrypt: got %q and material %v, want %q and none", got.Plaintext, got.KeyMaterialId, "secret")
	}
	one, two := newKeyOf(t, c, types.KeySpecSm2, types.KeyUsageTypeKeyAgreement), newKeyOf(t, c, types.KeySpecSm2, types.KeyUsageTypeKeyAgreement)
	derive := func(mine, theirs *types.KeyMetadata) []byte {
		out, err := c.DeriveSharedSecret(t.Context(), &kms.DeriveSharedSecretInput{KeyId: mine.KeyId, KeyAgreementAlgorithm: types.KeyAgreementAlgorithmSpecEcdh, PublicKey: publicKey(t, c, theirs)})
		return ok(t, out, err).SharedSecret
	}
	if a, b := derive(one, two), derive(two, one); !bytes.Equal(a, b) || len(a) != 32 {
		t.Errorf("got secrets %x and %x, want one of 32 bytes", a, b)
	}
}
