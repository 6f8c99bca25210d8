package soft_test

import (
	"bytes"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"errors"
	"slices"
	"testing"

	"qkms/internal/custody"
	"qkms/internal/custody/soft"
	"qkms/internal/kmstest"
)

var wrapping = []string{"RSAES_OAEP_SHA_1", "RSAES_OAEP_SHA_256", "RSA_AES_KEY_WRAP_SHA_1", "RSA_AES_KEY_WRAP_SHA_256"}

var importRef = custody.Ref{Account: "111122223333", Region: "us-east-1", KeyID: "1234abcd-12ab-34cd-56ef-1234567890ab"}

// imports returns a material of every spec that can be imported, as its owner holds it.
func imports(t *testing.T) map[string][]byte {
	t.Helper()
	all := map[string][]byte{}
	for spec, size := range map[string]int{"SYMMETRIC_DEFAULT": 32, "HMAC_224": 28, "HMAC_256": 32, "HMAC_384": 48, "HMAC_512": 64} {
		all[spec] = make([]byte, size)
		_, _ = rand.Read(all[spec])
	}
	for _, spec := range []string{"ECC_NIST_P256", "ECC_NIST_P384", "ECC_NIST_P521", "ECC_SECG_P256K1", "ECC_NIST_EDWARDS25519"} {
		private, _, err := sharedSoft.MakePair(t.Context(), singleKey, spec)
		if err != nil {
			t.Fatal(err)
		}
		all[spec] = private
	}
	for spec, bits := range map[string]int{"RSA_2048": 2048, "RSA_3072": 3072, "RSA_4096": 4096} {
		k, err := rsa.GenerateKey(rand.Reader, bits)
		if err != nil {
			t.Fatal(err)
		}
		if all[spec], err = x509.MarshalPKCS8PrivateKey(k); err != nil {
			t.Fatal(err)
		}
	}
	return all
}

// capacity is what OAEP takes (RFC 8017 §7.1.1).
func capacity(size int, algorithm string) int {
	if algorithm == "RSAES_OAEP_SHA_1" {
		return size - 2*20 - 2
	}
	return size - 2*32 - 2
}

// Every material, by every algorithm, under every wrapping key: what arrives is what was sent. Which of
// these the API allows is for op to say.
func TestImportArrives(t *testing.T) {
	s, materials := soft.New(newDrawer(), idKey, nil), imports(t)
	for bits, wrappingSpec := range map[int]string{2048: "RSA_2048", 3072: "RSA_3072", 4096: "RSA_4096"} {
		public, private, err := s.WrappingKey(t.Context(), importRef, wrappingSpec)
		if err != nil {
			t.Fatal(err)
		}
		if len(private) > 2560 {
			t.Errorf("%s: sealed private key of %d bytes, want at most 2560", wrappingSpec, len(private))
		}
		for spec, material := range materials {
			for _, algorithm := range wrapping {
				if slices.Index(wrapping, algorithm) < 2 && len(material) > capacity(bits/8, algorithm) {
					continue
				}
				got, err := s.Import(t.Context(), importRef, spec, algorithm, private, kmstest.Wrap(t, public, algorithm, material))
				if err != nil {
					t.Errorf("%s by %s under %s: %v", spec, algorithm, wrappingSpec, err)
					continue
				}
				want, err := s.Make(t.Context(), importRef, spec, material)
				if err != nil {
					t.Fatal(err)
				}
				if got.MaterialID != want.MaterialID || !bytes.Equal(got.PublicKey, want.PublicKey) {
					t.Errorf("%s by %s under %s: got material %s, want %s", spec, algorithm, wrappingSpec, got.MaterialID, want.MaterialID)
				}
			}
		}
	}
}

// Whatever is wrong with what was sent has one error.
func TestImportRefuses(t *testing.T) {
	s := soft.New(newDrawer(), idKey, nil)
	public, private, err := s.WrappingKey(t.Context(), importRef, "RSA_2048")
	if err != nil {
		t.Fatal(err)
	}
	material := bytes.Repeat([]byte{7}, 32)
	p256, _, err := s.MakePair(t.Context(), singleKey, "ECC_NIST_P256")
	if err != nil {
		t.Fatal(err)
	}
	oaep := func(m []byte) []byte { return kmstest.Wrap(t, public, "RSAES_OAEP_SHA_256", m) }
	both := func(m []byte) []byte { return kmstest.Wrap(t, public, "RSA_AES_KEY_WRAP_SHA_256", m) }
	weak := bytes.Repeat([]byte{9}, 16)
	for _, tt := range []struct {
		name, spec, algorithm string
		wrapped               []byte
	}{
		{"nothing", "SYMMETRIC_DEFAULT", "RSAES_OAEP_SHA_256", nil},
		{"an empty material, which must not become a random one", "SYMMETRIC_DEFAULT", "RSAES_OAEP_SHA_256", oaep(nil)},
		{"an empty material in two steps", "ECC_NIST_P256", "RSA_AES_KEY_WRAP_SHA_256", both(nil)},
		{"too short", "SYMMETRIC_DEFAULT", "RSAES_OAEP_SHA_256", oaep(material[:31])},
		{"too long", "SYMMETRIC_DEFAULT", "RSAES_OAEP_SHA_256", oaep(append(material, 7))},
		{"of another HMAC", "HMAC_384", "RSAES_OAEP_SHA_256", oaep(material)},
		{"of another kind", "ECC_NIST_P256", "RSAES_OAEP_SHA_256", oaep(material)},
		{"of another curve", "ECC_SECG_P256K1", "RSAES_OAEP_SHA_256", oaep(p256)},
		{"a trailing byte", "ECC_NIST_P256", "RSAES_OAEP_SHA_256", oaep(append(slices.Clone(p256), 0))},
		{"another hash", "SYMMETRIC_DEFAULT", "RSAES_OAEP_SHA_1", oaep(material)},
		{"a byte more", "SYMMETRIC_DEFAULT", "RSAES_OAEP_SHA_256", append(oaep(material), 0)},
		{"a byte less", "SYMMETRIC_DEFAULT", "RSAES_OAEP_SHA_256", oaep(material)[1:]},
		{"the other algorithm", "ECC_NIST_P256", "RSA_AES_KEY_WRAP_SHA_256", oaep(p256)},
		{"the first half alone", "ECC_NIST_P256", "RSA_AES_KEY_WRAP_SHA_256", both(p256)[:256]},
		{"a shorter first half", "ECC_NIST_P256", "RSA_AES_KEY_WRAP_SHA_256", both(p256)[:255]},
		{"the second half cut", "ECC_NIST_P256", "RSA_AES_KEY_WRAP_SHA_256", both(p256)[:256+16]},
		{"an AES-128 key", "ECC_NIST_P256", "RSA_AES_KEY_WRAP_SHA_256", append(oaep(weak), kmstest.WrapKWP(t, weak, p256)...)},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, err := s.Import(t.Context(), importRef, tt.spec, tt.algorithm, private, tt.wrapped)
			if !errors.Is(err, custody.ErrWrongCiphertext) {
				t.Errorf("got %v, want ErrWrongCiphertext", err)
			}
		})
	}
	flipped := both(p256)
	for _, i := range []int{0, 1, 128, 255, 256, 300, len(flipped) - 1} {
		flipped[i] ^= 0x10
		_, err := s.Import(t.Context(), importRef, "ECC_NIST_P256", "RSA_AES_KEY_WRAP_SHA_256", private, flipped)
		if !errors.Is(err, custody.ErrWrongCiphertext) {
			t.Errorf("byte %d changed: got %v, want ErrWrongCiphertext", i, err)
		}
		flipped[i] ^= 0x10
	}
	for _, algorithm := range []string{"RSAES_PKCS1_V1_5", "SM2PKE", "", "RSA_AES_KEY_WRAP_SHA_512"} {
		if _, err := s.Import(t.Context(), importRef, "SYMMETRIC_DEFAULT", algorithm, private, both(material)); !errors.Is(err, custody.ErrAlgorithm) {
			t.Errorf("%q: got %v, want ErrAlgorithm", algorithm, err)
		}
	}
}

// A wrapping key opens for the key it was made for, in its Region, by whoever made it.
func TestWrappingKeyIsBound(t *testing.T) {
	s := soft.New(newDrawer(), idKey, nil)
	public, private, err := s.WrappingKey(t.Context(), importRef, "RSA_2048")
	if err != nil {
		t.Fatal(err)
	}
	wrapped := kmstest.Wrap(t, public, "RSAES_OAEP_SHA_256", bytes.Repeat([]byte{7}, 32))
	try := func(s *soft.Soft, ref custody.Ref, private []byte) error {
		_, err := s.Import(t.Context(), ref, "SYMMETRIC_DEFAULT", "RSAES_OAEP_SHA_256", private, wrapped)
		return err
	}
	if err := try(s, importRef, private); err != nil {
		t.Fatal(err)
	}
	otherID, otherRegion, otherAccount := importRef, importRef, importRef
	otherID.KeyID = "1234abcd-12ab-34cd-56ef-1234567890ac"
	otherRegion.Region = "eu-west-1"
	otherAccount.Account = "444455556666"
	stranger := soft.New(newDrawer(), bytes.Repeat([]byte{1}, 32), nil)
	changed := slices.Clone(private)
	changed[len(changed)-1] ^= 1
	for name, err := range map[string]error{
		"another key":      try(s, otherID, private),
		"another Region":   try(s, otherRegion, private),
		"another account":  try(s, otherAccount, private),
		"another holder":   try(stranger, importRef, private),
		"a changed byte":   try(s, importRef, changed),
		"cut short":        try(s, importRef, private[:31]),
		"nothing but salt": try(s, importRef, private[:32]),
		"nothing":          try(s, importRef, nil),
		"the public key":   try(s, importRef, public),
	} {
		if !errors.Is(err, custody.ErrWrappingKey) {
			t.Errorf("%s: got %v, want ErrWrappingKey", name, err)
		}
	}
	for _, spec := range []string{"SM2", "ECC_NIST_P256", "RSA_1024", ""} {
		if _, _, err := s.WrappingKey(t.Context(), importRef, spec); !errors.Is(err, custody.ErrBadMaterial) {
			t.Errorf("wrapping key of %q: got %v, want ErrBadMaterial", spec, err)
		}
	}
	again, _, err := s.WrappingKey(t.Context(), importRef, "RSA_2048")
	if err != nil || bytes.Equal(again, public) {
		t.Errorf("got the same wrapping key twice (%v)", err)
	}
}

var (
	_ custody.Importer  = (*soft.Soft)(nil)
	_ custody.Forgetter = (*soft.Soft)(nil)
)
