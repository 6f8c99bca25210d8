package pubkey

import (
	"crypto/mlkem"
	"errors"

	"github.com/cloudflare/circl/kem/mlkem/mlkem512"
)

// The encapsulation keys are checked when they are parsed: their size, and that every coefficient is
// below q (FIPS 203 §7.2).

type mlkem768Key struct{ *mlkem.EncapsulationKey768 }

func parseMLKEM768(bits []byte) (any, error) {
	k, err := mlkem.NewEncapsulationKey768(bits)
	if err != nil {
		return nil, bad("ML-KEM-768", err)
	}
	return mlkem768Key{k}, nil
}

func (k mlkem768Key) encapsulate() (secret, ciphertext []byte) { return k.Encapsulate() }

type mlkem1024Key struct{ *mlkem.EncapsulationKey1024 }

func parseMLKEM1024(bits []byte) (any, error) {
	k, err := mlkem.NewEncapsulationKey1024(bits)
	if err != nil {
		return nil, bad("ML-KEM-1024", err)
	}
	return mlkem1024Key{k}, nil
}

func (k mlkem1024Key) encapsulate() (secret, ciphertext []byte) { return k.Encapsulate() }

// ML-KEM-512 is not in the standard library (docs/decisions/0006-ml-dsa.md).
type mlkem512Key struct{ *mlkem512.PublicKey }

func parseMLKEM512(bits []byte) (any, error) {
	if len(bits) != mlkem512.PublicKeySize { // the library would panic
		return nil, bad("ML-KEM-512", errors.New("not 800 bytes"))
	}
	k := new(mlkem512.PublicKey)
	if err := k.Unpack(bits); err != nil {
		return nil, bad("ML-KEM-512", err)
	}
	return mlkem512Key{k}, nil
}

func (k mlkem512Key) encapsulate() (secret, ciphertext []byte) {
	secret, ciphertext = make([]byte, mlkem512.SharedKeySize), make([]byte, mlkem512.CiphertextSize)
	k.EncapsulateTo(ciphertext, secret, nil) // nil: random, from crypto/rand
	return secret, ciphertext
}
