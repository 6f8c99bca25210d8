package soft

import (
	"context"
	"crypto/rand"
	"crypto/x509"
	"errors"
	"fmt"
	"strings"

	"qkms/internal/custody"
	"qkms/internal/kbkdf"
	"qkms/internal/pubkey"
)

// wrappingLabel separates the seals of wrapping keys from all else that is derived under idKey.
// KeyMaterialIds are HMACs of what begins with a letter, KBKDF's of what begins with a counter.
const wrappingLabel = "qkms import wrapping key v1"

const wrappingSalt = 32

// WrappingKey implements custody.Importer.
func (s *Soft) WrappingKey(ctx context.Context, key custody.Ref, spec string) (public, private []byte, err error) {
	r := recipes[spec]
	if !strings.HasPrefix(spec, "RSA_") || r.generate == nil {
		return nil, nil, fmt.Errorf("wrapping key of %q: %w", spec, custody.ErrBadMaterial)
	}
	der, err := s.generate(ctx, key, spec)
	if err != nil {
		return nil, nil, fmt.Errorf("wrapping key of %s: %w", spec, err)
	}
	defer clear(der)
	k, err := r.decode(der)
	if err != nil {
		return nil, nil, fmt.Errorf("wrapping key of %s: %w", spec, err)
	}
	return pubkey.Encode(spec, k.public()), s.sealWrapping(key, der), nil
}

// sealWrapping returns salt ‖ box: AES-256-GCM under a key that KBKDF makes of the salt, for key alone.
func (s *Soft) sealWrapping(key custody.Ref, der []byte) []byte {
	salt := make([]byte, wrappingSalt)
	_, _ = rand.Read(salt) // never fails: it ends the program instead
	k := kbkdf.Counter(s.idKey.bytes(), wrappingLabel, salt, encKeySize)
	defer clear(k)
	return newBox(k).Seal(salt, nil, der, wrappingFor(key))
}

func (s *Soft) openWrapping(key custody.Ref, private []byte) (k rsaKey, err error) {
	if len(private) < wrappingSalt {
		return k, custody.ErrWrappingKey
	}
	secret := kbkdf.Counter(s.idKey.bytes(), wrappingLabel, private[:wrappingSalt], encKeySize)
	defer clear(secret)
	der, err := newBox(secret).Open(nil, nil, private[wrappingSalt:], wrappingFor(key))
	if err != nil {
		return k, custody.ErrWrappingKey
	}
	defer clear(der)
	parsed, err := x509.ParsePKCS1PrivateKey(der)
	if err != nil {
		return k, errors.New("wrapping key is sealed and no RSA key")
	}
	return rsaKey{parsed}, nil
}

// wrappingFor binds a seal to a key. None of the three contains a zero byte.
func wrappingFor(key custody.Ref) []byte {
	return []byte(key.Account + "\x00" + key.Region + "\x00" + key.KeyID)
}

// Import implements custody.Importer.
func (s *Soft) Import(ctx context.Context, key custody.Ref, spec, algorithm string, private, wrapped []byte) (custody.Made, error) {
	given, err := slowly(ctx, s.slow.Short, key, func() ([]byte, error) {
		k, err := s.openWrapping(key, private)
		if err != nil {
			return nil, err
		}
		return unwrap(k, algorithm, wrapped)
	})
	if err != nil {
		return custody.Made{}, fmt.Errorf("import: %w", err)
	}
	defer clear(given)
	made, err := s.Make(ctx, key, spec, given)
	if errors.Is(err, custody.ErrBadMaterial) {
		return custody.Made{}, fmt.Errorf("import: %w: %w", custody.ErrWrongCiphertext, err)
	}
	return made, err
}

// unwrap returns what was wrapped under k, never empty: Make would take that for a wish for random bytes.
func unwrap(k rsaKey, algorithm string, wrapped []byte) (given []byte, err error) {
	if hash, both := strings.CutPrefix(algorithm, "RSA_AES_KEY_WRAP_"); both {
		given, err = unwrapAES(k, "RSAES_OAEP_"+hash, wrapped)
	} else {
		given, err = k.decrypt(algorithm, wrapped)
	}
	if err == nil && len(given) == 0 {
		err = custody.ErrWrongCiphertext
	}
	return given, err
}

// unwrapAES opens CKM_RSA_AES_KEY_WRAP (PKCS #11 v3.0 §2.1.21): an AES-256 key under OAEP, as long as the
// modulus, and the material under that key.
//
// When the first half does not open the second is opened all the same, under a key nobody knows, so that
// both failures take their time: telling them apart would make this an oracle for OAEP.
func unwrapAES(k rsaKey, oaep string, wrapped []byte) ([]byte, error) {
	if len(wrapped) < k.Size() {
		return nil, custody.ErrWrongCiphertext
	}
	kek := randomBytes(encKeySize)()
	defer clear(kek)
	opened, err := k.decrypt(oaep, wrapped[:k.Size()])
	defer clear(opened)
	if errors.Is(err, custody.ErrAlgorithm) {
		return nil, err
	}
	good := err == nil && len(opened) == encKeySize
	if good {
		copy(kek, opened)
	}
	given, ok := unwrapKWP(kek, wrapped[k.Size():])
	if !good || !ok {
		clear(given)
		return nil, custody.ErrWrongCiphertext
	}
	return given, nil
}
