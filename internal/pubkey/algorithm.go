package pubkey

import (
	"crypto"
	_ "crypto/sha1"
	_ "crypto/sha256"
	_ "crypto/sha512"
	"fmt"
	"slices"
	"strings"
)

// A MessageKind says what the bytes of a message to sign are: the MessageType of the API.
type MessageKind string

const (
	Raw        MessageKind = "RAW"         // the message itself
	Digest     MessageKind = "DIGEST"      // its hash by the algorithm's hash function
	ExternalMu MessageKind = "EXTERNAL_MU" // μ of FIPS 204, Algorithm 7, line 6; ML-DSA only
)

// MuSize is the size of μ in bytes.
const MuSize = 64

// rsaSigning and the lists in signing are in the order in which the API returns them
// (operations.md §7.2).
var rsaSigning = []string{
	"RSASSA_PKCS1_V1_5_SHA_256", "RSASSA_PKCS1_V1_5_SHA_384", "RSASSA_PKCS1_V1_5_SHA_512",
	"RSASSA_PSS_SHA_256", "RSASSA_PSS_SHA_384", "RSASSA_PSS_SHA_512",
}

var signing = map[string][]string{
	"RSA_2048":              rsaSigning,
	"RSA_3072":              rsaSigning,
	"RSA_4096":              rsaSigning,
	"ECC_NIST_P256":         {"ECDSA_SHA_256"},
	"ECC_NIST_P384":         {"ECDSA_SHA_384"},
	"ECC_NIST_P521":         {"ECDSA_SHA_512"},
	"ECC_SECG_P256K1":       {"ECDSA_SHA_256"},
	"ECC_NIST_EDWARDS25519": {"ED25519_PH_SHA_512", "ED25519_SHA_512"},
	"ML_DSA_44":             {"ML_DSA_SHAKE_256"},
	"ML_DSA_65":             {"ML_DSA_SHAKE_256"},
	"ML_DSA_87":             {"ML_DSA_SHAKE_256"},
	"SM2":                   {"SM2DSA"},
}

// SigningAlgorithms are those of a key spec, in the order of the API; none for a spec that does not
// sign. The caller does not change the slice.
func SigningAlgorithms(spec string) []string { return signing[spec] }

// hashes holds the hash function of each signing algorithm that signs a digest.
var hashes = map[string]crypto.Hash{
	"RSASSA_PKCS1_V1_5_SHA_256": crypto.SHA256,
	"RSASSA_PKCS1_V1_5_SHA_384": crypto.SHA384,
	"RSASSA_PKCS1_V1_5_SHA_512": crypto.SHA512,
	"RSASSA_PSS_SHA_256":        crypto.SHA256,
	"RSASSA_PSS_SHA_384":        crypto.SHA384,
	"RSASSA_PSS_SHA_512":        crypto.SHA512,
	"ECDSA_SHA_256":             crypto.SHA256,
	"ECDSA_SHA_384":             crypto.SHA384,
	"ECDSA_SHA_512":             crypto.SHA512,
	"ED25519_PH_SHA_512":        crypto.SHA512,
}

const sm3Size = 32

// digestSize is the size of a message of kind Digest.
func digestSize(algorithm string) int {
	if algorithm == "SM2DSA" {
		return sm3Size
	}
	return hashes[algorithm].Size()
}

// CheckMessage says whether a key of spec signs a message of size bytes that is of kind, with
// algorithm. What it returns first if several things are wrong is what the API answers: ErrAlgorithm,
// ErrKindForSpec, ErrKindForAlgorithm, then ErrDigestSize or ErrMuSize (operations.md §4.1, §13.6.1).
func CheckMessage(spec, algorithm string, kind MessageKind, size int) error {
	switch {
	case !slices.Contains(signing[spec], algorithm):
		return fmt.Errorf("%s under %s: %w", algorithm, spec, ErrAlgorithm)
	case !kindOfSpec(spec, kind):
		return fmt.Errorf("%q under %s: %w", kind, spec, ErrKindForSpec)
	case algorithm == "ED25519_SHA_512" && kind != Raw, algorithm == "ED25519_PH_SHA_512" && kind != Digest:
		return fmt.Errorf("%q with %s: %w", kind, algorithm, ErrKindForAlgorithm)
	case kind == Digest && size != digestSize(algorithm):
		return fmt.Errorf("%d bytes with %s: %w", size, algorithm, ErrDigestSize)
	case kind == ExternalMu && size != MuSize:
		return fmt.Errorf("%d bytes: %w", size, ErrMuSize)
	}
	return nil
}

func kindOfSpec(spec string, kind MessageKind) bool {
	if strings.HasPrefix(spec, "ML_DSA_") {
		return kind == Raw || kind == ExternalMu
	}
	return kind == Raw || kind == Digest
}

// Hashed returns the digest that an RSA or ECDSA algorithm signs for a message that passed CheckMessage,
// with the hash function it is of.
func Hashed(algorithm string, kind MessageKind, message []byte) (crypto.Hash, []byte) {
	h := hashes[algorithm]
	if kind == Digest {
		return h, message
	}
	return h, sum(h, message)
}

func sum(h crypto.Hash, message []byte) []byte {
	d := h.New()
	d.Write(message)
	return d.Sum(nil)
}

// maxSM2 is what the API takes; the construction has no limit near it.
const maxSM2 = 1024

// MaxPlaintext is how many bytes one Encrypt takes; 0 when spec does not encrypt with algorithm. For
// RSAES-OAEP it is the modulus less two digests and two bytes (RFC 8017 §7.1.1). SYMMETRIC_DEFAULT has
// no public key, and so no entry.
func MaxPlaintext(spec, algorithm string) int {
	h, ok := OAEPHash(algorithm)
	switch {
	case ok && modulusSize(spec) != 0:
		return modulusSize(spec) - 2*h.Size() - 2
	case spec == "SM2" && algorithm == "SM2PKE":
		return maxSM2
	}
	return 0
}

// OAEPHash is the hash function of an RSAES_OAEP algorithm, which MGF1 uses too.
func OAEPHash(algorithm string) (h crypto.Hash, ok bool) {
	switch algorithm {
	case "RSAES_OAEP_SHA_1":
		return crypto.SHA1, true
	case "RSAES_OAEP_SHA_256":
		return crypto.SHA256, true
	}
	return 0, false
}

// modulusSize is the size of an RSA spec's modulus in bytes; 0 for other specs.
func modulusSize(spec string) int {
	switch spec {
	case "RSA_2048":
		return 2048 / 8
	case "RSA_3072":
		return 3072 / 8
	case "RSA_4096":
		return 4096 / 8
	}
	return 0
}
