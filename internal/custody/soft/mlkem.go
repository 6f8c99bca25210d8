package soft

import (
	"crypto/mlkem"
	"errors"

	"github.com/cloudflare/circl/kem/mlkem/mlkem512"
)

// mlkemRecipe does not import; a pair's private key is its seed, d ‖ z of FIPS 203, as the [0] of
// RFC 9935 §6.
func mlkemRecipe(decode func(seed []byte) (privateKey, error)) recipe {
	return recipe{
		generate: func() ([]byte, error) { return randomBytes(mlkem.SeedSize)(), nil },
		decode:   decode,
		exports: func(seed, _ []byte) []byte {
			const contextSpecific0 = 0x80
			return append([]byte{contextSpecific0, mlkem.SeedSize}, seed...)
		},
	}
}

type mlkem768Key struct{ *mlkem.DecapsulationKey768 }

func decodeMLKEM768(seed []byte) (privateKey, error) {
	k, err := mlkem.NewDecapsulationKey768(seed)
	return mlkem768Key{k}, err
}

func (k mlkem768Key) public() []byte                                { return k.EncapsulationKey().Bytes() }
func (k mlkem768Key) ciphertextSize() int                           { return mlkem.CiphertextSize768 }
func (k mlkem768Key) decapsulate(ciphertext []byte) ([]byte, error) { return k.Decapsulate(ciphertext) }

type mlkem1024Key struct{ *mlkem.DecapsulationKey1024 }

func decodeMLKEM1024(seed []byte) (privateKey, error) {
	k, err := mlkem.NewDecapsulationKey1024(seed)
	return mlkem1024Key{k}, err
}

func (k mlkem1024Key) public() []byte      { return k.EncapsulationKey().Bytes() }
func (k mlkem1024Key) ciphertextSize() int { return mlkem.CiphertextSize1024 }
func (k mlkem1024Key) decapsulate(ciphertext []byte) ([]byte, error) {
	return k.Decapsulate(ciphertext)
}

// ML-KEM-512 is not in the standard library (docs/decisions/0006-ml-dsa.md).
type mlkem512Key struct {
	private *mlkem512.PrivateKey
	encaps  *mlkem512.PublicKey
}

func decodeMLKEM512(seed []byte) (privateKey, error) {
	if len(seed) != mlkem512.KeySeedSize { // the library would panic
		return nil, errors.New("seed is not 64 bytes")
	}
	public, private := mlkem512.NewKeyFromSeed(seed)
	return mlkem512Key{private, public}, nil
}

func (k mlkem512Key) public() []byte {
	b := make([]byte, mlkem512.PublicKeySize)
	k.encaps.Pack(b)
	return b
}

func (k mlkem512Key) ciphertextSize() int { return mlkem512.CiphertextSize }

func (k mlkem512Key) decapsulate(ciphertext []byte) ([]byte, error) {
	secret := make([]byte, mlkem512.SharedKeySize)
	k.private.DecapsulateTo(secret, ciphertext) // of ciphertextSize: the library would panic
	return secret, nil
}
