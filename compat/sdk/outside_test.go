package sdk_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	_ "crypto/sha512"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"math/big"
	"strings"
	"testing"

	"github.com/cloudflare/circl/sign/mldsa/mldsa44"
	"github.com/cloudflare/circl/sign/mldsa/mldsa65"
	"github.com/cloudflare/circl/sign/mldsa/mldsa87"
)

// What follows is cryptography as the owner of a public key does it, without KMS: the standard
// library's, and where it has none (ML-DSA, secp256k1) one that shares no line with the server's.

// An spki is a SubjectPublicKeyInfo (RFC 5280 §4.1.2.7).
type spki struct {
	Algorithm pkix.AlgorithmIdentifier
	Bits      asn1.BitString
}

func parseSPKI(t *testing.T, der []byte) (s spki) {
	t.Helper()
	if rest, err := asn1.Unmarshal(der, &s); err != nil || len(rest) > 0 {
		t.Fatalf("public key: got %v and %d bytes more, want one SubjectPublicKeyInfo: %x", err, len(rest), der)
	}
	return s
}

// digestBy is what DIGEST means for an algorithm that is named after its hash function.
func digestBy(algorithm string, message []byte) (crypto.Hash, []byte) {
	h := crypto.SHA256
	switch {
	case strings.HasSuffix(algorithm, "SHA_384"):
		h = crypto.SHA384
	case strings.HasSuffix(algorithm, "SHA_512"):
		h = crypto.SHA512
	}
	sum := h.New()
	sum.Write(message)
	return h, sum.Sum(nil)
}

// verifies says whether signature is one of message, given the public key as KMS hands it out.
func verifies(t *testing.T, der []byte, spec, algorithm string, message, signature []byte) bool {
	t.Helper()
	h, digest := digestBy(algorithm, message)
	s := parseSPKI(t, der)
	switch spec {
	case "ML_DSA_44":
		return verifiesMLDSA(t, new(mldsa44.PublicKey), mldsa44.Verify, s.Bits.Bytes, message, signature)
	case "ML_DSA_65":
		return verifiesMLDSA(t, new(mldsa65.PublicKey), mldsa65.Verify, s.Bits.Bytes, message, signature)
	case "ML_DSA_87":
		return verifiesMLDSA(t, new(mldsa87.PublicKey), mldsa87.Verify, s.Bits.Bytes, message, signature)
	case "ECC_SECG_P256K1":
		return verifiesSECG(s.Bits.Bytes, digest, signature)
	}
	parsed, err := x509.ParsePKIXPublicKey(der)
	if err != nil {
		t.Fatal(err)
	}
	switch k := parsed.(type) {
	case *rsa.PublicKey:
		if strings.Contains(algorithm, "PSS") { // the salt is as long as the digest (operations.md §7.5)
			return rsa.VerifyPSS(k, h, digest, signature, &rsa.PSSOptions{SaltLength: rsa.PSSSaltLengthEqualsHash}) == nil
		}
		return rsa.VerifyPKCS1v15(k, h, digest, signature) == nil
	case *ecdsa.PublicKey:
		return ecdsa.VerifyASN1(k, digest, signature)
	case ed25519.PublicKey:
		if algorithm == "ED25519_PH_SHA_512" {
			return ed25519.VerifyWithOptions(k, digest, signature, &ed25519.Options{Hash: crypto.SHA512}) == nil
		}
		return ed25519.Verify(k, message, signature)
	}
	t.Fatalf("public key: got %T", parsed)
	return false
}

func verifiesMLDSA[K interface{ UnmarshalBinary([]byte) error }](t *testing.T, k K, verify func(K, []byte, []byte, []byte) bool, bits, message, signature []byte) bool {
	t.Helper()
	if err := k.UnmarshalBinary(bits); err != nil {
		t.Fatal(err)
	}
	return verify(k, message, nil, signature)
}

// secp256k1 (SEC 2 §2.4.1), in affine coordinates and without care for time: for public keys alone.
var (
	secgP, secgN = hex("fffffffffffffffffffffffffffffffffffffffffffffffffffffffefffffc2f"), hex("fffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141")
	secgG        = &point{hex("79be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798"), hex("483ada7726a3c4655da4fbfc0e1108a8fd17b448a68554199c47d08ffb10d4b8")}
)

func hex(s string) *big.Int {
	n, _ := new(big.Int).SetString(s, 16)
	return n
}

// A point of the curve; nil is the one at infinity.
type point struct{ x, y *big.Int }

func (p *point) plus(q *point) *point {
	switch {
	case p == nil:
		return q
	case q == nil:
		return p
	}
	slope := new(big.Int)
	if p.x.Cmp(q.x) != 0 {
		slope.ModInverse(new(big.Int).Mod(new(big.Int).Sub(q.x, p.x), secgP), secgP)
		slope.Mul(slope, new(big.Int).Sub(q.y, p.y))
	} else if p.y.Cmp(q.y) == 0 {
		slope.ModInverse(new(big.Int).Lsh(p.y, 1), secgP)
		slope.Mul(slope, new(big.Int).Mul(big.NewInt(3), new(big.Int).Mul(p.x, p.x)))
	} else {
		return nil
	}
	x := new(big.Int).Mul(slope, slope)
	x.Mod(x.Sub(x, new(big.Int).Add(p.x, q.x)), secgP)
	y := new(big.Int).Mul(slope, new(big.Int).Sub(p.x, x))
	return &point{x, y.Mod(y.Sub(y, p.y), secgP)}
}

func (p *point) times(k *big.Int) (sum *point) {
	for i := k.BitLen() - 1; i >= 0; i-- {
		sum = sum.plus(sum)
		if k.Bit(i) == 1 {
			sum = sum.plus(p)
		}
	}
	return sum
}

// verifiesSECG is SEC 1 §4.1.4.
func verifiesSECG(uncompressed, digest, signature []byte) bool {
	var s struct{ R, S *big.Int }
	if rest, err := asn1.Unmarshal(signature, &s); err != nil || len(rest) > 0 || len(uncompressed) != 65 || s.S.Sign() <= 0 {
		return false
	}
	q := &point{new(big.Int).SetBytes(uncompressed[1:33]), new(big.Int).SetBytes(uncompressed[33:])}
	w := new(big.Int).ModInverse(s.S, secgN)
	u1 := new(big.Int).Mul(new(big.Int).SetBytes(digest), w)
	u2 := new(big.Int).Mul(s.R, w)
	sum := secgG.times(u1.Mod(u1, secgN)).plus(q.times(u2.Mod(u2, secgN)))
	return sum != nil && new(big.Int).Mod(sum.x, secgN).Cmp(s.R) == 0
}
