package pubkey

import (
	"bytes"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"errors"
	"strings"
)

type rsaKey struct{ *rsa.PublicKey }

func parseRSA(size int) func([]byte) (any, error) {
	return func(bits []byte) (any, error) {
		k, err := x509.ParsePKCS1PublicKey(bits)
		switch {
		case err != nil:
			return nil, bad("RSA", err)
		case k.N.BitLen() != size:
			return nil, bad("RSA", errors.New("modulus of another size"))
		case k.E&1 == 0 || k.E < 3 || k.N.Bit(0) == 0:
			return nil, bad("RSA", errors.New("modulus or exponent is even"))
		case !bytes.Equal(x509.MarshalPKCS1PublicKey(k), bits):
			return nil, bad("RSA", errors.New("not DER"))
		}
		return rsaKey{k}, nil
	}
}

func (k rsaKey) verify(algorithm string, kind MessageKind, message, signature []byte) bool {
	h, digest := Hashed(algorithm, kind, message)
	if strings.HasPrefix(algorithm, "RSASSA_PSS_") {
		// A salt of another length is not what we sign, so not what we verify (operations.md §7.5).
		return rsa.VerifyPSS(k.PublicKey, h, digest, signature, &rsa.PSSOptions{SaltLength: rsa.PSSSaltLengthEqualsHash}) == nil
	}
	return rsa.VerifyPKCS1v15(k.PublicKey, h, digest, signature) == nil
}

func (k rsaKey) encrypt(algorithm string, plaintext []byte) ([]byte, error) {
	h, _ := OAEPHash(algorithm) // Key.Encrypt has looked
	return rsa.EncryptOAEP(h.New(), rand.Reader, k.PublicKey, plaintext, nil)
}
