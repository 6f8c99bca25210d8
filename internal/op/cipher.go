package op

import (
	"context"
	"errors"

	"qkms/internal/blob"
	"qkms/internal/custody"
	"qkms/internal/fault"
	"qkms/internal/key"
	"qkms/internal/pubkey"
	"qkms/internal/wire/shape"
)

// What Encrypt, Decrypt and ReEncrypt have in common.

// seal encrypts under k, and says with which material where that has an id to see.
func (c *Call) seal(ctx context.Context, k *key.Key, algorithm shape.EncryptionAlgorithmSpec, plaintext []byte, encryptionContext map[string]string) (ciphertext []byte, material string, err error) {
	if err := encrypts(k, algorithm, encryptionContext); err != nil {
		return nil, "", err
	}
	if isAsymmetric(algorithm) {
		ciphertext, err = pubkey.Encrypt(k.PublicKey, string(algorithm), plaintext)
		if errors.Is(err, pubkey.ErrPlaintextSize) {
			err = fault.PlaintextTooLong(string(algorithm), k.Spec, pubkey.MaxPlaintext(k.Spec, string(algorithm)))
		}
		return ciphertext, "", err
	}
	ciphertext, err = c.Sealer.Seal(ctx, k.Material(), plaintext, encryptionContext)
	return ciphertext, k.CurrentMaterial, sealFault(err)
}

// open decrypts a ciphertext of k, and says which material did it where that has an id to see.
func (c *Call) open(ctx context.Context, k *key.Key, algorithm shape.EncryptionAlgorithmSpec, ciphertext []byte, encryptionContext map[string]string) (plaintext []byte, material string, err error) {
	if k.Spec != string(shape.KeySpecSymmetricDefault) && !isAsymmetric(algorithm) {
		return nil, "", fault.BadCiphertext() // the default algorithm under an asymmetric key (§8.2 [R])
	}
	if err := encrypts(k, algorithm, encryptionContext); err != nil {
		return nil, "", err
	}
	if isAsymmetric(algorithm) {
		plaintext, err = c.Decrypter.Decrypt(ctx, k.Material(), string(algorithm), ciphertext)
	} else {
		plaintext, material, err = c.openBlob(ctx, k, ciphertext, encryptionContext)
	}
	if errors.Is(err, custody.ErrWrongCiphertext) {
		return nil, "", fault.BadCiphertext().Because(err)
	}
	return plaintext, material, sealFault(err)
}

func (c *Call) openBlob(ctx context.Context, k *key.Key, ciphertext []byte, encryptionContext map[string]string) (plaintext []byte, material string, err error) {
	b, err := blob.Parse(ciphertext)
	if err != nil {
		return nil, "", fault.BadCiphertext().Because(err)
	}
	material, ok := version(k, b.MaterialID())
	if !ok {
		return nil, "", fault.BadCiphertext()
	}
	plaintext, err = c.Sealer.Open(ctx, k.MaterialVersion(material), ciphertext, encryptionContext)
	return plaintext, material, err
}

// version finds the material of k with the short id in a blob.
func version(k *key.Key, short blob.ShortID) (string, bool) {
	for _, v := range k.Versions {
		if s, err := blob.Short(v.Id); err == nil && s == short {
			return v.Id, true
		}
	}
	return "", false
}

// cipherNeed is the need of decrypting: the named key, or else the one the ciphertext names.
//
// A ciphertext that is none of ours is refused at once: there is nothing to ask authorization about,
// and the answer says no more than its sender knew.
func cipherNeed(action, id string, ciphertext []byte, algorithm shape.EncryptionAlgorithmSpec, encryptionContext map[string]string) ([]key.Need, error) {
	need := useWith(action, id, algorithm, encryptionContext)
	if id != "" {
		need[0].Decrypts = true
		return need, nil
	}
	if algorithm != "" && algorithm != shape.EncryptionAlgorithmSpecSymmetricDefault {
		return nil, fault.KeyIDRequired()
	}
	b, err := blob.Parse(ciphertext)
	if err != nil {
		return nil, fault.BadCiphertext().Because(err)
	}
	need[0].Cipher = b.KeyID()
	return need, nil
}

// sameKey refuses a ciphertext that names another key than the caller did. It comes before usage and
// state, so naming any other key, whatever it is, answers alike (§4.2 [R]).
//
// A ciphertext of an asymmetric algorithm names no key.
func sameKey(k *key.Key, ciphertext []byte, algorithm shape.EncryptionAlgorithmSpec, ignored bool) error {
	if ignored || isAsymmetric(algorithmOr(algorithm)) {
		return nil
	}
	b, err := blob.Parse(ciphertext)
	if err == nil && b.KeyID() != k.Id {
		return fault.WrongKey()
	}
	return nil // what does not parse fails when it is opened
}

// ignoresCiphertext says whether only authorization is asked for (operations.md §15), and refuses
// modifiers without DryRun and a missing ciphertext or key.
func ignoresCiphertext(dryRun bool, modifiers []shape.DryRunModifierType, ciphertext []byte, id string) (bool, error) {
	if len(modifiers) > 0 && !dryRun {
		return false, fault.ModifiersWithoutDryRun()
	}
	ignore := len(modifiers) > 0
	switch {
	case ignore && id == "":
		return false, fault.KeyIDRequired()
	case !ignore && len(ciphertext) == 0:
		return false, shape.Missing("ciphertextBlob")
	}
	return ignore, nil
}
