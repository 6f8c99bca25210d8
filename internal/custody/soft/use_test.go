package soft_test

import (
	"bytes"
	"crypto/sha3"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/cloudflare/circl/sign/mldsa/mldsa44"
	"github.com/cloudflare/circl/sign/mldsa/mldsa65"
	"github.com/cloudflare/circl/sign/mldsa/mldsa87"
	gmsm "github.com/emmansun/gmsm/mlkem"

	"qkms/internal/custody"
	"qkms/internal/custody/soft"
	"qkms/internal/pubkey"
)

var kemSpecs = []string{"ML_KEM_512", "ML_KEM_768", "ML_KEM_1024"}

// allSpecs is every key spec of the API.
var allSpecs = slices.Concat(signers, kemSpecs, []string{symmetric, "HMAC_224", "HMAC_256", "HMAC_384", "HMAC_512"})

// TestNoKeyDoesAnothersWork: each capability works under its own specs and is ErrAlgorithm under all
// others, whatever the bytes.
func TestNoKeyDoesAnothersWork(t *testing.T) {
	peer := shared(t, "ECC_NIST_P256").public
	for _, spec := range allSpecs {
		k := shared(t, spec)
		_, sealErr := sharedSoft.Seal(t.Context(), k.ref, []byte("hi"), nil)
		_, macErr := sharedSoft.MAC(t.Context(), k.ref, strings.Replace(spec, "HMAC_", "HMAC_SHA_", 1), []byte("hi"))
		_, agreeErr := sharedSoft.Agree(t.Context(), k.ref, peer)
		_, kemErr := sharedSoft.Decapsulate(t.Context(), k.ref, nil)
		_, oaepErr := sharedSoft.Decrypt(t.Context(), k.ref, "RSAES_OAEP_SHA_256", nil)
		_, sm2Err := sharedSoft.Decrypt(t.Context(), k.ref, "SM2PKE", nil)
		_, signErr := sharedSoft.Sign(t.Context(), k.ref, "ECDSA_SHA_256", pubkey.Raw, []byte("hi"))
		for _, tt := range []struct {
			what string
			err  error
			does bool
		}{
			{"Seal", sealErr, spec == symmetric},
			{"MAC", macErr, strings.HasPrefix(spec, "HMAC_")},
			{"Agree", agreeErr, strings.HasPrefix(spec, "ECC_NIST_P") || spec == "SM2"},
			{"Decapsulate", kemErr, strings.HasPrefix(spec, "ML_KEM_")},
			{"Decrypt RSA", oaepErr, strings.HasPrefix(spec, "RSA_")},
			{"Decrypt SM2", sm2Err, spec == "SM2"},
			{"Sign", signErr, spec == "ECC_NIST_P256" || spec == "ECC_SECG_P256K1"},
		} {
			if got := errors.Is(tt.err, custody.ErrAlgorithm); got == tt.does {
				t.Errorf("%s under %s: got %v", tt.what, spec, tt.err)
			}
		}
	}
}

func TestMACOfAnotherSize(t *testing.T) {
	for _, algorithm := range []string{"HMAC_SHA_224", "HMAC_SHA_384", "HMAC_SHA_512", "HMAC_SHA_1", ""} {
		if got, err := sharedSoft.MAC(t.Context(), shared(t, "HMAC_256").ref, algorithm, []byte("hi")); !errors.Is(err, custody.ErrAlgorithm) {
			t.Errorf("%q: got %x, %v, want ErrAlgorithm", algorithm, got, err)
		}
	}
}

func TestWithoutMaterial(t *testing.T) {
	s := soft.New(newDrawer(), idKey, nil)
	ref := shared(t, "ECC_NIST_P256").ref
	for what, call := range map[string]func() ([]byte, error){
		"Sign":        func() ([]byte, error) { return s.Sign(t.Context(), ref, "ECDSA_SHA_256", pubkey.Raw, []byte("hi")) },
		"MAC":         func() ([]byte, error) { return s.MAC(t.Context(), ref, "HMAC_SHA_256", nil) },
		"Agree":       func() ([]byte, error) { return s.Agree(t.Context(), ref, shared(t, "ECC_NIST_P256").public) },
		"Decapsulate": func() ([]byte, error) { return s.Decapsulate(t.Context(), ref, nil) },
		"Decrypt":     func() ([]byte, error) { return s.Decrypt(t.Context(), ref, "SM2PKE", nil) },
	} {
		if got, err := call(); !errors.Is(err, custody.ErrNoMaterial) {
			t.Errorf("%s: got %x, %v, want ErrNoMaterial", what, got, err)
		}
	}
}

func TestBothSidesAgree(t *testing.T) {
	sizes := map[string]int{"ECC_NIST_P256": 32, "ECC_NIST_P384": 48, "ECC_NIST_P521": 66, "SM2": 32}
	for spec, size := range sizes {
		mine, ref := shared(t, spec), singleKey
		made, err := sharedSoft.Make(t.Context(), ref, spec, nil)
		if err != nil {
			t.Fatal(err)
		}
		ref.MaterialID = made.MaterialID
		one, err := sharedSoft.Agree(t.Context(), mine.ref, made.PublicKey)
		if err != nil || len(one) != size {
			t.Errorf("%s: got %x, %v, want %d bytes", spec, one, err, size)
		}
		want(t, spec, one)(sharedSoft.Agree(t.Context(), ref, mine.public))
		if own, err := sharedSoft.Agree(t.Context(), ref, made.PublicKey); err != nil || bytes.Equal(own, one) {
			t.Errorf("%s with oneself: got %x, %v", spec, own, err)
		}
	}
}

func TestPeersThatAreRefused(t *testing.T) {
	for _, spec := range []string{"ECC_NIST_P256", "ECC_NIST_P384", "ECC_NIST_P521", "SM2"} {
		own := shared(t, spec).public
		offCurve := bytes.Clone(own)
		offCurve[len(offCurve)-1] ^= 1
		peers := map[string][]byte{
			"nothing": nil, "off the curve": offCurve, "a byte more": append(bytes.Clone(own), 0), "the bare point": own[len(own)-65:],
			"at infinity": pubkey.Encode(spec, []byte{0}), "an Ed25519 key": shared(t, "ECC_NIST_EDWARDS25519").public,
		}
		for _, other := range []string{"ECC_NIST_P256", "ECC_NIST_P384", "ECC_NIST_P521", "SM2", "ECC_SECG_P256K1", "RSA_2048", "ML_KEM_768"} {
			if other != spec {
				peers["a key of "+other] = shared(t, other).public
			}
		}
		for name, peer := range peers {
			if got, err := sharedSoft.Agree(t.Context(), shared(t, spec).ref, peer); !errors.Is(err, custody.ErrBadPeer) {
				t.Errorf("%s, %s: got %x, %v, want ErrBadPeer", spec, name, got, err)
			}
		}
	}
}

func TestEncapsulatedSecrets(t *testing.T) {
	sizes := map[string]int{"ML_KEM_512": 768, "ML_KEM_768": 1088, "ML_KEM_1024": 1568}
	for _, spec := range kemSpecs {
		k := shared(t, spec)
		secret, ciphertext, err := pubkey.Encapsulate(k.public)
		if err != nil || len(secret) != 32 || len(ciphertext) != sizes[spec] {
			t.Fatalf("%s: got %d and %d bytes, %v, want 32 and %d", spec, len(secret), len(ciphertext), err, sizes[spec])
		}
		want(t, spec, secret)(sharedSoft.Decapsulate(t.Context(), k.ref, ciphertext))
		again, _, err := pubkey.Encapsulate(k.public)
		if err != nil || bytes.Equal(again, secret) {
			t.Errorf("%s: got the same secret twice, %v", spec, err)
		}
		for _, n := range []int{0, 1, 32, 767, 768, 769, 1087, 1088, 1568, 6144} {
			if _, err := sharedSoft.Decapsulate(t.Context(), k.ref, make([]byte, n)); errors.Is(err, custody.ErrCiphertextSize) == (n == sizes[spec]) {
				t.Errorf("%s, %d bytes: got %v", spec, n, err)
			}
		}
	}
}

// TestImplicitRejection: a ciphertext that was changed opens to J(z ‖ c) of FIPS 203, Algorithm 18,
// which is the same each time and tells nobody that anything is wrong.
func TestImplicitRejection(t *testing.T) {
	seed := bytes.Repeat([]byte{0x42}, 64)
	for _, spec := range kemSpecs {
		d := newDrawer()
		s := soft.New(d, idKey, nil)
		ref := stored(t, d, s, spec, seed)
		ciphertext := bytes.Repeat([]byte{0x17}, map[string]int{"ML_KEM_512": 768, "ML_KEM_768": 1088, "ML_KEM_1024": 1568}[spec])
		want(t, spec, sha3.SumSHAKE256(append(bytes.Clone(seed[32:]), ciphertext...), 32))(s.Decapsulate(t.Context(), ref, ciphertext))
	}
}

// TestMLKEM512AgainstAnother: OpenSSL's Python binding lacks this parameter set, so that another
// library stands in for it.
func TestMLKEM512AgainstAnother(t *testing.T) {
	private, public, err := sharedSoft.MakePair(t.Context(), singleKey, "ML_KEM_512")
	if err != nil {
		t.Fatal(err)
	}
	theirs, err := gmsm.NewDecapsulationKeyFromSeed512(private[len(private)-64:])
	if err != nil {
		t.Fatal(err)
	}
	if got := pubkey.Encode("ML_KEM_512", theirs.EncapsulationKey().Bytes()); !bytes.Equal(got, public) {
		t.Errorf("public key: got %x, want %x", public, got)
	}
	secret, ciphertext, err := pubkey.Encapsulate(public)
	if err != nil {
		t.Fatal(err)
	}
	want(t, "their secret", secret)(theirs.Decapsulate(ciphertext))
}

// TestMLDSAAgainstAnother: signatures of messages and of μ verify in a library that shares no code with
// ours.
func TestMLDSAAgainstAnother(t *testing.T) {
	verify := map[string]func(public, message, signature []byte) bool{
		"ML_DSA_44": func(public, message, signature []byte) bool {
			var k mldsa44.PublicKey
			return k.UnmarshalBinary(public) == nil && mldsa44.Verify(&k, message, nil, signature)
		},
		"ML_DSA_65": func(public, message, signature []byte) bool {
			var k mldsa65.PublicKey
			return k.UnmarshalBinary(public) == nil && mldsa65.Verify(&k, message, nil, signature)
		},
		"ML_DSA_87": func(public, message, signature []byte) bool {
			var k mldsa87.PublicKey
			return k.UnmarshalBinary(public) == nil && mldsa87.Verify(&k, message, nil, signature)
		},
	}
	for spec, verify := range verify {
		k := shared(t, spec)
		p, err := pubkey.Parse(k.public)
		if err != nil {
			t.Fatal(err)
		}
		for kind, message := range kinds(k, spec, "ML_DSA_SHAKE_256", "a message") {
			signature := sign(t, k, "ML_DSA_SHAKE_256", kind, message)
			if !verify(p.Bytes(), []byte("a message"), signature) {
				t.Errorf("%s, %s: got a bad signature", spec, kind)
			}
		}
	}
}

func TestDecryptedAgain(t *testing.T) {
	for spec, algorithms := range map[string][]string{
		"RSA_2048": {"RSAES_OAEP_SHA_1", "RSAES_OAEP_SHA_256"}, "RSA_3072": {"RSAES_OAEP_SHA_256"}, "RSA_4096": {"RSAES_OAEP_SHA_1"}, "SM2": {"SM2PKE"},
	} {
		k := shared(t, spec)
		for _, a := range algorithms {
			for _, n := range []int{1, pubkey.MaxPlaintext(spec, a)} {
				plaintext := bytes.Repeat([]byte{0xa5}, n)
				ciphertext, err := pubkey.Encrypt(k.public, a, plaintext)
				if err != nil {
					t.Fatal(err)
				}
				want(t, a, plaintext)(sharedSoft.Decrypt(t.Context(), k.ref, a, ciphertext))
				for i := 0; i < len(ciphertext); i += 1 + len(ciphertext)/64 {
					flipped := bytes.Clone(ciphertext)
					flipped[i] ^= 1 << (i % 8)
					if got, err := sharedSoft.Decrypt(t.Context(), k.ref, a, flipped); !errors.Is(err, custody.ErrWrongCiphertext) {
						t.Errorf("%s under %s, byte %d: got %x, %v, want ErrWrongCiphertext", a, spec, i, got, err)
					}
				}
				for _, wrong := range [][]byte{nil, {0}, {0x30}, ciphertext[1:], append(bytes.Clone(ciphertext), 0), make([]byte, len(ciphertext)), make([]byte, 6144)} {
					if got, err := sharedSoft.Decrypt(t.Context(), k.ref, a, wrong); !errors.Is(err, custody.ErrWrongCiphertext) {
						t.Errorf("%s under %s, %d bytes: got %x, %v, want ErrWrongCiphertext", a, spec, len(wrong), got, err)
					}
				}
			}
		}
	}
}

// BenchmarkSign says what a signature costs; with -cpu 1,2 also whether several run side by side.
func BenchmarkSign(b *testing.B) {
	for _, spec := range signers {
		for _, a := range pubkey.SigningAlgorithms(spec) {
			for kind, message := range kinds(shared(b, spec), spec, a, "a message") {
				if kind == pubkey.Raw && strings.HasPrefix(spec, "RSA_") && !strings.HasSuffix(a, "PSS_SHA_256") {
					continue // the others take as long
				}
				b.Run(spec+"/"+a+"/"+string(kind), func(b *testing.B) {
					ref := shared(b, spec).ref
					b.RunParallel(func(p *testing.PB) {
						for p.Next() {
							if _, err := sharedSoft.Sign(b.Context(), ref, a, kind, message); err != nil {
								b.Error(err)
								return
							}
						}
					})
				})
			}
		}
	}
}
