package console

import "strings"

// A wrapping is how material is wrapped on its way here.
type wrapping struct {
	Algorithm string
	Size      string // of the wrapping key: RSA_2048 …
}

// wrappingsFor are the algorithms that a key of spec can be imported by, the best first; all of them of a key that may not be
// described. Private keys of RSA are longer than what RSA encrypts, so that an AES key goes between.
func wrappingsFor(spec string) []string {
	direct, twice := []string{"RSAES_OAEP_SHA_256", "RSAES_OAEP_SHA_1"}, []string{"RSA_AES_KEY_WRAP_SHA_256", "RSA_AES_KEY_WRAP_SHA_1"}
	switch {
	case spec == "SYMMETRIC_DEFAULT" || strings.HasPrefix(spec, "HMAC_"):
		return direct
	case strings.HasPrefix(spec, "RSA_"):
		return twice
	}
	return append(twice, direct...)
}

// Twice reports whether material is wrapped under an AES key, and that under the wrapping key.
func (w wrapping) Twice() bool { return strings.HasPrefix(w.Algorithm, "RSA_AES_KEY_WRAP_") }

// wrapCommands are lines for a shell, with OpenSSL 3 or newer.
type wrapCommands struct{ Make, Wrap string }

// rawSizes are how long the material of a key spec is, in bytes, where it is just bytes.
var rawSizes = map[string]string{"SYMMETRIC_DEFAULT": "32", "HMAC_224": "28", "HMAC_256": "32", "HMAC_384": "48", "HMAC_512": "64"}

// generators are what OpenSSL makes the private keys of a key spec with.
var generators = map[string]string{
	"RSA_2048":              "RSA -pkeyopt rsa_keygen_bits:2048",
	"RSA_3072":              "RSA -pkeyopt rsa_keygen_bits:3072",
	"RSA_4096":              "RSA -pkeyopt rsa_keygen_bits:4096",
	"ECC_NIST_P256":         "EC -pkeyopt ec_paramgen_curve:P-256",
	"ECC_NIST_P384":         "EC -pkeyopt ec_paramgen_curve:P-384",
	"ECC_NIST_P521":         "EC -pkeyopt ec_paramgen_curve:P-521",
	"ECC_SECG_P256K1":       "EC -pkeyopt ec_paramgen_curve:secp256k1",
	"ECC_NIST_EDWARDS25519": "ED25519",
}

// commands are those for material of a key of spec. TestWrapCommands does what they say.
func (w wrapping) commands(spec string) (c wrapCommands) {
	if n := rawSizes[spec]; n != "" {
		c.Make = "openssl rand -out key-material.bin " + n
	} else if g := generators[spec]; g != "" {
		c.Make = "openssl genpkey -algorithm " + g + " |\n  openssl pkcs8 -topk8 -nocrypt -outform DER -out key-material.bin"
	}
	if !w.Twice() {
		c.Wrap = w.encrypt("key-material.bin", "wrapped-material.bin")
		return c
	}
	c.Wrap = strings.Join([]string{
		"openssl rand -out aes-key.bin 32",
		w.encrypt("aes-key.bin", "wrapped-aes-key.bin"),
		"openssl enc -e -id-aes256-wrap-pad -iv A65959A6 \\\n  -K \"$(od -An -v -tx1 aes-key.bin | tr -d ' \\n')\" \\\n  -in key-material.bin -out wrapped-key.bin",
		"cat wrapped-aes-key.bin wrapped-key.bin > wrapped-material.bin",
		"rm aes-key.bin",
	}, "\n")
	return c
}

// encrypt is RSAES-OAEP (RFC 8017 §7.1), with the same hash for the mask.
func (w wrapping) encrypt(in, out string) string {
	hash := "sha256"
	if strings.HasSuffix(w.Algorithm, "_SHA_1") {
		hash = "sha1"
	}
	return "openssl pkeyutl -encrypt -pubin -keyform DER -inkey wrapping-key.der \\\n  -pkeyopt rsa_padding_mode:oaep -pkeyopt rsa_oaep_md:" + hash + " -pkeyopt rsa_mgf1_md:" + hash + " \\\n  -in " + in + " -out " + out
}
