package soft_test

import (
	"bytes"
	"crypto"
	"crypto/sha256"
	"crypto/sha3"
	"crypto/sha512"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"

	"qkms/internal/custody"
	"qkms/internal/custody/soft"
	"qkms/internal/pubkey"
)

// signers are the key specs that sign.
var signers = []string{
	"RSA_2048", "RSA_3072", "RSA_4096", "ECC_NIST_P256", "ECC_NIST_P384", "ECC_NIST_P521", "ECC_SECG_P256K1",
	"ECC_NIST_EDWARDS25519", "ML_DSA_44", "ML_DSA_65", "ML_DSA_87", "SM2",
}

// A made key, shared by the tests of this package: an RSA key takes seconds to make.
type madeKey struct {
	ref    custody.Ref
	public []byte
}

var (
	sharedSoft = soft.New(newDrawer(), idKey, nil)
	sharedKeys sync.Map // func() madeKey by spec
)

// shared returns the key of spec in sharedSoft.
func shared(t testing.TB, spec string) madeKey {
	t.Helper()
	once, _ := sharedKeys.LoadOrStore(spec, sync.OnceValues(func() (madeKey, error) {
		ref := singleKey
		made, err := sharedSoft.Make(t.Context(), ref, spec, nil)
		ref.MaterialID = made.MaterialID
		return madeKey{ref, made.PublicKey}, err
	}))
	k, err := once.(func() (madeKey, error))()
	if err != nil {
		t.Fatalf("make %s: %v", spec, err)
	}
	return k
}

// kinds returns a message of each kind that algorithm signs under k, all of the same text where the
// algorithm knows one way to its digest.
func kinds(k madeKey, spec, algorithm, text string) map[pubkey.MessageKind][]byte {
	raw := []byte(text)
	switch {
	case algorithm == "ED25519_SHA_512":
		return map[pubkey.MessageKind][]byte{pubkey.Raw: raw}
	case algorithm == "ED25519_PH_SHA_512":
		digest := sha512.Sum512(raw)
		return map[pubkey.MessageKind][]byte{pubkey.Digest: digest[:]}
	case strings.HasPrefix(spec, "ML_DSA"):
		p, _ := pubkey.Parse(k.public)
		tr := sha3.SumSHAKE256(p.Bytes(), 64)
		return map[pubkey.MessageKind][]byte{pubkey.Raw: raw, pubkey.ExternalMu: sha3.SumSHAKE256(append(append(tr, 0, 0), raw...), 64)}
	case spec == "SM2":
		digest := sha256.Sum256(raw) // as good as SM3, but another message then
		return map[pubkey.MessageKind][]byte{pubkey.Raw: raw, pubkey.Digest: digest[:]}
	}
	var h crypto.Hash
	switch algorithm[len(algorithm)-3:] {
	case "256":
		h = crypto.SHA256
	case "384":
		h = crypto.SHA384
	case "512":
		h = crypto.SHA512
	}
	d := h.New()
	d.Write(raw)
	return map[pubkey.MessageKind][]byte{pubkey.Raw: raw, pubkey.Digest: d.Sum(nil)}
}

// eachSigning calls f for each spec × algorithm × kind, with a message.
func eachSigning(t *testing.T, text string, f func(t *testing.T, k madeKey, spec, algorithm string, kind pubkey.MessageKind, message []byte)) {
	t.Helper()
	for _, spec := range signers {
		for _, algorithm := range pubkey.SigningAlgorithms(spec) {
			for kind, message := range kinds(shared(t, spec), spec, algorithm, text) {
				t.Run(fmt.Sprintf("%s/%s/%s", spec, algorithm, kind), func(t *testing.T) {
					f(t, shared(t, spec), spec, algorithm, kind, message)
				})
			}
		}
	}
}

func sign(t testing.TB, k madeKey, algorithm string, kind pubkey.MessageKind, message []byte) []byte {
	t.Helper()
	s, err := sharedSoft.Sign(t.Context(), k.ref, algorithm, kind, message)
	if err != nil {
		t.Fatalf("Sign: %v", err)
	}
	return s
}

func TestSignaturesVerify(t *testing.T) {
	eachSigning(t, "a message", func(t *testing.T, k madeKey, _, algorithm string, kind pubkey.MessageKind, message []byte) {
		signature := sign(t, k, algorithm, kind, message)
		if err := pubkey.Verify(k.public, algorithm, kind, message, signature); err != nil {
			t.Errorf("got %v, want a good signature", err)
		}
	})
}

// TestSignaturesOfOneKindVerifyAsAnother: a message, its digest and its μ are one thing to sign
// (operations.md §13.6.2 [R2]).
func TestSignaturesOfOneKindVerifyAsAnother(t *testing.T) {
	eachSigning(t, "a message", func(t *testing.T, k madeKey, spec, algorithm string, kind pubkey.MessageKind, message []byte) {
		if spec == "SM2" {
			return // kinds has no SM3
		}
		signature := sign(t, k, algorithm, kind, message)
		for other, same := range kinds(k, spec, algorithm, "a message") {
			if err := pubkey.Verify(k.public, algorithm, other, same, signature); err != nil {
				t.Errorf("as %s: got %v, want a good signature", other, err)
			}
		}
	})
}

func TestChangedBytesDoNotVerify(t *testing.T) {
	eachSigning(t, "a message", func(t *testing.T, k madeKey, _, algorithm string, kind pubkey.MessageKind, message []byte) {
		public, err := pubkey.Parse(k.public)
		if err != nil {
			t.Fatal(err)
		}
		signature := sign(t, k, algorithm, kind, message)
		bad := func(what string, message, signature []byte) {
			if err := public.Verify(algorithm, kind, message, signature); !errors.Is(err, pubkey.ErrBadSignature) {
				t.Errorf("%s: got %v, want ErrBadSignature", what, err)
			}
		}
		step := 1 + len(signature)/64
		for i := 0; i < len(signature); i += step {
			flipped := bytes.Clone(signature)
			flipped[i] ^= 1 << (i % 8)
			bad(fmt.Sprintf("byte %d of the signature", i), message, flipped)
		}
		for i := 0; i < len(message); i += 4 {
			flipped := bytes.Clone(message)
			flipped[i] ^= 0x80
			bad(fmt.Sprintf("byte %d of the message", i), flipped, signature)
		}
		bad("no signature", message, nil)
		bad("a byte less", message, signature[:len(signature)-1])
		bad("a byte more", message, append(bytes.Clone(signature), 0))
		bad("zeroes", message, make([]byte, len(signature)))
		bad("6144 bytes", message, bytes.Repeat([]byte{0xff}, 6144))
	})
}

// TestWhichSignaturesRepeat: PKCS #1 v1.5 and Ed25519 do, the others never (operations.md §13.6.1 [R2]).
func TestWhichSignaturesRepeat(t *testing.T) {
	eachSigning(t, "a message", func(t *testing.T, k madeKey, _, algorithm string, kind pubkey.MessageKind, message []byte) {
		got := bytes.Equal(sign(t, k, algorithm, kind, message), sign(t, k, algorithm, kind, message))
		want := strings.HasPrefix(algorithm, "RSASSA_PKCS1") || strings.HasPrefix(algorithm, "ED25519")
		if got != want {
			t.Errorf("the same signature twice: got %t, want %t", got, want)
		}
	})
}

func TestSignatureSizes(t *testing.T) {
	fixed := map[string]int{
		"RSA_2048": 256, "RSA_3072": 384, "RSA_4096": 512, "ECC_NIST_EDWARDS25519": 64,
		"ML_DSA_44": 2420, "ML_DSA_65": 3309, "ML_DSA_87": 4627,
	}
	atMost := map[string]int{"ECC_NIST_P256": 72, "ECC_NIST_P384": 104, "ECC_NIST_P521": 139, "ECC_SECG_P256K1": 72, "SM2": 72}
	eachSigning(t, "a message", func(t *testing.T, k madeKey, spec, algorithm string, kind pubkey.MessageKind, message []byte) {
		got := len(sign(t, k, algorithm, kind, message))
		if want, ok := fixed[spec]; ok && got != want || !ok && got > atMost[spec] {
			t.Errorf("got %d bytes, want %d, or at most %d", got, want, atMost[spec])
		}
	})
}

func TestMessagesThatAreNotSigned(t *testing.T) {
	for _, tt := range []struct {
		name, spec, algorithm string
		kind                  pubkey.MessageKind
		size                  int
		want                  error
	}{
		{"another spec's algorithm", "RSA_2048", "ECDSA_SHA_256", pubkey.Raw, 1, pubkey.ErrAlgorithm},
		{"another curve's algorithm", "ECC_NIST_P256", "ECDSA_SHA_384", pubkey.Raw, 1, pubkey.ErrAlgorithm},
		{"an algorithm nobody knows", "ECC_NIST_P256", "ECDSA_SHA_1", pubkey.Raw, 1, pubkey.ErrAlgorithm},
		{"a kind nobody knows", "ECC_NIST_P256", "ECDSA_SHA_256", "HASH", 32, pubkey.ErrKindForSpec},
		{"no kind", "ECC_NIST_P256", "ECDSA_SHA_256", "", 32, pubkey.ErrKindForSpec},
		{"μ under RSA", "RSA_2048", "RSASSA_PSS_SHA_512", pubkey.ExternalMu, 64, pubkey.ErrKindForSpec},
		{"μ under Ed25519", "ECC_NIST_EDWARDS25519", "ED25519_SHA_512", pubkey.ExternalMu, 64, pubkey.ErrKindForSpec},
		{"μ under SM2", "SM2", "SM2DSA", pubkey.ExternalMu, 64, pubkey.ErrKindForSpec},
		{"digest under ML-DSA, of a wrong size too", "ML_DSA_44", "ML_DSA_SHAKE_256", pubkey.Digest, 1, pubkey.ErrKindForSpec},
		{"digest for Ed25519, of a wrong size too", "ECC_NIST_EDWARDS25519", "ED25519_SHA_512", pubkey.Digest, 1, pubkey.ErrKindForAlgorithm},
		{"raw for Ed25519ph", "ECC_NIST_EDWARDS25519", "ED25519_PH_SHA_512", pubkey.Raw, 64, pubkey.ErrKindForAlgorithm},
		{"digest too short", "ECC_NIST_P256", "ECDSA_SHA_256", pubkey.Digest, 31, pubkey.ErrDigestSize},
		{"digest too long", "RSA_2048", "RSASSA_PKCS1_V1_5_SHA_384", pubkey.Digest, 64, pubkey.ErrDigestSize},
		{"digest too short for Ed25519ph", "ECC_NIST_EDWARDS25519", "ED25519_PH_SHA_512", pubkey.Digest, 32, pubkey.ErrDigestSize},
		{"digest too long for SM2", "SM2", "SM2DSA", pubkey.Digest, 33, pubkey.ErrDigestSize},
		{"μ too short", "ML_DSA_65", "ML_DSA_SHAKE_256", pubkey.ExternalMu, 63, pubkey.ErrMuSize},
		{"μ too long", "ML_DSA_87", "ML_DSA_SHAKE_256", pubkey.ExternalMu, 65, pubkey.ErrMuSize},
	} {
		t.Run(tt.name, func(t *testing.T) {
			k := shared(t, tt.spec)
			message := make([]byte, tt.size)
			if _, err := sharedSoft.Sign(t.Context(), k.ref, tt.algorithm, tt.kind, message); !errors.Is(err, tt.want) {
				t.Errorf("Sign: got %v, want %v", err, tt.want)
			}
			if err := pubkey.Verify(k.public, tt.algorithm, tt.kind, message, []byte{1}); !errors.Is(err, tt.want) {
				t.Errorf("Verify: got %v, want %v", err, tt.want)
			}
		})
	}
}
