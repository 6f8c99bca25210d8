package soft

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"crypto/sha512"
	"fmt"
	"hash"

	"qkms/internal/custody"
	"qkms/internal/pubkey"
)

// What a decoded private key can do. Each refuses algorithms that are not its own.
type (
	signing interface {
		sign(algorithm string, kind pubkey.MessageKind, message []byte) ([]byte, error) // checked before
	}
	agreeing interface {
		agree(point []byte) ([]byte, error)
	}
	decapsulating interface {
		ciphertextSize() int
		decapsulate(ciphertext []byte) ([]byte, error) // of that size
	}
	decrypting interface {
		decrypt(algorithm string, ciphertext []byte) ([]byte, error)
	}
)

// privateKeyOf returns ref's decoded key with its spec. The cache entry is not held while a key works:
// there are no bytes to keep from being wiped, and an RSA signature takes long enough that everybody who
// waits for a drop would notice.
func privateKeyOf[K any](ctx context.Context, s *Soft, ref custody.Ref) (key K, spec string, err error) {
	held, err := s.cache.hold(ctx, ref)
	if err != nil {
		return key, "", err
	}
	defer held.release()
	spec = held.key.spec
	if held.key.key != nil {
		if k, ok := held.key.key().(K); ok {
			return k, spec, nil
		}
	}
	return key, spec, fmt.Errorf("under %s: %w", spec, custody.ErrAlgorithm)
}

// Sign implements custody.Signer.
func (s *Soft) Sign(ctx context.Context, ref custody.Ref, algorithm string, kind pubkey.MessageKind, message []byte) ([]byte, error) {
	k, spec, err := privateKeyOf[signing](ctx, s, ref)
	if err != nil {
		return nil, fmt.Errorf("sign: %w", err)
	}
	if err := pubkey.CheckMessage(spec, algorithm, kind, len(message)); err != nil {
		return nil, fmt.Errorf("sign: %w", err)
	}
	signature, err := use(ctx, s, ref, spec, k, func(k signing) ([]byte, error) { return k.sign(algorithm, kind, message) })
	if err != nil {
		return nil, fmt.Errorf("sign: %w", err)
	}
	return signature, nil
}

// Agree implements custody.Agreer.
func (s *Soft) Agree(ctx context.Context, ref custody.Ref, peer []byte) ([]byte, error) {
	k, spec, err := privateKeyOf[agreeing](ctx, s, ref)
	if err != nil {
		return nil, fmt.Errorf("agree: %w", err)
	}
	p, err := pubkey.Parse(peer)
	switch {
	case err != nil:
		return nil, fmt.Errorf("agree: %w: %w", custody.ErrBadPeer, err)
	case p.Spec() != spec:
		return nil, fmt.Errorf("agree: %w: %s with %s", custody.ErrBadPeer, p.Spec(), spec)
	}
	secret, err := use(ctx, s, ref, spec, k, func(k agreeing) ([]byte, error) { return k.agree(p.Bytes()) })
	if err != nil {
		return nil, fmt.Errorf("agree: %w", err)
	}
	return secret, nil
}

// Decapsulate implements custody.Decapsulator.
func (s *Soft) Decapsulate(ctx context.Context, ref custody.Ref, ciphertext []byte) ([]byte, error) {
	k, _, err := privateKeyOf[decapsulating](ctx, s, ref)
	if err != nil {
		return nil, fmt.Errorf("decapsulate: %w", err)
	}
	if len(ciphertext) != k.ciphertextSize() {
		return nil, fmt.Errorf("decapsulate: %w: %d bytes, not %d", custody.ErrCiphertextSize, len(ciphertext), k.ciphertextSize())
	}
	secret, err := k.decapsulate(ciphertext)
	if err != nil {
		return nil, fmt.Errorf("decapsulate: %w", err)
	}
	return secret, nil
}

// Decrypt implements custody.Decrypter.
func (s *Soft) Decrypt(ctx context.Context, ref custody.Ref, algorithm string, ciphertext []byte) ([]byte, error) {
	k, spec, err := privateKeyOf[decrypting](ctx, s, ref)
	if err != nil {
		return nil, fmt.Errorf("decrypt: %w", err)
	}
	plaintext, err := use(ctx, s, ref, spec, k, func(k decrypting) ([]byte, error) { return k.decrypt(algorithm, ciphertext) })
	if err != nil {
		return nil, fmt.Errorf("decrypt: %w", err)
	}
	return plaintext, nil
}

// macs holds the one algorithm of each HMAC spec (operations.md §7.2).
var macs = map[string]struct {
	algorithm string
	hash      func() hash.Hash
}{
	"HMAC_224": {"HMAC_SHA_224", sha256.New224},
	"HMAC_256": {"HMAC_SHA_256", sha256.New},
	"HMAC_384": {"HMAC_SHA_384", sha512.New384},
	"HMAC_512": {"HMAC_SHA_512", sha512.New},
}

// MAC implements custody.MACer.
func (s *Soft) MAC(ctx context.Context, ref custody.Ref, algorithm string, message []byte) ([]byte, error) {
	held, err := s.cache.hold(ctx, ref)
	if err != nil {
		return nil, fmt.Errorf("mac: %w", err)
	}
	defer held.release()
	m, ok := macs[held.key.spec]
	if !ok || m.algorithm != algorithm {
		return nil, fmt.Errorf("mac: %q under %s: %w", algorithm, held.key.spec, custody.ErrAlgorithm)
	}
	h := hmac.New(m.hash, held.key.bytes())
	h.Write(message)
	return h.Sum(nil), nil
}
