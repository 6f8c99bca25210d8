package sdk_test

import (
	"bytes"
	"crypto"
	"crypto/mlkem"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"math/big"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/kms/types"

	"qkms/compat/harness"
)

// Both halves of every kind of pair, read as any program would; the private one also out of its
// ciphertext, which is all that the other operation gives.
func TestGenerateDataKeyPair(t *testing.T) {
	s := harness.Start(t)
	for _, spec := range types.DataKeyPairSpec("").Values() {
		t.Run(string(spec), func(t *testing.T) {
			region := s.Region
			if spec == types.DataKeyPairSpecSm2 {
				region = "cn-north-1"
			}
			c := s.In(region).KMS()
			k := newKey(t, c)
			out, err := c.GenerateDataKeyPair(t.Context(), &kms.GenerateDataKeyPairInput{KeyId: k.KeyId, KeyPairSpec: spec, EncryptionContext: tenant})
			made := ok(t, out, err)
			if *made.KeyId != *k.Arn || made.KeyPairSpec != spec || *made.KeyMaterialId != *k.CurrentKeyMaterialId {
				t.Errorf("got %s %s %s, want %s %s %s", *made.KeyId, made.KeyPairSpec, *made.KeyMaterialId, *k.Arn, spec, *k.CurrentKeyMaterialId)
			}
			checkOpens(t, c, k, made.PrivateKeyCiphertextBlob, tenant, made.PrivateKeyPlaintext, *made.KeyMaterialId)
			checkPair(t, spec, made.PrivateKeyPlaintext, made.PublicKey)

			blind, err := c.GenerateDataKeyPairWithoutPlaintext(t.Context(), &kms.GenerateDataKeyPairWithoutPlaintextInput{KeyId: k.KeyId, KeyPairSpec: spec})
			other := ok(t, blind, err)
			if *other.KeyId != *k.Arn || other.KeyPairSpec != spec || *other.KeyMaterialId != *k.CurrentKeyMaterialId || bytes.Equal(other.PublicKey, made.PublicKey) {
				t.Errorf("without plaintext: got %s %s %s, want %s %s %s and another pair", *other.KeyId, other.KeyPairSpec, *other.KeyMaterialId, *k.Arn, spec, *k.CurrentKeyMaterialId)
			}
			opened, err := c.Decrypt(t.Context(), &kms.DecryptInput{CiphertextBlob: other.PrivateKeyCiphertextBlob})
			checkPair(t, spec, ok(t, opened, err).Plaintext, other.PublicKey)
		})
	}
}

// A pkcs8 is a PrivateKeyInfo (RFC 5208 §5).
type pkcs8 struct {
	Version   int
	Algorithm pkix.AlgorithmIdentifier
	Key       []byte
}

// checkPair fails the test unless private is the PKCS #8 of the private key to public.
func checkPair(t *testing.T, spec types.DataKeyPairSpec, private, public []byte) {
	t.Helper()
	var p pkcs8
	if rest, err := asn1.Unmarshal(private, &p); err != nil || len(rest) > 0 || p.Version != 0 {
		t.Fatalf("private key: got %v, %d bytes more, version %d; want a PrivateKeyInfo", err, len(rest), p.Version)
	}
	s := parseSPKI(t, public)
	if !p.Algorithm.Algorithm.Equal(s.Algorithm.Algorithm) || !bytes.Equal(p.Algorithm.Parameters.FullBytes, s.Algorithm.Parameters.FullBytes) {
		t.Errorf("got a private key of %v and a public one of %v", p.Algorithm, s.Algorithm)
	}
	switch spec {
	case types.DataKeyPairSpecSm2:
		checkECPrivateKey(t, p.Key, s.Bits.Bytes) // whose curve is nobody's here
	case types.DataKeyPairSpecEccSecgP256k1:
		d := checkECPrivateKey(t, p.Key, s.Bits.Bytes)
		q := secgG.times(d)
		if got := append(append([]byte{4}, q.x.FillBytes(make([]byte, 32))...), q.y.FillBytes(make([]byte, 32))...); !bytes.Equal(got, s.Bits.Bytes) {
			t.Errorf("got a private key to %x, want to %x", got, s.Bits.Bytes)
		}
	case "ML_KEM_512", "ML_KEM_768", "ML_KEM_1024":
		checkMLKEM(t, spec, p.Key, s.Bits.Bytes)
	default:
		parsed, err := x509.ParsePKCS8PrivateKey(private)
		if err != nil {
			t.Fatal(err)
		}
		der, err := x509.MarshalPKIXPublicKey(parsed.(crypto.Signer).Public())
		if err != nil || !bytes.Equal(der, public) {
			t.Errorf("got a private key to %x, want to %x (%v)", der, public, err)
		}
	}
}

// checkECPrivateKey reads an ECPrivateKey (RFC 5915 §3), whose public key must be point.
func checkECPrivateKey(t *testing.T, der, point []byte) *big.Int {
	t.Helper()
	var k struct {
		Version int
		D       []byte
		Curve   asn1.ObjectIdentifier `asn1:"optional,explicit,tag:0"`
		Public  asn1.BitString        `asn1:"optional,explicit,tag:1"`
	}
	if rest, err := asn1.Unmarshal(der, &k); err != nil || len(rest) > 0 || len(k.D) != 32 {
		t.Fatalf("got %v, %d bytes more and a scalar of %d; want an ECPrivateKey", err, len(rest), len(k.D))
	}
	if !bytes.Equal(k.Public.Bytes, point) {
		t.Errorf("got a private key to %x, want to %x", k.Public.Bytes, point)
	}
	return new(big.Int).SetBytes(k.D)
}

// checkMLKEM looks for the seed in any of the forms of RFC 9935 §6.
func checkMLKEM(t *testing.T, spec types.DataKeyPairSpec, der, public []byte) {
	t.Helper()
	var seed []byte
	var both struct{ Seed, Expanded []byte }
	if rest, err := asn1.UnmarshalWithParams(der, &seed, "tag:0"); err != nil || len(rest) > 0 {
		if _, err := asn1.Unmarshal(der, &both); err != nil {
			t.Fatalf("private key: got %x, want one with a seed", der[:4])
		}
		seed = both.Seed
	}
	if len(seed) != 64 {
		t.Fatalf("got a seed of %d bytes, want 64", len(seed))
	}
	var got []byte
	switch spec {
	case "ML_KEM_768":
		k, err := mlkem.NewDecapsulationKey768(seed)
		if err != nil {
			t.Fatal(err)
		}
		got = k.EncapsulationKey().Bytes()
	case "ML_KEM_1024":
		k, err := mlkem.NewDecapsulationKey1024(seed)
		if err != nil {
			t.Fatal(err)
		}
		got = k.EncapsulationKey().Bytes()
	default: // which the standard library has not
		return
	}
	if !bytes.Equal(got, public) {
		t.Errorf("got a seed of %x…, want of %x…", got[:16], public[:16])
	}
}
