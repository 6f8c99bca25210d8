//go:build !race

// One goroutine computes for a long time here, so this runs without the race detector (make test-norace).

package soft_test

import (
	"encoding/json"
	"errors"
	"math/big"
	"os"
	"testing"

	"qkms/internal/custody"
	"qkms/internal/custody/soft"
	"qkms/internal/pubkey"
)

// Project Wycheproof's vectors for what needs a private key; for which and from where see
// ../../pubkey/testdata/wycheproof/trim.mjs.

type wycheproofGroup struct {
	Key   hexBytes
	Tests []struct {
		ID              int
		Comment, Result string
		Public          hexBytes
		Private, Shared string // ECDH
		Key, Msg, Tag   hexBytes
		CT              hexBytes
	}
}

func wycheproof(t testing.TB, name string) (groups []wycheproofGroup) {
	t.Helper()
	file, err := os.ReadFile("testdata/wycheproof/" + name + ".json")
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(file, &groups); err != nil {
		t.Fatal(err)
	}
	return groups
}

func TestWycheproofECDH(t *testing.T) {
	for _, tt := range []struct {
		file, spec string
		size       int
		secrets    int
	}{
		{"ecdh_secp256r1", "ECC_NIST_P256", 32, 191},
		{"ecdh_secp384r1", "ECC_NIST_P384", 48, 163},
		{"ecdh_secp521r1", "ECC_NIST_P521", 66, 208},
	} {
		t.Run(tt.file, func(t *testing.T) {
			d := newDrawer()
			s := soft.New(d, idKey, nil)
			n := 0
			for _, g := range wycheproof(t, tt.file) {
				for _, v := range g.Tests {
					scalar, ok := new(big.Int).SetString(v.Private, 16)
					if !ok {
						t.Fatalf("test %d: no private key", v.ID)
					}
					ref := stored(t, d, s, tt.spec, scalar.FillBytes(make([]byte, tt.size)))
					got, err := s.Agree(t.Context(), ref, v.Public)
					switch {
					case err == nil && v.Result != "invalid":
						var secret hexBytes
						if err := secret.UnmarshalText([]byte(v.Shared)); err != nil {
							t.Fatal(err)
						}
						want(t, v.Comment, secret)(got, nil)
						n++
					case err == nil:
						t.Errorf("test %d, %s: got %x, want no secret", v.ID, v.Comment, got)
					case v.Result == "valid", !errors.Is(err, custody.ErrBadPeer):
						t.Errorf("test %d, %s, %s: got %v", v.ID, v.Result, v.Comment, err)
					}
				}
			}
			if n != tt.secrets {
				t.Errorf("got %d secrets, want %d", n, tt.secrets)
			}
		})
	}
}

func TestWycheproofHMAC(t *testing.T) {
	for bits, spec := range map[string]string{"224": "HMAC_224", "256": "HMAC_256", "384": "HMAC_384", "512": "HMAC_512"} {
		s := soft.New(newDrawer(), idKey, nil)
		n := 0
		for _, g := range wycheproof(t, "hmac_sha"+bits) {
			for _, v := range g.Tests {
				ref := singleKey
				made, err := s.Make(t.Context(), ref, spec, v.Key)
				if err != nil {
					t.Fatalf("%s, test %d: %v", spec, v.ID, err)
				}
				ref.MaterialID = made.MaterialID
				got, err := s.MAC(t.Context(), ref, "HMAC_SHA_"+bits, v.Msg)
				if err != nil || (string(got) == string(v.Tag)) != (v.Result == "valid") {
					t.Errorf("%s, test %d, %s: got %x, %v, want %x to be %s", spec, v.ID, v.Comment, got, err, []byte(v.Tag), v.Result)
				}
				n++
			}
		}
		if n != 81 {
			t.Errorf("%s: got %d tests, want 81", spec, n)
		}
	}
}

func TestWycheproofOAEP(t *testing.T) {
	for file, tt := range map[string]struct{ spec, algorithm string }{
		"rsa_oaep_2048_sha1_mgf1sha1":     {"RSA_2048", "RSAES_OAEP_SHA_1"},
		"rsa_oaep_2048_sha256_mgf1sha256": {"RSA_2048", "RSAES_OAEP_SHA_256"},
		"rsa_oaep_3072_sha256_mgf1sha256": {"RSA_3072", "RSAES_OAEP_SHA_256"},
		"rsa_oaep_4096_sha256_mgf1sha256": {"RSA_4096", "RSAES_OAEP_SHA_256"},
	} {
		t.Run(file, func(t *testing.T) {
			n := 0
			for _, g := range wycheproof(t, file) {
				s := soft.New(newDrawer(), idKey, nil)
				ref := singleKey
				made, err := s.Make(t.Context(), ref, tt.spec, g.Key)
				if err != nil {
					t.Fatal(err)
				}
				ref.MaterialID = made.MaterialID
				for _, v := range g.Tests {
					n++
					got, err := s.Decrypt(t.Context(), ref, tt.algorithm, v.CT)
					switch {
					case v.Result == "invalid" && !errors.Is(err, custody.ErrWrongCiphertext):
						t.Errorf("test %d, %s: got %x, %v, want ErrWrongCiphertext", v.ID, v.Comment, got, err)
					case v.Result == "valid":
						want(t, v.Comment, v.Msg)(got, err)
					}
				}
			}
			if n != 27 {
				t.Errorf("got %d ciphertexts, want 27", n)
			}
		})
	}
}

// TestFailedDecryptionsLookAlike: Manger's attack needs to know which step of OAEP failed.
func TestFailedDecryptionsLookAlike(t *testing.T) {
	k := shared(t, "RSA_2048")
	texts := map[string]bool{}
	for _, g := range wycheproof(t, "rsa_oaep_2048_sha256_mgf1sha256") {
		for _, v := range g.Tests { // of another key: each fails somewhere else
			_, err := sharedSoft.Decrypt(t.Context(), k.ref, "RSAES_OAEP_SHA_256", v.CT)
			if err == nil {
				t.Fatalf("test %d opens under another key", v.ID)
			}
			texts[err.Error()] = true
		}
	}
	ciphertext, err := pubkey.Encrypt(k.public, "RSAES_OAEP_SHA_1", []byte("hi"))
	if err != nil {
		t.Fatal(err)
	}
	_, err = sharedSoft.Decrypt(t.Context(), k.ref, "RSAES_OAEP_SHA_256", ciphertext)
	texts[err.Error()] = true
	if len(texts) != 1 {
		t.Errorf("got %d errors, want one: %v", len(texts), texts)
	}
}
