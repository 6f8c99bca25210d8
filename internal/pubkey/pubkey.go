// Package pubkey is what anybody can do who has the public key of a KMS key.
//
// Start with Parse, or with Verify, Encrypt and Encapsulate, which parse for one use. Keys are named
// by the KeySpec of the API and computations by its algorithm names. Nothing here is secret but the
// plaintexts and shared secrets that go through; who holds private keys is custody.
package pubkey

import (
	"errors"
	"fmt"
)

// The errors that a caller branches on; what is returned wraps them.
var (
	// ErrBadKey is returned for bytes that are not the SubjectPublicKeyInfo, as this package encodes
	// it, of a key of any KeySpec: malformed, followed by more, on another curve or on none.
	ErrBadKey = errors.New("pubkey: not a public key")

	// ErrAlgorithm is returned when keys of the spec do not do the algorithm.
	ErrAlgorithm = errors.New("pubkey: algorithm is not one of the key's")

	// ErrKindForSpec is returned when no algorithm of the key's spec takes messages of the kind.
	ErrKindForSpec = errors.New("pubkey: message type is incompatible with the key spec")

	// ErrKindForAlgorithm is returned when the key's spec takes messages of the kind and the
	// algorithm does not.
	ErrKindForAlgorithm = errors.New("pubkey: message type is incompatible with the algorithm")

	// ErrDigestSize is returned for a message of kind Digest that is not as long as the algorithm's
	// digests.
	ErrDigestSize = errors.New("pubkey: digest is of the wrong size")

	// ErrMuSize is returned for a message of kind ExternalMu that is not 64 bytes.
	ErrMuSize = errors.New("pubkey: external μ is not 64 bytes")

	// ErrBadSignature is returned for a signature that this key has not made of this message.
	ErrBadSignature = errors.New("pubkey: signature does not verify")

	// ErrPlaintextSize is returned for a plaintext that is empty where that cannot be encrypted, or
	// longer than MaxPlaintext.
	ErrPlaintextSize = errors.New("pubkey: plaintext is of a wrong size")
)

// A Key is a public key that was parsed. Its methods may be called concurrently.
type Key struct {
	spec string
	bits []byte // of the subjectPublicKey
	of   any    // a verifier, an encrypter, an encapsulator or more than one of them
}

// What a public key can do, apart from its limits, which Key has checked.
type (
	verifier interface {
		verify(algorithm string, kind MessageKind, message, signature []byte) bool
	}
	encrypter interface {
		encrypt(algorithm string, plaintext []byte) ([]byte, error)
	}
	encapsulator interface {
		encapsulate() (secret, ciphertext []byte)
	}
)

// Spec is the key's KeySpec.
func (k *Key) Spec() string { return k.spec }

// Bytes is the content of the subjectPublicKey BIT STRING, which the caller does not write to: a
// PKCS #1 RSAPublicKey, an uncompressed point, or a raw public key.
func (k *Key) Bytes() []byte { return k.bits }

// Verify returns nil if signature is one that the private key makes of message, ErrBadSignature if it
// is not, and what CheckMessage returns for a message that cannot be signed.
func (k *Key) Verify(algorithm string, kind MessageKind, message, signature []byte) error {
	if err := CheckMessage(k.spec, algorithm, kind, len(message)); err != nil {
		return err
	}
	if !k.of.(verifier).verify(algorithm, kind, message, signature) { // since spec has algorithms
		return fmt.Errorf("%s: %w", algorithm, ErrBadSignature)
	}
	return nil
}

// Encrypt returns a ciphertext of plaintext: as long as the modulus under RSA, ASN.1 DER under SM2.
func (k *Key) Encrypt(algorithm string, plaintext []byte) ([]byte, error) {
	most := MaxPlaintext(k.spec, algorithm)
	if most == 0 {
		return nil, fmt.Errorf("%s under %s: %w", algorithm, k.spec, ErrAlgorithm)
	}
	// SM2 encryption of nothing is undefined (its key stream would be empty); the API sends at least
	// one byte, so nothing is refused under every key.
	if len(plaintext) == 0 || len(plaintext) > most {
		return nil, fmt.Errorf("%d bytes, %d at most: %w", len(plaintext), most, ErrPlaintextSize)
	}
	return k.of.(encrypter).encrypt(algorithm, plaintext) // since spec has a maximum
}

// Encapsulate returns a fresh shared secret of 32 bytes with the ciphertext that conveys it: ML-KEM.Encaps
// of FIPS 203 §7.2. It returns ErrAlgorithm for a key that is not of ML-KEM.
func (k *Key) Encapsulate() (secret, ciphertext []byte, err error) {
	e, ok := k.of.(encapsulator)
	if !ok {
		return nil, nil, fmt.Errorf("encapsulate under %s: %w", k.spec, ErrAlgorithm)
	}
	secret, ciphertext = e.encapsulate()
	return secret, ciphertext, nil
}

// Verify is Key.Verify of the key in spki.
func Verify(spki []byte, algorithm string, kind MessageKind, message, signature []byte) error {
	k, err := Parse(spki)
	if err != nil {
		return err
	}
	return k.Verify(algorithm, kind, message, signature)
}

// Encrypt is Key.Encrypt of the key in spki.
func Encrypt(spki []byte, algorithm string, plaintext []byte) ([]byte, error) {
	k, err := Parse(spki)
	if err != nil {
		return nil, err
	}
	return k.Encrypt(algorithm, plaintext)
}

// Encapsulate is Key.Encapsulate of the key in spki.
func Encapsulate(spki []byte) (secret, ciphertext []byte, err error) {
	k, err := Parse(spki)
	if err != nil {
		return nil, nil, err
	}
	return k.Encapsulate()
}
