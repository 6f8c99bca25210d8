package pubkey

import (
	"crypto/ecdsa"
	"crypto/rand"
	"errors"

	"github.com/emmansun/gmsm/sm2"
)

type sm2Key struct{ *ecdsa.PublicKey }

func parseSM2(point []byte) (any, error) {
	if len(point) != 65 || point[0] != uncompressed {
		return nil, bad("SM2", errors.New("not an uncompressed point"))
	}
	k, err := sm2.NewPublicKey(point) // on the curve
	if err != nil {
		return nil, bad("SM2", err)
	}
	return sm2Key{k}, nil
}

// SM2Digest returns what SM2DSA signs for a message that passed CheckMessage: SM3(Z ‖ message), where
// Z holds the signer's id, 1234567812345678 when there was no agreement on another (GM/T 0009 §10),
// and the public key; or the message itself, if it is that digest.
func SM2Digest(k *ecdsa.PublicKey, kind MessageKind, message []byte) ([]byte, error) {
	if kind == Digest {
		return message, nil
	}
	return sm2.CalculateSM2Hash(k, message, nil)
}

func (k sm2Key) verify(_ string, kind MessageKind, message, signature []byte) bool {
	digest, err := SM2Digest(k.PublicKey, kind, message)
	return err == nil && sm2.VerifyASN1(k.PublicKey, digest, signature)
}

func (k sm2Key) encrypt(_ string, plaintext []byte) ([]byte, error) {
	return sm2.EncryptASN1(rand.Reader, k.PublicKey, plaintext)
}
