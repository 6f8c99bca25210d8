package soft

import (
	"bytes"
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"errors"
	"fmt"
	"math/big"
	"strings"

	"qkms/internal/custody"
	"qkms/internal/pubkey"
)

// rsaKey holds its precomputed values, which take longer to make than a signature.
type rsaKey struct{ *rsa.PrivateKey }

func rsaRecipe(size int) recipe {
	decode := func(stored []byte) (privateKey, error) { return parseRSA(size, stored) }
	return recipe{
		generate: func() ([]byte, error) {
			k, err := rsa.GenerateKey(rand.Reader, size) // e is 65537
			if err != nil {
				return nil, err
			}
			return x509.MarshalPKCS1PrivateKey(k), nil
		},
		decode: decode,
		imports: func(key []byte) ([]byte, error) {
			k, err := decode(key)
			if err == nil && !inverse(k.(rsaKey).PrivateKey) {
				err = errors.New("RSA private exponent does not belong to the public one")
			}
			return bytes.Clone(key), err
		},
		exports:  func(stored, _ []byte) []byte { return bytes.Clone(stored) },
		slowMake: true,
		slowUse:  true,
		ber:      true,
	}
}

// parseRSA takes the PKCS #1 DER of a key of two primes. The parser checks that the parts belong
// together: with a wrong CRT value each signature would give the primes away (Boneh, DeMillo, Lipton).
func parseRSA(size int, der []byte) (privateKey, error) {
	k, err := x509.ParsePKCS1PrivateKey(der)
	switch {
	case err != nil:
		return nil, errors.New("not an RSA private key") // the parser's own error may quote a value
	case k.N.BitLen() != size:
		return nil, fmt.Errorf("modulus of %d bits", k.N.BitLen())
	case len(k.Primes) != 2:
		return nil, fmt.Errorf("%d primes", len(k.Primes))
	case !bytes.Equal(x509.MarshalPKCS1PrivateKey(k), der):
		return nil, errors.New("RSA private key is not DER")
	}
	k.Precompute()
	return rsaKey{k}, nil
}

// inverse reports whether d undoes e under both primes. The parser of the FIPS 140-3 module v1.0.0 looks
// at the CRT values alone, which are what decrypts; a d that does not fit them is no key all the same.
// math/big takes no constant time, once, over a key its owner has just sent.
func inverse(k *rsa.PrivateKey) bool {
	one := big.NewInt(1)
	ed := new(big.Int).Mul(k.D, big.NewInt(int64(k.E)))
	for _, p := range k.Primes {
		if new(big.Int).Mod(ed, new(big.Int).Sub(p, one)).Cmp(one) != 0 {
			return false
		}
	}
	return true
}

func (k rsaKey) public() []byte { return x509.MarshalPKCS1PublicKey(&k.PublicKey) }

// sign takes 1 ms of a core with 2048 bits and 6 ms with 4096 (BenchmarkSign). A few percent of that are the library's own look
// at the signature under the public key: one made by a faulty machine would give the primes away.
func (k rsaKey) sign(algorithm string, kind pubkey.MessageKind, message []byte) ([]byte, error) {
	h, digest := pubkey.Hashed(algorithm, kind, message)
	if strings.HasPrefix(algorithm, "RSASSA_PSS_") {
		return rsa.SignPSS(rand.Reader, k.PrivateKey, h, digest, &rsa.PSSOptions{SaltLength: rsa.PSSSaltLengthEqualsHash})
	}
	return rsa.SignPKCS1v15(nil, k.PrivateKey, h, digest)
}

func (k rsaKey) decrypt(algorithm string, ciphertext []byte) ([]byte, error) {
	h, ok := pubkey.OAEPHash(algorithm)
	if !ok {
		return nil, custody.ErrAlgorithm
	}
	if len(ciphertext) != k.Size() { // RFC 8017 §7.1.2 step 1b
		return nil, custody.ErrWrongCiphertext
	}
	// Which step of the decoding failed is not in the error: it would be Manger's oracle.
	plaintext, err := k.Decrypt(nil, ciphertext, &rsa.OAEPOptions{Hash: h})
	if err != nil {
		return nil, custody.ErrWrongCiphertext
	}
	return plaintext, nil
}

var _ crypto.Decrypter = rsaKey{}
