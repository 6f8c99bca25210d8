package pubkey_test

import (
	"encoding/hex"
	"encoding/json"
	"errors"
	"os"
	"testing"

	"qkms/internal/pubkey"
)

// Project Wycheproof's vectors (testdata/wycheproof/trim.mjs says which and from where): signatures that
// are forged, malleated, encoded in wrong ways or at the edges of the arithmetic.

type hexBytes []byte

func (h *hexBytes) UnmarshalText(text []byte) (err error) {
	*h, err = hex.DecodeString(string(text))
	return err
}

type group struct {
	Key   hexBytes
	Tests []struct {
		ID      int
		Comment string
		Msg     hexBytes
		Sig     hexBytes
		Result  string
	}
}

func wycheproof(t testing.TB, name string) (groups []group) {
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

func TestWycheproof(t *testing.T) {
	for _, tt := range []struct {
		file, spec, algorithm string
		signatures            int
	}{
		{"ecdsa_secp256r1_sha256", "ECC_NIST_P256", "ECDSA_SHA_256", 387},
		{"ecdsa_secp384r1_sha384", "ECC_NIST_P384", "ECDSA_SHA_384", 408},
		{"ecdsa_secp521r1_sha512", "ECC_NIST_P521", "ECDSA_SHA_512", 447},
		{"ecdsa_secp256k1_sha256", "ECC_SECG_P256K1", "ECDSA_SHA_256", 380},
		{"rsa_pss_2048_sha256_mgf1_32", "RSA_2048", "RSASSA_PSS_SHA_256", 103},
		{"rsa_pss_3072_sha256_mgf1_32", "RSA_3072", "RSASSA_PSS_SHA_256", 103},
		{"rsa_pss_4096_sha256_mgf1_32", "RSA_4096", "RSASSA_PSS_SHA_256", 103},
		{"rsa_signature_2048_sha256", "RSA_2048", "RSASSA_PKCS1_V1_5_SHA_256", 240},
		{"rsa_signature_3072_sha384", "RSA_3072", "RSASSA_PKCS1_V1_5_SHA_384", 239},
		{"rsa_signature_4096_sha512", "RSA_4096", "RSASSA_PKCS1_V1_5_SHA_512", 239},
		{"eddsa", "ECC_NIST_EDWARDS25519", "ED25519_SHA_512", 145},
	} {
		t.Run(tt.file, func(t *testing.T) {
			n := 0
			for _, g := range wycheproof(t, tt.file) {
				k, err := pubkey.Parse(g.Key)
				if err != nil || k.Spec() != tt.spec {
					t.Errorf("key: got %v, %v, want one of %s", k, err, tt.spec)
					continue
				}
				for _, v := range g.Tests {
					n++
					err := k.Verify(tt.algorithm, pubkey.Raw, v.Msg, v.Sig)
					switch {
					case v.Result == "valid" && err != nil:
						t.Errorf("test %d, %s: got %v, want a good signature", v.ID, v.Comment, err)
					case v.Result == "invalid" && !errors.Is(err, pubkey.ErrBadSignature):
						t.Errorf("test %d, %s: got %v, want ErrBadSignature", v.ID, v.Comment, err)
					}
				}
			}
			if n != tt.signatures {
				t.Errorf("got %d signatures, want %d", n, tt.signatures)
			}
		})
	}
}

// TestSaltsOfOtherLengths: these signatures are good for whoever takes any salt. The API takes one as
// long as the digest.
func TestSaltsOfOtherLengths(t *testing.T) {
	for _, g := range wycheproof(t, "rsa_pss_2048_sha256_mgf1_0") {
		for _, v := range g.Tests {
			if err := pubkey.Verify(g.Key, "RSASSA_PSS_SHA_256", pubkey.Raw, v.Msg, v.Sig); v.Result == "valid" && !errors.Is(err, pubkey.ErrBadSignature) {
				t.Errorf("test %d, %s: got %v, want ErrBadSignature", v.ID, v.Comment, err)
			}
		}
	}
}
