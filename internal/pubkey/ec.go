package pubkey

import (
	"crypto"
	"crypto/ecdh"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"errors"

	"github.com/decred/dcrd/dcrec/secp256k1/v4"
	k1ecdsa "github.com/decred/dcrd/dcrec/secp256k1/v4/ecdsa"
)

type nistKey struct{ *ecdsa.PublicKey }

// parseNIST takes uncompressed points only. Both libraries check that a point is on the curve and not
// at infinity; the cofactor is 1, so there are no points of low order.
func parseNIST(curve elliptic.Curve, exchange ecdh.Curve) func([]byte) (any, error) {
	return func(point []byte) (any, error) {
		if _, err := exchange.NewPublicKey(point); err != nil {
			return nil, bad(curve.Params().Name, err)
		}
		k, err := ecdsa.ParseUncompressedPublicKey(curve, point)
		if err != nil {
			return nil, bad(curve.Params().Name, err)
		}
		return nistKey{k}, nil
	}
}

func (k nistKey) verify(algorithm string, kind MessageKind, message, signature []byte) bool {
	_, digest := Hashed(algorithm, kind, message)
	return ecdsa.VerifyASN1(k.PublicKey, digest, signature)
}

type secgKey struct{ *secp256k1.PublicKey }

const uncompressed = 4 // SEC 1 §2.3.3

// parseSECG refuses the compressed and hybrid points that the library would take.
func parseSECG(point []byte) (any, error) {
	if len(point) != 65 || point[0] != uncompressed {
		return nil, bad("secp256k1", errors.New("not an uncompressed point"))
	}
	k, err := secp256k1.ParsePubKey(point)
	if err != nil {
		return nil, bad("secp256k1", err)
	}
	return secgKey{k}, nil
}

// verify takes any s in [1, n-1]: the rule of Bitcoin that s is at most n/2 is not one of ECDSA, and
// not one of the API (operations.md §7.5).
func (k secgKey) verify(algorithm string, kind MessageKind, message, signature []byte) bool {
	_, digest := Hashed(algorithm, kind, message)
	s, err := k1ecdsa.ParseDERSignature(signature)
	return err == nil && s.Verify(digest, k.PublicKey)
}

type edKey struct{ ed25519.PublicKey }

// parseEd25519 takes any 32 bytes, as RFC 8410 does: what is no point is a key that verifies nothing.
func parseEd25519(bits []byte) (any, error) {
	if len(bits) != ed25519.PublicKeySize {
		return nil, bad("Ed25519", errors.New("not 32 bytes"))
	}
	return edKey{bits}, nil
}

// verify: the API hashes the digest it is given once more, so that a signature of Ed25519ph is one of
// SHA-512(digest) and not of the digest (operations.md §7.5).
func (k edKey) verify(algorithm string, _ MessageKind, message, signature []byte) bool {
	if algorithm == "ED25519_PH_SHA_512" {
		prehash := sum(crypto.SHA512, message)
		return ed25519.VerifyWithOptions(k.PublicKey, prehash, signature, &ed25519.Options{Hash: crypto.SHA512}) == nil
	}
	return ed25519.Verify(k.PublicKey, message, signature)
}
