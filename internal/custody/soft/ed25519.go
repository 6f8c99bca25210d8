package soft

import (
	"crypto"
	"crypto/ed25519"
	"crypto/sha512"
	"errors"

	"golang.org/x/crypto/cryptobyte"
	"golang.org/x/crypto/cryptobyte/asn1"

	"qkms/internal/pubkey"
)

var edRecipe = recipe{
	generate: func() ([]byte, error) { return randomBytes(ed25519.SeedSize)(), nil },
	decode: func(seed []byte) (privateKey, error) {
		if len(seed) != ed25519.SeedSize {
			return nil, errors.New("seed is not 32 bytes")
		}
		return edKey{ed25519.NewKeyFromSeed(seed)}, nil
	},
	imports: func(key []byte) ([]byte, error) { // CurvePrivateKey of RFC 8410 §7
		in := cryptobyte.String(key)
		var seed cryptobyte.String
		if !in.ReadASN1(&seed, asn1.OCTET_STRING) || !in.Empty() {
			return nil, errors.New("not an Ed25519 private key")
		}
		return append([]byte(nil), seed...), nil
	},
	exports: func(seed, _ []byte) []byte {
		return append([]byte{tagOctets, ed25519.SeedSize}, seed...)
	},
}

type edKey struct{ ed25519.PrivateKey }

func (k edKey) public() []byte { return k.PrivateKey[ed25519.SeedSize:] }

// sign hashes what ED25519_PH_SHA_512 gets although it is a digest already (see pubkey).
func (k edKey) sign(algorithm string, _ pubkey.MessageKind, message []byte) ([]byte, error) {
	if algorithm == "ED25519_PH_SHA_512" {
		prehash := sha512.Sum512(message)
		return k.Sign(nil, prehash[:], &ed25519.Options{Hash: crypto.SHA512})
	}
	return ed25519.Sign(k.PrivateKey, message), nil
}
