package soft

import (
	"crypto/rand"

	"github.com/emmansun/gmsm/ecdh"
	"github.com/emmansun/gmsm/sm2"

	"qkms/internal/custody"
	"qkms/internal/pubkey"
)

var sm2curve = &curve{
	oid:  "\x06\x08\x2a\x81\x1c\xcf\x55\x01\x82\x2d",
	size: 32,
	generate: func() ([]byte, error) {
		k, err := ecdh.P256().GenerateKey(rand.Reader)
		if err != nil {
			return nil, err
		}
		return k.Bytes(), nil
	},
	decode: func(scalar []byte) (privateKey, error) {
		agrees, err := ecdh.P256().NewPrivateKey(scalar)
		if err != nil {
			return nil, err
		}
		k, err := sm2.NewPrivateKey(scalar) // 1 ≤ d ≤ n-2 (GB/T 32918.1 §6.1)
		return sm2Key{k, agrees}, err
	},
}

// sm2Key is one private key under both of the library's types.
type sm2Key struct {
	signer *sm2.PrivateKey
	agrees *ecdh.PrivateKey
}

func (k sm2Key) public() []byte { return k.agrees.PublicKey().Bytes() }

func (k sm2Key) sign(_ string, kind pubkey.MessageKind, message []byte) ([]byte, error) {
	digest, err := pubkey.SM2Digest(&k.signer.PublicKey, kind, message)
	if err != nil {
		return nil, err
	}
	return k.signer.Sign(rand.Reader, digest, nil)
}

func (k sm2Key) agree(peer []byte) ([]byte, error) {
	p, err := ecdh.P256().NewPublicKey(peer)
	if err != nil {
		return nil, custody.ErrBadPeer
	}
	return k.agrees.ECDH(p) // the x-coordinate
}

// decrypt takes ASN.1 only (GM/T 0009 §7.2): the library would guess other forms from the first byte.
func (k sm2Key) decrypt(algorithm string, ciphertext []byte) ([]byte, error) {
	const sequence = 0x30
	if algorithm != "SM2PKE" {
		return nil, custody.ErrAlgorithm
	}
	if len(ciphertext) == 0 || ciphertext[0] != sequence {
		return nil, custody.ErrWrongCiphertext
	}
	plaintext, err := k.signer.Decrypt(nil, ciphertext, sm2.ASN1DecrypterOpts)
	if err != nil {
		return nil, custody.ErrWrongCiphertext
	}
	return plaintext, nil
}
