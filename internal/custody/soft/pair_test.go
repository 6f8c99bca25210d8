package soft_test

import (
	"bytes"
	"context"
	"crypto"
	"crypto/x509"
	"encoding/asn1"
	"errors"
	"testing"

	"qkms/internal/custody"
	"qkms/internal/custody/soft"
	"qkms/internal/pubkey"
)

// pairSpecs is every DataKeyPairSpec of the API.
var pairSpecs = []string{
	"RSA_2048", "RSA_3072", "RSA_4096", "ECC_NIST_P256", "ECC_NIST_P384", "ECC_NIST_P521", "ECC_SECG_P256K1", "SM2",
	"ECC_NIST_EDWARDS25519", "ML_KEM_512", "ML_KEM_768", "ML_KEM_1024",
}

// TestPairSizes: operations.md §7.4 [R2], additions-2026.md. RSA private keys differ by a few bytes.
func TestPairSizes(t *testing.T) {
	private := map[string]int{
		"ECC_NIST_P256": 150, "ECC_NIST_P384": 194, "ECC_NIST_P521": 250, "ECC_SECG_P256K1": 144, "SM2": 150,
		"ECC_NIST_EDWARDS25519": 48, "ML_KEM_512": 86, "ML_KEM_768": 86, "ML_KEM_1024": 86,
		"RSA_2048": 1217, "RSA_3072": 1793, "RSA_4096": 2374,
	}
	for _, spec := range pairSpecs {
		key, public, err := sharedSoft.MakePair(t.Context(), singleKey, spec)
		if err != nil {
			t.Errorf("%s: %v", spec, err)
			continue
		}
		if p, err := pubkey.Parse(public); err != nil || p.Spec() != spec {
			t.Errorf("%s: got public key %v, %v", spec, p, err)
		}
		slack := 0
		if spec[:3] == "RSA" {
			slack = 6
		}
		if n := len(key); n < private[spec]-slack || n > private[spec]+slack {
			t.Errorf("%s: got %d bytes, want %d", spec, n, private[spec])
		}
	}
}

// TestPairsOpenInTheStandardLibrary: for the others see TestInterop.
func TestPairsOpenInTheStandardLibrary(t *testing.T) {
	for _, spec := range []string{"RSA_2048", "ECC_NIST_P256", "ECC_NIST_P384", "ECC_NIST_P521", "ECC_NIST_EDWARDS25519"} {
		key, public, err := sharedSoft.MakePair(t.Context(), singleKey, spec)
		if err != nil {
			t.Fatal(err)
		}
		k, err := x509.ParsePKCS8PrivateKey(key)
		if err != nil {
			t.Errorf("%s: %v", spec, err)
			continue
		}
		got, err := x509.MarshalPKIXPublicKey(k.(crypto.Signer).Public())
		if err != nil || !bytes.Equal(got, public) {
			t.Errorf("%s: got public key %x, %v, want %x", spec, public, err, got)
		}
	}
}

// TestPairsAreNeverTheSame: nor do they come from what was made before.
func TestPairsAreNeverTheSame(t *testing.T) {
	for _, spec := range pairSpecs[3:] {
		one, _, err := sharedSoft.MakePair(t.Context(), singleKey, spec)
		if err != nil {
			t.Fatal(err)
		}
		other, _, err := sharedSoft.MakePair(t.Context(), singleKey, spec)
		if err != nil || bytes.Equal(one, other) {
			t.Errorf("%s: got the same pair twice, %v", spec, err)
		}
	}
}

func TestPairsThatAreNotMade(t *testing.T) {
	for _, spec := range []string{"ML_DSA_44", "ML_DSA_65", "ML_DSA_87", "HMAC_256", symmetric, "RSA_1024", ""} {
		if private, _, err := sharedSoft.MakePair(t.Context(), singleKey, spec); !errors.Is(err, custody.ErrBadMaterial) {
			t.Errorf("%s: got %d bytes, %v, want ErrBadMaterial", spec, len(private), err)
		}
	}
}

// TestECPairsNameTheirCurve: inside as well, with the public key (operations.md §7.5).
func TestECPairsNameTheirCurve(t *testing.T) {
	for spec, oid := range oids {
		key, public, err := sharedSoft.MakePair(t.Context(), singleKey, spec)
		if err != nil {
			t.Fatal(err)
		}
		var k sec1
		if rest, err := asn1.Unmarshal(inner(t, key), &k); err != nil || len(rest) > 0 {
			t.Fatalf("%s: %x, %v", spec, rest, err)
		}
		if !k.Parameters.Equal(oid) || !bytes.HasSuffix(public, k.Public.Bytes) || len(k.Public.Bytes) == 0 {
			t.Errorf("%s: got curve %v, point %x, want %v and the point of %x", spec, k.Parameters, k.Public.Bytes, oid, public)
		}
	}
}

// TestWaitingForAnRSAKeyEnds: with the context. Others are made meanwhile: they do not wait.
func TestWaitingForAnRSAKeyEnds(t *testing.T) {
	s := soft.New(newDrawer(), idKey, nil)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := s.Make(ctx, singleKey, "RSA_2048", nil); !errors.Is(err, context.Canceled) {
		t.Errorf("Make: got %v, want context.Canceled", err)
	}
	if _, _, err := s.MakePair(ctx, singleKey, "RSA_4096"); !errors.Is(err, context.Canceled) {
		t.Errorf("MakePair: got %v, want context.Canceled", err)
	}
	if _, err := s.Make(ctx, singleKey, "ECC_NIST_P256", nil); err != nil {
		t.Errorf("P-256: got %v, want a key: it takes no time", err)
	}
}
