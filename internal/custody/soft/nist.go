package soft

import (
	"crypto/ecdh"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"

	"qkms/internal/custody"
	"qkms/internal/pubkey"
)

var (
	p256 = nistCurve("\x06\x08\x2a\x86\x48\xce\x3d\x03\x01\x07", elliptic.P256())
	p384 = nistCurve("\x06\x05\x2b\x81\x04\x00\x22", elliptic.P384())
	p521 = nistCurve("\x06\x05\x2b\x81\x04\x00\x23", elliptic.P521())
)

// nistKey is one private key under both libraries' types.
type nistKey struct {
	signer *ecdsa.PrivateKey
	agrees *ecdh.PrivateKey
}

func nistCurve(oid string, c elliptic.Curve) *curve {
	return &curve{
		oid:  oid,
		size: (c.Params().BitSize + 7) / 8,
		slow: c != elliptic.P256(), // there is no assembly for the others
		generate: func() ([]byte, error) {
			k, err := ecdsa.GenerateKey(c, rand.Reader)
			if err != nil {
				return nil, err
			}
			return k.Bytes()
		},
		decode: func(scalar []byte) (privateKey, error) {
			k, err := ecdsa.ParseRawPrivateKey(c, scalar) // 1 ≤ d < n, in full length
			if err != nil {
				return nil, err
			}
			e, err := k.ECDH()
			return nistKey{k, e}, err
		},
	}
}

func (k nistKey) public() []byte { return k.agrees.PublicKey().Bytes() }

func (k nistKey) sign(algorithm string, kind pubkey.MessageKind, message []byte) ([]byte, error) {
	_, digest := pubkey.Hashed(algorithm, kind, message)
	return ecdsa.SignASN1(rand.Reader, k.signer, digest)
}

func (k nistKey) agree(peer []byte) ([]byte, error) {
	p, err := k.agrees.Curve().NewPublicKey(peer)
	if err != nil {
		return nil, custody.ErrBadPeer
	}
	return k.agrees.ECDH(p) // the x-coordinate (SEC 1 §3.3.1)
}
