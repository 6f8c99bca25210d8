// Package custody declares what a holder of keys can do for the service.
//
// A holder implements whichever of the interfaces it can: this process (soft), later an HSM, another
// KMS, a quorum of parties. None of them returns key bytes, so nothing above custody can leak any.
// There is no implementation here; start with Sealer. What needs no private key is in pubkey.
package custody

import (
	"context"
	"errors"

	"qkms/internal/pubkey"
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
// once the returned Record is committed.
type Maker interface {
	// Make makes a material of the key spec for key, whose MaterialID is ignored. With given nil the
	// material is random; otherwise it is a copy of given, which stays the caller's to wipe: raw bytes
	// for symmetric and HMAC keys, PKCS #8 for the others (key-material spec §1.4). The same given key
	// for the same key id makes the same MaterialID in every account and Region, however it is
	// encoded. ErrBadMaterial says that spec is not one this holder makes or that given is no material
	// of it. Making an RSA key takes a second or more, and may wait for others: when ctx ends before
	// it has begun, that error is returned; when too many wait, ErrBusy.
	Make(ctx context.Context, key Ref, spec string, given []byte) (Made, error)

	// MakeShared makes one random material for all keys with key's id: one record for each of regions,
	// in their order, key's own Region being without meaning. Errors are those of Make.
	MakeShared(ctx context.Context, key Ref, spec string, regions []string) (materialID string, records []store.Put, err error)
}

// Made is what Make returns.
type Made struct {
	MaterialID string
	PublicKey  []byte    // DER SubjectPublicKeyInfo; nil for symmetric and HMAC keys
	Record     store.Put // the sealed material, to be committed with the key
}

// A Signer signs with asymmetric materials. Sign may be called concurrently.
type Signer interface {
	// Sign returns a signature of message by algorithm, encoded as the API does (operations.md §7.5). A
	// message that cannot be signed so is refused with what pubkey.CheckMessage returns. It returns
	// ErrNoMaterial when ref has none, and ErrBusy.
	Sign(ctx context.Context, ref Ref, algorithm string, kind pubkey.MessageKind, message []byte) (signature []byte, err error)
}

// A MACer computes MACs under HMAC materials. MAC may be called concurrently.
type MACer interface {
	// MAC returns the HMAC of message: 28, 32, 48 or 64 bytes, which whoever verifies compares in
	// constant time. It returns ErrAlgorithm when algorithm is not the one of the material's spec, and
	// ErrNoMaterial when ref has none.
	MAC(ctx context.Context, ref Ref, algorithm string, message []byte) ([]byte, error)
}

// An Agreer agrees on secrets by Diffie-Hellman on the NIST curves and SM2. Agree may be called
// concurrently.
type Agreer interface {
	// Agree returns the raw x-coordinate of the shared point, 32, 48 or 66 bytes, the caller's to wipe.
	// The peer's key is a DER SubjectPublicKeyInfo; ErrBadPeer says that it is no public key on the
	// curve of the material. It returns ErrAlgorithm for a material that does not agree,
	// ErrNoMaterial when ref has none, and ErrBusy.
	Agree(ctx context.Context, ref Ref, peer []byte) (secret []byte, err error)
}

// A Decapsulator opens what was encapsulated to ML-KEM materials. Decapsulate may be called
// concurrently.
type Decapsulator interface {
	// Decapsulate returns a shared secret of 32 bytes, the caller's to wipe. It returns
	// ErrCiphertextSize for a ciphertext that is not as long as those of the material's spec; any
	// other ciphertext opens, if need be to a secret that nobody knows (FIPS 203 §6.3). It returns
	// ErrAlgorithm for a material that is not of ML-KEM, and ErrNoMaterial when ref has none.
	Decapsulate(ctx context.Context, ref Ref, ciphertext []byte) (secret []byte, err error)
}

// A Decrypter decrypts with asymmetric materials. Decrypt may be called concurrently.
type Decrypter interface {
	// Decrypt returns the plaintext, the caller's to wipe. The algorithm is RSAES_OAEP_SHA_1 or
	// RSAES_OAEP_SHA_256, or SM2PKE with ciphertexts in ASN.1 DER. It returns ErrWrongCiphertext,
	// always alike, for whatever does not open; ErrAlgorithm when algorithm is not one of the
	// material's; ErrNoMaterial when ref has none; and ErrBusy.
	Decrypt(ctx context.Context, ref Ref, algorithm string, ciphertext []byte) (plaintext []byte, err error)
}

// A PairMaker makes key pairs that it does not keep. MakePair may be called concurrently.
type PairMaker interface {
	// MakePair returns a new key pair of spec: the private key as DER PKCS #8, the caller's to wipe,
	// and the public key as DER SubjectPublicKeyInfo. The specs are those of the API's
	// DataKeyPairSpec; others are ErrBadMaterial. It is made for whoever uses key, and has to do with it
	// only in that they wait in turn with others. For ctx and ErrBusy see Maker.
	MakePair(ctx context.Context, key Ref, spec string) (private, public []byte, err error)
}

// A Copier gives a replica of a multi-Region key the material of its primary. Copy may be called
// concurrently and stores nothing: the copy exists once the returned Put is committed. It returns
// ErrNoMaterial when from has none.
type Copier interface {
	Copy(ctx context.Context, from Ref, region string) (record store.Put, err error)
}

// An Importer takes in materials that were made elsewhere. Its methods may be called concurrently and store
// nothing.
type Importer interface {
	// WrappingKey makes a key pair of spec RSA_2048, RSA_3072 or RSA_4096 under which one may send a
	// material for key, whose MaterialID is ignored. The public key is a DER SubjectPublicKeyInfo. The
	// private key is sealed: Import of this holder opens it, for the same key, and nobody else. It takes
	// at most 2560 bytes and is kept nowhere, so the caller may hand it out. For ctx and ErrBusy see Maker.
	WrappingKey(ctx context.Context, key Ref, spec string) (public, private []byte, err error)

	// Import is Maker.Make with what is wrapped by algorithm (RSAES_OAEP_SHA_1, RSAES_OAEP_SHA_256,
	// RSA_AES_KEY_WRAP_SHA_1 or RSA_AES_KEY_WRAP_SHA_256) under the public key that came with private. It
	// returns ErrWrongCiphertext, always alike, for what does not unwrap or is no material of spec once
	// it is unwrapped; ErrWrappingKey for a private that is none of this holder's for key; and ErrBusy.
	Import(ctx context.Context, key Ref, spec, algorithm string, private, wrapped []byte) (Made, error)
}

// A Forgetter keeps copies of materials that it can drop. Forget may be called concurrently.
type Forgetter interface {
	// Forget drops the material from memory, if it is there; a later use looks for its record again.
	// Called between the commit that removes the record and the answer to whoever wanted it removed, it
	// makes sure that nothing is computed with the material once that answer has left.
	Forget(ref Ref)
}

// The errors that a caller branches on. Holders wrap them with what happened; none holds a secret.
var (
	// ErrWrongCiphertext is returned when a blob does not open. The caller of the API learns that
	// and no more, whatever the reason: InvalidCiphertextException without a message.
	ErrWrongCiphertext = errors.New("custody: ciphertext does not open")

	// ErrWrappingKey is returned for a sealed wrapping key that does not open for the key at hand.
	ErrWrappingKey = errors.New("custody: no such wrapping key")

	// ErrNoMaterial is returned when a Ref has no material: never made, deleted or expired.
	ErrNoMaterial = errors.New("custody: no such material")

	// ErrBusy is returned when too many computations that take long wait already, or this one has waited
	// for too long. Nothing was computed; a later try may succeed.
	ErrBusy = errors.New("custody: too many computations wait")

	// ErrBadMaterial is returned when a material of the wanted spec cannot be made.
	ErrBadMaterial = errors.New("custody: no material of this spec")

	// ErrAlgorithm is returned when the material does not do what is asked of it.
	ErrAlgorithm = pubkey.ErrAlgorithm

	// ErrBadPeer is returned when the other side of a key agreement has no key on our curve.
	ErrBadPeer = errors.New("custody: no public key to agree with")

	// ErrCiphertextSize is returned when a ciphertext is not as long as all those of the material.
	ErrCiphertextSize = errors.New("custody: ciphertext is of the wrong size")
)
