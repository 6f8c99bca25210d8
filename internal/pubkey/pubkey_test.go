package pubkey_test

import (
	"bytes"
	"crypto"
	"errors"
	"strings"
	"testing"

	"qkms/internal/pubkey"
)

func TestMaxPlaintext(t *testing.T) {
	for _, tt := range []struct {
		spec, algorithm string
		want            int
	}{
		{"RSA_2048", "RSAES_OAEP_SHA_1", 214},
		{"RSA_2048", "RSAES_OAEP_SHA_256", 190},
		{"RSA_3072", "RSAES_OAEP_SHA_1", 342},
		{"RSA_3072", "RSAES_OAEP_SHA_256", 318},
		{"RSA_4096", "RSAES_OAEP_SHA_1", 470},
		{"RSA_4096", "RSAES_OAEP_SHA_256", 446},
		{"SM2", "SM2PKE", 1024},
		{"SM2", "RSAES_OAEP_SHA_256", 0},
		{"RSA_2048", "SM2PKE", 0},
		{"RSA_2048", "SYMMETRIC_DEFAULT", 0},
		{"ECC_NIST_P256", "RSAES_OAEP_SHA_256", 0},
		{"SYMMETRIC_DEFAULT", "SYMMETRIC_DEFAULT", 0},
	} {
		if got := pubkey.MaxPlaintext(tt.spec, tt.algorithm); got != tt.want {
			t.Errorf("%s under %s: got %d, want %d", tt.algorithm, tt.spec, got, tt.want)
		}
	}
}

// TestLimitsOfEncrypt: the longest plaintext fits, a byte more does not, and ciphertexts have the size
// of the modulus.
func TestLimitsOfEncrypt(t *testing.T) {
	all := bits(t)
	modulus := map[string]int{"RSA_2048": 256, "RSA_3072": 384, "RSA_4096": 512}
	for _, spec := range []string{"RSA_2048", "RSA_3072", "RSA_4096", "SM2"} {
		spki := pubkey.Encode(spec, all[spec])
		for _, a := range []string{"RSAES_OAEP_SHA_1", "RSAES_OAEP_SHA_256", "SM2PKE"} {
			most := pubkey.MaxPlaintext(spec, a)
			if most == 0 {
				if c, err := pubkey.Encrypt(spki, a, []byte("hi")); !errors.Is(err, pubkey.ErrAlgorithm) {
					t.Errorf("%s under %s: got %x, %v, want ErrAlgorithm", a, spec, c, err)
				}
				continue
			}
			c, err := pubkey.Encrypt(spki, a, make([]byte, most))
			if err != nil || spec != "SM2" && len(c) != modulus[spec] {
				t.Errorf("%s under %s, %d bytes: got %d, %v", a, spec, most, len(c), err)
			}
			for _, n := range []int{0, most + 1} {
				if _, err := pubkey.Encrypt(spki, a, make([]byte, n)); !errors.Is(err, pubkey.ErrPlaintextSize) {
					t.Errorf("%s under %s, %d bytes: got %v, want ErrPlaintextSize", a, spec, n, err)
				}
			}
		}
	}
}

func TestWhatAKeyDoesNotDo(t *testing.T) {
	all := bits(t)
	for spec, key := range all {
		spki := pubkey.Encode(spec, key)
		if _, _, err := pubkey.Encapsulate(spki); (err == nil) != strings.HasPrefix(spec, "ML_KEM") || err != nil && !errors.Is(err, pubkey.ErrAlgorithm) {
			t.Errorf("Encapsulate under %s: got %v", spec, err)
		}
		if err := pubkey.Verify(spki, "HMAC_SHA_256", pubkey.Raw, []byte("m"), []byte("s")); !errors.Is(err, pubkey.ErrAlgorithm) {
			t.Errorf("Verify under %s: got %v, want ErrAlgorithm", spec, err)
		}
	}
	for name, err := range map[string]error{
		"Verify":      pubkey.Verify(nil, "ECDSA_SHA_256", pubkey.Raw, nil, nil),
		"Encrypt":     func() error { _, err := pubkey.Encrypt(nil, "SM2PKE", []byte("m")); return err }(),
		"Encapsulate": func() error { _, _, err := pubkey.Encapsulate(nil); return err }(),
	} {
		if !errors.Is(err, pubkey.ErrBadKey) {
			t.Errorf("%s with no key: got %v, want ErrBadKey", name, err)
		}
	}
}

// TestHashed: a message and its digest are the same to sign.
func TestHashed(t *testing.T) {
	for algorithm, h := range map[string]crypto.Hash{"ECDSA_SHA_256": crypto.SHA256, "RSASSA_PSS_SHA_384": crypto.SHA384, "RSASSA_PKCS1_V1_5_SHA_512": crypto.SHA512} {
		gotHash, digest := pubkey.Hashed(algorithm, pubkey.Raw, []byte("abc"))
		if gotHash != h || len(digest) != h.Size() {
			t.Errorf("%s: got %v, %d bytes, want %v", algorithm, gotHash, len(digest), h)
		}
		if _, again := pubkey.Hashed(algorithm, pubkey.Digest, digest); !bytes.Equal(again, digest) {
			t.Errorf("%s: got %x, want the digest as it is", algorithm, again)
		}
	}
}
