package soft

import (
	"errors"

	"github.com/decred/dcrd/dcrec/secp256k1/v4"
	"github.com/decred/dcrd/dcrec/secp256k1/v4/ecdsa"

	"qkms/internal/pubkey"
)

var secg = &curve{
	oid:  "\x06\x05\x2b\x81\x04\x00\x0a",
	size: secp256k1.PrivKeyBytesLen,
	generate: func() ([]byte, error) {
		d := randomScalar().Bytes()
		return d[:], nil
	},
	decode: func(scalar []byte) (privateKey, error) {
		var d secp256k1.ModNScalar
		if len(scalar) != secp256k1.PrivKeyBytesLen || d.SetByteSlice(scalar) || d.IsZero() {
			return nil, errNotEC // not 1 ≤ d < n
		}
		return secgKey{&d, baseMult(&d)}, nil
	},
}

// secgKey signs on secp256k1 with the arithmetic of a library whose own signer we cannot use: it makes
// the same signature every time, which the API does not (operations.md §7.5).
//
// The library multiplies points and inverts in times that depend on the scalars. A few bits of each
// nonce are enough to find the private key (Howgrave-Graham and Smart), so secret scalars go into those
// two functions blinded only: as a random sum, or times a random factor.
type secgKey struct {
	d *secp256k1.ModNScalar
	q secp256k1.JacobianPoint // affine
}

func (k secgKey) public() []byte {
	return secp256k1.NewPublicKey(&k.q.X, &k.q.Y).SerializeUncompressed()
}

func (k secgKey) sign(algorithm string, kind pubkey.MessageKind, message []byte) ([]byte, error) {
	_, digest := pubkey.Hashed(algorithm, kind, message)
	for range 8 { // r or s is zero with probability 2⁻²⁵⁵
		if s, ok := k.try(digest); ok {
			return s.Serialize(), nil
		}
	}
	return nil, errors.New("no nonce makes a signature")
}

// try is SEC 1 §4.1.3 with one nonce k: r = (kG).x, s = k⁻¹(e + rd). The nonce comes from key, digest and
// fresh randomness (RFC 6979 §3.6), so that neither a bad generator nor a fault shows d.
func (key secgKey) try(digest []byte) (*ecdsa.Signature, bool) {
	d := key.d.Bytes()
	defer clear(d[:])
	k := secp256k1.NonceRFC6979(d[:], digest, randomBytes(32)(), nil, 0)
	defer k.Zero()
	point := baseMult(k)

	var r, e secp256k1.ModNScalar
	r.SetBytes(point.X.Bytes()) // mod n
	e.SetByteSlice(digest)      // 32 bytes, mod n

	blind := randomScalar()
	defer blind.Zero()
	s := new(secp256k1.ModNScalar).Mul2(k, blind).InverseNonConst()
	s.Mul(blind).Mul(new(secp256k1.ModNScalar).Mul2(&r, key.d).Add(&e))
	return ecdsa.NewSignature(&r, s), !r.IsZero() && !s.IsZero()
}

// baseMult returns kG in affine coordinates, as aG + (k-a)G for a random a.
func baseMult(k *secp256k1.ModNScalar) secp256k1.JacobianPoint {
	a := randomScalar()
	b := new(secp256k1.ModNScalar).NegateVal(a).Add(k)
	var aG, bG, kG secp256k1.JacobianPoint
	secp256k1.ScalarBaseMultNonConst(a, &aG)
	secp256k1.ScalarBaseMultNonConst(b, &bG)
	secp256k1.AddNonConst(&aG, &bG, &kG)
	kG.ToAffine()
	return kG
}

// randomScalar returns a scalar from 1 to n-1, each as likely.
func randomScalar() *secp256k1.ModNScalar {
	for {
		b := randomBytes(32)()
		s := new(secp256k1.ModNScalar)
		over := s.SetByteSlice(b)
		clear(b)
		if !over && !s.IsZero() {
			return s
		}
	}
}
