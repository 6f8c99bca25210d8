package soft

import (
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"crypto/subtle"
	"fmt"

	"qkms/internal/blob"
	"qkms/internal/custody"
	"qkms/internal/kbkdf"
)

// messageLabel separates the keys of ciphertexts from all else that is ever derived from a material.
const messageLabel = "qkms ciphertext v1"

const encKeySize = 32 // AES-256

// messageKeys are the keys of one blob: K_enc ‖ K_com.
type messageKeys [encKeySize + blob.CommitmentSize]byte

func (k *messageKeys) enc() []byte        { return k[:encKeySize] }
func (k *messageKeys) commitment() []byte { return k[encKeySize:] }

// derive computes the keys of the blob that begins with head. The material is in use here and nowhere
// else, and only while its cache entry is held.
func (s *Soft) derive(ctx context.Context, keys *messageKeys, ref custody.Ref, head []byte) error {
	held, err := s.cache.hold(ctx, ref)
	if err != nil {
		return err
	}
	defer held.release()
	if held.key.spec != symmetric { // its bytes are for another algorithm
		return fmt.Errorf("%s: %w", held.key.spec, custody.ErrAlgorithm)
	}
	kbkdf.Fill(keys[:], held.key.bytes(), messageLabel, head)
	return nil
}

// Seal implements custody.Sealer.
func (s *Soft) Seal(ctx context.Context, ref custody.Ref, plaintext []byte, encryptionContext map[string]string) ([]byte, error) {
	if len(plaintext) > blob.MaxSize-blob.Overhead {
		return nil, fmt.Errorf("seal: plaintext of %d bytes does not fit a blob", len(plaintext))
	}
	size := blob.Overhead + len(plaintext)
	room := make([]byte, size+blob.AADSize(encryptionContext)) // for the blob and, behind it, what it authenticates
	out, err := appendHeader(room[:0:size], ref)
	if err != nil {
		return nil, fmt.Errorf("seal: %w", err)
	}
	var keys messageKeys
	defer clear(keys[:])
	if err := s.derive(ctx, &keys, ref, out); err != nil {
		return nil, fmt.Errorf("seal: %w", err)
	}
	out = append(out, keys.commitment()...)
	aad := blob.AppendAAD(room[size:size], out, encryptionContext)
	return newBox(keys.enc()).Seal(out, nil, plaintext, aad), nil
}

// appendHeader appends a header with fresh random bytes.
func appendHeader(dst []byte, ref custody.Ref) ([]byte, error) {
	short, err := blob.Short(ref.MaterialID)
	if err != nil {
		return nil, err
	}
	h := blob.Header{KeyID: ref.KeyID, MaterialID: short}
	_, _ = rand.Read(h.Random[:]) // never fails: it ends the program instead
	return h.Append(dst)
}

// Open implements custody.Sealer.
func (s *Soft) Open(ctx context.Context, ref custody.Ref, ciphertext []byte, encryptionContext map[string]string) ([]byte, error) {
	b, err := blob.Parse(ciphertext)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", custody.ErrWrongCiphertext, err)
	}
	short, err := blob.Short(ref.MaterialID)
	if err != nil {
		return nil, fmt.Errorf("open: %w", err)
	}
	// The header is compared with ref although it is authenticated: the same bytes imported under two
	// keys would otherwise open each other's blobs, past the policy of the key that sealed them.
	if b.KeyID() != ref.KeyID || b.MaterialID() != short {
		return nil, fmt.Errorf("%w: made for another key", custody.ErrWrongCiphertext)
	}
	var keys messageKeys
	defer clear(keys[:])
	if err := s.derive(ctx, &keys, ref, b.Head()); err != nil {
		return nil, fmt.Errorf("open: %w", err)
	}
	return openBox(&keys, b, encryptionContext)
}

// openBox checks the commitment, then opens the box. GCM alone does not commit: whoever knows two
// keys can make one box that opens under both, to different plaintexts.
func openBox(keys *messageKeys, b blob.Blob, encryptionContext map[string]string) ([]byte, error) {
	if subtle.ConstantTimeCompare(keys.commitment(), b.Commitment()) != 1 {
		return nil, fmt.Errorf("%w: commitment differs", custody.ErrWrongCiphertext)
	}
	plaintext, err := newBox(keys.enc()).Open(nil, nil, b.Box(), blob.AAD(b.Prefix(), encryptionContext))
	if err != nil {
		return nil, fmt.Errorf("%w: not authentic", custody.ErrWrongCiphertext)
	}
	return plaintext, nil
}

// newBox returns AES-256-GCM under the key of one message. The nonce is random and stands in front of
// the box; with a key of its own per message the limit of 2³² messages (SP 800-38D §8.3) is never near.
func newBox(key []byte) cipher.AEAD {
	block, err := aes.NewCipher(key)
	if err != nil {
		panic("soft: internal error: " + err.Error()) // the key is 32 bytes by construction
	}
	box, err := cipher.NewGCMWithRandomNonce(block)
	if err != nil {
		panic("soft: internal error: " + err.Error()) // block is from aes.NewCipher
	}
	return box
}
