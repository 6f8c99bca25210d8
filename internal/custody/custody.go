// Package custody declares what a holder of keys can do for the service.
//
// A holder implements whichever of the interfaces it can: this process (soft), later an HSM, another
// KMS, a quorum of parties. None of them returns key bytes, so nothing above custody can leak any.
// There is no implementation here; start with Sealer.
package custody

import (
	"context"
	"errors"

	"qkms/internal/store"
)

// A Ref names one material of one key. A multi-Region key and its replicas share KeyID and
// MaterialID, each under its own account and Region.
type Ref struct {
	Account    string // 12 digits
	Region     string
	KeyID      string // "8-4-4-4-12" lower-case hex digits, or "mrk-" and 32 of them
	MaterialID string // the KeyMaterialId: 64 lower-case hex digits
}

// A Sealer encrypts under symmetric materials. Its methods may be called concurrently. They return
// ErrNoMaterial when ref has none, and keep no argument.
type Sealer interface {
	// Seal returns a ciphertext blob (docs/formats/ciphertext.md) that Open turns back with an equal
	// encryption context; nil and empty are equal. It is at most 128 bytes longer than plaintext,
	// and a plaintext that would take it over 6144 bytes is an error: callers of the API may send
	// 4096, private keys of data key pairs stay below 2500. No two calls return the same blob.
	Seal(ctx context.Context, ref Ref, plaintext []byte, encryptionContext map[string]string) (blob []byte, err error)

	// Open returns the plaintext, which the caller owns and wipes. It returns ErrWrongCiphertext
	// for whatever Seal has not returned for the same material and context, down to the bit.
	Open(ctx context.Context, ref Ref, blob []byte, encryptionContext map[string]string) (plaintext []byte, err error)
}

// A Maker makes materials. Make may be called concurrently and stores nothing: the material exists
// once the returned Put is committed.
type Maker interface {
	// Make makes a material of the key spec for key, whose MaterialID is ignored, and returns its
	// KeyMaterialId with the sealed record to store. With given nil the material is random;
	// otherwise it is a copy of given, which stays the caller's to wipe. The same given bytes for
	// the same key id make the same id in every account and Region. ErrBadMaterial says that spec
	// is not one this holder makes or that given is no material of it.
	Make(ctx context.Context, key Ref, spec string, given []byte) (materialID string, record store.Put, err error)
}

// The errors that a caller branches on. Holders wrap them with what happened; none holds a secret.
var (
	// ErrWrongCiphertext is returned when a blob does not open. The caller of the API learns that
	// and no more, whatever the reason: InvalidCiphertextException without a message.
	ErrWrongCiphertext = errors.New("custody: ciphertext does not open")

	// ErrNoMaterial is returned when a Ref has no material: never made, deleted or expired.
	ErrNoMaterial = errors.New("custody: no such material")

	// ErrBadMaterial is returned when a material of the wanted spec cannot be made.
	ErrBadMaterial = errors.New("custody: no material of this spec")
)
