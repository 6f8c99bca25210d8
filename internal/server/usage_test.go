package server_test

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"slices"
	"strings"
	"testing"

	"qkms/internal/kmstest"
)

// The table of operations.md §7.2: what each key spec may be for, and by which algorithms, in the
// order of the service.
var abilities = []struct{ spec, usage, algorithms string }{
	{"SYMMETRIC_DEFAULT", "ENCRYPT_DECRYPT", "SYMMETRIC_DEFAULT"},
	{"RSA_2048", "ENCRYPT_DECRYPT", "RSAES_OAEP_SHA_1 RSAES_OAEP_SHA_256"},
	{"RSA_3072", "ENCRYPT_DECRYPT", "RSAES_OAEP_SHA_1 RSAES_OAEP_SHA_256"},
	{"RSA_4096", "ENCRYPT_DECRYPT", "RSAES_OAEP_SHA_1 RSAES_OAEP_SHA_256"},
	{"RSA_2048", "SIGN_VERIFY", rsaAlgorithms},
	{"RSA_3072", "SIGN_VERIFY", rsaAlgorithms},
	{"RSA_4096", "SIGN_VERIFY", rsaAlgorithms},
	{"ECC_NIST_P256", "SIGN_VERIFY", "ECDSA_SHA_256"},
	{"ECC_NIST_P384", "SIGN_VERIFY", "ECDSA_SHA_384"},
	{"ECC_NIST_P521", "SIGN_VERIFY", "ECDSA_SHA_512"},
	{"ECC_SECG_P256K1", "SIGN_VERIFY", "ECDSA_SHA_256"},
	{"ECC_NIST_EDWARDS25519", "SIGN_VERIFY", "ED25519_PH_SHA_512 ED25519_SHA_512"},
	{"ML_DSA_44", "SIGN_VERIFY", "ML_DSA_SHAKE_256"},
	{"ML_DSA_65", "SIGN_VERIFY", "ML_DSA_SHAKE_256"},
	{"ML_DSA_87", "SIGN_VERIFY", "ML_DSA_SHAKE_256"},
	{"HMAC_224", "GENERATE_VERIFY_MAC", "HMAC_SHA_224"},
	{"HMAC_256", "GENERATE_VERIFY_MAC", "HMAC_SHA_256"},
	{"HMAC_384", "GENERATE_VERIFY_MAC", "HMAC_SHA_384"},
	{"HMAC_512", "GENERATE_VERIFY_MAC", "HMAC_SHA_512"},
	{"ECC_NIST_P256", "KEY_AGREEMENT", "ECDH"},
	{"ECC_NIST_P384", "KEY_AGREEMENT", "ECDH"},
	{"ECC_NIST_P521", "KEY_AGREEMENT", "ECDH"},
	{"ML_KEM_512", "ENCAPSULATE_DECAPSULATE", "ML_KEM"},
	{"ML_KEM_768", "ENCAPSULATE_DECAPSULATE", "ML_KEM"},
	{"ML_KEM_1024", "ENCAPSULATE_DECAPSULATE", "ML_KEM"},
	{"SM2", "ENCRYPT_DECRYPT", "SM2PKE"},
	{"SM2", "SIGN_VERIFY", "SM2DSA"},
	{"SM2", "KEY_AGREEMENT", "ECDH"},
}

const rsaAlgorithms = "RSASSA_PKCS1_V1_5_SHA_256 RSASSA_PKCS1_V1_5_SHA_384 RSASSA_PKCS1_V1_5_SHA_512 " +
	"RSASSA_PSS_SHA_256 RSASSA_PSS_SHA_384 RSASSA_PSS_SHA_512"

// All that the model has, compatible with the key or not.
var (
	usageNames = []string{"ENCRYPT_DECRYPT", "SIGN_VERIFY", "GENERATE_VERIFY_MAC", "KEY_AGREEMENT", "ENCAPSULATE_DECAPSULATE"}
	signers    = strings.Fields(rsaAlgorithms + " ECDSA_SHA_256 ECDSA_SHA_384 ECDSA_SHA_512 ED25519_SHA_512 ED25519_PH_SHA_512 SM2DSA ML_DSA_SHAKE_256")
	encrypters = []string{"SYMMETRIC_DEFAULT", "RSAES_OAEP_SHA_1", "RSAES_OAEP_SHA_256", "SM2PKE"}
	macers     = []string{"HMAC_SHA_224", "HMAC_SHA_256", "HMAC_SHA_384", "HMAC_SHA_512"}
)

// algorithmsMember is the member of KeyMetadata that lists what a key of a usage can do.
var algorithmsMember = map[string]string{
	"ENCRYPT_DECRYPT": "EncryptionAlgorithms", "SIGN_VERIFY": "SigningAlgorithms", "GENERATE_VERIFY_MAC": "MacAlgorithms",
	"KEY_AGREEMENT": "KeyAgreementAlgorithms", "ENCAPSULATE_DECAPSULATE": "EncapsulationAlgorithms",
}

// sizes are those of operations.md §7.4 in bytes: of the SubjectPublicKeyInfo, and of a signature, a
// MAC or a shared secret where it does not vary.
var sizes = map[string]struct{ public, made int }{
	"RSA_2048": {294, 256}, "RSA_3072": {422, 384}, "RSA_4096": {550, 512},
	"ECC_NIST_P256": {91, 32}, "ECC_NIST_P384": {120, 48}, "ECC_NIST_P521": {158, 66}, "ECC_SECG_P256K1": {88, 0},
	"ECC_NIST_EDWARDS25519": {44, 64}, "ML_DSA_44": {1334, 2420}, "ML_DSA_65": {1974, 3309}, "ML_DSA_87": {2614, 4627},
	"HMAC_224": {0, 28}, "HMAC_256": {0, 32}, "HMAC_384": {0, 48}, "HMAC_512": {0, 64},
	"ML_KEM_512": {822, 32}, "ML_KEM_768": {1206, 32}, "ML_KEM_1024": {1590, 32}, "SM2": {91, 32},
}

// A subject is a key, and a client in its Region.
type subject struct {
	spec, usage, id, arn string
	algorithms           []string

	root *kmstest.Client
}

func (k *subject) String() string { return k.spec + "/" + k.usage }

func (k *subject) can(algorithm string) bool { return slices.Contains(k.algorithms, algorithm) }

// wrongUsage is the sentence of operations.md §13.
func (k *subject) wrongUsage(operation string) verdict {
	return verdict{"InvalidKeyUsageException", fmt.Sprintf("%s key usage is %s which is not valid for %s.", k.arn, k.usage, operation)}
}

func (k *subject) wrongAlgorithm(algorithm string) verdict {
	return verdict{"InvalidKeyUsageException", fmt.Sprintf("Algorithm %s is incompatible with key spec %s.", algorithm, k.spec)}
}

// A verdict is the exception that is wanted; none: success.
type verdict struct{ code, text string }

var (
	done           verdict
	badCiphertext  = verdict{"InvalidCiphertextException", ""}
	otherKey       = verdict{"IncorrectKeyException", "The key ID in the request does not identify a CMK that can perform this operation."}
	asymmetricData = verdict{"InvalidKeyUsageException", "You cannot generate a data key with an asymmetric CMK"}
	unsupported    = verdict{"UnsupportedOperationException", ""}
)

func invalid(format string, args ...any) verdict {
	return verdict{"ValidationException", fmt.Sprintf(format, args...)}
}

// length is the sentence about a member of the wrong size, which never shows what it holds.
func length(member, which string, limit int) verdict {
	return invalid("1 validation error detected: Value at '%s' failed to satisfy constraint: Member must have length %s than or equal to %d", member, which, limit)
}

// check calls an operation and compares what becomes of it.
func (k *subject) check(t *testing.T, what, operation string, body map[string]any, want verdict) *kmstest.Reply {
	t.Helper()
	r := k.root.Call(operation, body)
	if (want == done) != (r.Status == 200) || r.Code() != want.code || r.Message() != want.text {
		t.Errorf("%s by %s, %s: got %d %.300s, want %+v", operation, k, what, r.Status, r.Raw, want)
	}
	return r
}

func TestWhatKeysDo(t *testing.T) {
	s := kmstest.New(t)
	var all []*subject
	for _, a := range abilities {
		region := kmstest.Region
		if a.spec == "SM2" {
			region = "cn-north-1"
		}
		root := s.As(kmstest.Account).In(region)
		made := root.Must("CreateKey", map[string]any{"KeySpec": a.spec, "KeyUsage": a.usage})
		all = append(all, &subject{
			a.spec, a.usage, made.String("KeyMetadata.KeyId"), made.String("KeyMetadata.Arn"), strings.Fields(a.algorithms), root,
		})
	}
	for name, part := range map[string]func(*testing.T, *subject){
		"metadata":                         checkMetadata,
		"operations":                       checkOperations,
		"signing algorithms":               checkSigners,
		"encryption algorithms":            checkEncrypters,
		"MAC algorithms":                   checkMACers,
		"message types":                    checkMessageTypes,
		"sizes of messages and plaintexts": checkSizes,
	} {
		t.Run(name, func(t *testing.T) {
			for _, k := range all {
				part(t, k)
			}
		})
	}
	t.Run("usages of specs", func(t *testing.T) { checkUsages(t, all) })
}

// checkUsages creates what §7.2 has no cell for.
func checkUsages(t *testing.T, all []*subject) {
	has := map[string]bool{}
	for _, k := range all {
		has[k.String()] = true
	}
	for _, k := range all {
		for _, usage := range usageNames {
			if !has[k.spec+"/"+usage] {
				k.check(t, "for "+usage, "CreateKey", map[string]any{"KeySpec": k.spec, "KeyUsage": usage},
					invalid("KeyUsage %s is not compatible with KeySpec %s", usage, k.spec))
			}
		}
		if k.spec != "SYMMETRIC_DEFAULT" {
			k.check(t, "without a usage", "CreateKey", map[string]any{"KeySpec": k.spec},
				invalid("You must specify a KeyUsage value for all KMS keys except for symmetric encryption keys."))
		}
	}
}

// checkMetadata holds DescribeKey and GetPublicKey against the table: this usage's list and no other.
func checkMetadata(t *testing.T, k *subject) {
	described := k.check(t, "described", "DescribeKey", map[string]any{"KeyId": k.id}, done)
	want := done
	if sizes[k.spec].public == 0 {
		want = unsupported
	}
	public := k.check(t, "downloaded", "GetPublicKey", map[string]any{"KeyId": k.id}, want)
	if want == done {
		der, err := base64.StdEncoding.DecodeString(public.String("PublicKey"))
		if err != nil || len(der) != sizes[k.spec].public {
			t.Errorf("%s: got a public key of %d bytes, want %d", k, len(der), sizes[k.spec].public)
		}
	}
	for usage, member := range algorithmsMember {
		list := ""
		if usage == k.usage {
			list = `["` + strings.Join(k.algorithms, `","`) + `"]`
		}
		if got := described.String("KeyMetadata." + member); got != list {
			t.Errorf("%s: got %s %s, want %s", k, member, got, list)
		}
		if got := public.String(member); want == done && got != list {
			t.Errorf("%s: GetPublicKey: got %s %s, want %s", k, member, got, list)
		}
	}
	for member, value := range map[string]string{"KeySpec": k.spec, "CustomerMasterKeySpec": k.spec, "KeyUsage": k.usage} {
		if got := described.String("KeyMetadata." + member); got != value {
			t.Errorf("%s: got %s %s, want %s", k, member, got, value)
		}
		if got := public.String(member); want == done && got != value {
			t.Errorf("%s: GetPublicKey: got %s %s, want %s", k, member, got, value)
		}
	}
}

// checkOperations is the matrix of usages and operations.
func checkOperations(t *testing.T, k *subject) {
	for operation, usage := range map[string]string{
		"Encrypt": "ENCRYPT_DECRYPT", "GenerateDataKey": "ENCRYPT_DECRYPT", "GenerateDataKeyWithoutPlaintext": "ENCRYPT_DECRYPT",
		"GenerateDataKeyPair": "ENCRYPT_DECRYPT", "GenerateDataKeyPairWithoutPlaintext": "ENCRYPT_DECRYPT",
		"Sign": "SIGN_VERIFY", "Verify": "SIGN_VERIFY", "GenerateMac": "GENERATE_VERIFY_MAC", "VerifyMac": "GENERATE_VERIFY_MAC",
		"DeriveSharedSecret": "KEY_AGREEMENT", "Encapsulate": "ENCAPSULATE_DECAPSULATE", "Decapsulate": "ENCAPSULATE_DECAPSULATE",
	} {
		want := k.wrongUsage(operation)
		switch {
		case k.usage != usage:
		case strings.HasPrefix(operation, "GenerateDataKey") && k.spec != "SYMMETRIC_DEFAULT":
			want = asymmetricData
		default:
			want = done
		}
		r := k.check(t, "as such", operation, k.body(operation), want)
		if want == done {
			k.checkMade(t, operation, r)
		}
	}
	k.checkReading(t)
}

// body is a request that a key of the right usage takes.
func (k *subject) body(operation string) map[string]any {
	own := func(usage string) bool { return k.usage == usage }
	in := map[string]any{"KeyId": k.id}
	switch operation {
	case "Encrypt":
		in["Plaintext"] = "aGk="
		if own("ENCRYPT_DECRYPT") {
			in["EncryptionAlgorithm"] = k.algorithms[0]
		}
	case "GenerateDataKey", "GenerateDataKeyWithoutPlaintext":
		in["KeySpec"] = "AES_256"
	case "GenerateDataKeyPair", "GenerateDataKeyPairWithoutPlaintext":
		in["KeyPairSpec"] = "ECC_NIST_P256"
	case "Sign", "Verify":
		in["Message"], in["SigningAlgorithm"], in["Signature"] = "aGk=", "ECDSA_SHA_256", "aGk="
		if own("SIGN_VERIFY") {
			in = k.signBody(k.algorithms[len(k.algorithms)-1])
			in["Signature"] = k.root.Must("Sign", in).String("Signature")
		}
	case "GenerateMac", "VerifyMac":
		in["Message"], in["MacAlgorithm"], in["Mac"] = "aGk=", "HMAC_SHA_256", "aGk="
		if own("GENERATE_VERIFY_MAC") {
			in["MacAlgorithm"] = k.algorithms[0]
			in["Mac"] = k.root.Must("GenerateMac", in).String("Mac")
		}
	case "DeriveSharedSecret":
		in["KeyAgreementAlgorithm"], in["PublicKey"] = "ECDH", "aGk="
		if own("KEY_AGREEMENT") { // deriving with one's own key is allowed (§7.5)
			in["PublicKey"] = k.root.Must("GetPublicKey", map[string]any{"KeyId": k.id}).String("PublicKey")
		}
	case "Encapsulate", "Decapsulate":
		in["EncapsulationAlgorithm"], in["SharedSecretCiphertextBlob"] = "ML_KEM", "aGk="
		if own("ENCAPSULATE_DECAPSULATE") {
			in["SharedSecretCiphertextBlob"] = k.root.Must("Encapsulate", in).String("SharedSecretCiphertextBlob")
		}
	}
	return in
}

// signBody is a request to sign two bytes, or what Ed25519ph takes instead of them.
func (k *subject) signBody(algorithm string) map[string]any {
	in := map[string]any{"KeyId": k.id, "Message": "aGk=", "SigningAlgorithm": algorithm}
	if algorithm == "ED25519_PH_SHA_512" {
		in["Message"], in["MessageType"] = make([]byte, 64), "DIGEST"
	}
	return in
}

// checkMade looks at the size of what an operation made.
func (k *subject) checkMade(t *testing.T, operation string, r *kmstest.Reply) {
	member, is := map[string]string{
		"Sign": "Signature", "GenerateMac": "Mac", "DeriveSharedSecret": "SharedSecret", "Encapsulate": "SharedSecret", "Decapsulate": "SharedSecret",
	}[operation]
	ecdsa := operation == "Sign" && strings.HasPrefix(k.algorithms[0], "ECDSA") || k.algorithms[0] == "SM2DSA"
	if !is || ecdsa { // two integers in DER, whose sizes vary
		return
	}
	made, err := base64.StdEncoding.DecodeString(r.String(member))
	if err != nil || len(made) != sizes[k.spec].made {
		t.Errorf("%s by %s: got %s of %d bytes, want %d", operation, k, member, len(made), sizes[k.spec].made)
	}
}

// checkReading is Decrypt and ReEncrypt, by every key named for a ciphertext of another one. A symmetric
// ciphertext tells whose it is, and that comes before usage (§4.2); one of RSA does not.
func (k *subject) checkReading(t *testing.T) {
	t.Helper()
	other := k.root.Must("CreateKey", `{}`).String("KeyMetadata.KeyId")
	blob := k.root.Must("Encrypt", map[string]any{"KeyId": other, "Plaintext": "aGk="}).String("CiphertextBlob")
	foreign := map[string]any{"KeyId": k.id, "SourceKeyId": k.id, "DestinationKeyId": other, "CiphertextBlob": blob}
	k.check(t, "another key's ciphertext", "Decrypt", foreign, otherKey)
	k.check(t, "another key's ciphertext", "ReEncrypt", foreign, otherKey)

	to := map[string]any{"CiphertextBlob": blob, "DestinationKeyId": k.id, "DestinationEncryptionAlgorithm": k.algorithms[0]}
	if k.usage == "ENCRYPT_DECRYPT" {
		moved := k.check(t, "as destination", "ReEncrypt", to, done).String("CiphertextBlob")
		back := map[string]any{"KeyId": k.id, "CiphertextBlob": moved, "EncryptionAlgorithm": k.algorithms[0]}
		if got := k.check(t, "what was re-encrypted", "Decrypt", back, done).String("Plaintext"); got != "aGk=" {
			t.Errorf("re-encrypted to %s: got %s, want aGk=", k, got)
		}
		return
	}
	delete(to, "DestinationEncryptionAlgorithm")
	k.check(t, "as destination", "ReEncrypt", to, k.wrongUsage("ReEncryptTo"))
	foreign["EncryptionAlgorithm"], foreign["SourceEncryptionAlgorithm"] = "RSAES_OAEP_SHA_256", "RSAES_OAEP_SHA_256"
	k.check(t, "a ciphertext of RSA", "Decrypt", foreign, k.wrongUsage("Decrypt"))
	k.check(t, "a ciphertext of RSA", "ReEncrypt", foreign, k.wrongUsage("ReEncryptFrom"))
}

// checkSigners is the matrix of signing algorithms and specs.
func checkSigners(t *testing.T, k *subject) {
	if k.usage != "SIGN_VERIFY" {
		return
	}
	for _, algorithm := range append(signers, "SYMMETRIC_DEFAULT") { // which passes the enum (§3.3)
		in, want := k.signBody(algorithm), done
		if !k.can(algorithm) {
			want = k.wrongAlgorithm(algorithm)
		}
		in["Signature"] = "aGk="
		if want == done {
			in["Signature"] = k.root.Must("Sign", in).String("Signature")
		}
		k.check(t, algorithm, "Sign", in, want)
		k.check(t, algorithm, "Verify", in, want)
		if want == done {
			in["Signature"] = "aGk="
			k.check(t, algorithm+", two bytes", "Verify", in, verdict{"KMSInvalidSignatureException", ""})
		}
	}
}

// checkEncrypters is the matrix of encryption algorithms and specs, for both directions.
func checkEncrypters(t *testing.T, k *subject) {
	if k.usage != "ENCRYPT_DECRYPT" {
		return
	}
	blob := k.root.Must("Encrypt", k.body("Encrypt")).String("CiphertextBlob")
	for _, algorithm := range encrypters {
		in := map[string]any{"KeyId": k.id, "Plaintext": "aGk=", "EncryptionAlgorithm": algorithm}
		want := done
		if !k.can(algorithm) {
			want = k.wrongAlgorithm(algorithm)
		}
		k.check(t, algorithm, "Encrypt", in, want)
		in = map[string]any{"KeyId": k.id, "CiphertextBlob": blob, "EncryptionAlgorithm": algorithm}
		switch {
		case algorithm == "SYMMETRIC_DEFAULT" && k.spec != algorithm: // as when it was left out (§8.2)
			want = badCiphertext
		case want == done && algorithm != k.algorithms[0]: // the key's, but not the ciphertext's
			want = badCiphertext
		}
		k.check(t, algorithm, "Decrypt", in, want)
		if k.spec != "SYMMETRIC_DEFAULT" && k.can(algorithm) {
			delete(in, "KeyId")
			k.check(t, algorithm+" without a key", "Decrypt", in, invalid("KeyId must not be null"))
			in = map[string]any{"KeyId": k.id, "Plaintext": "aGk=", "EncryptionAlgorithm": algorithm, "EncryptionContext": map[string]string{"a": "b"}}
			k.check(t, algorithm+" in a context", "Encrypt", in, invalid("EncryptionContext is not supported when encrypting/decrypting with asymmetric CMKs."))
		}
	}
}

// checkMACers is the matrix of MAC algorithms and specs.
func checkMACers(t *testing.T, k *subject) {
	if k.usage != "GENERATE_VERIFY_MAC" {
		return
	}
	for _, algorithm := range macers {
		in := k.body("VerifyMac")
		in["MacAlgorithm"] = algorithm
		want := done
		if !k.can(algorithm) {
			want = k.wrongAlgorithm(algorithm)
		}
		k.check(t, algorithm, "GenerateMac", in, want)
		k.check(t, algorithm, "VerifyMac", in, want)
	}
	in := k.body("VerifyMac")
	in["Mac"] = "aGk="
	k.check(t, "a short MAC", "VerifyMac", in, verdict{"KMSInvalidMacException", ""})
}

// digests are the sizes of what DIGEST takes, by the end of the algorithm's name (§7.4).
var digests = map[string]int{"SHA_256": 32, "SHA_384": 48, "SHA_512": 64, "SM2DSA": 32}

func digestOf(algorithm string) int {
	for name, n := range digests {
		if strings.HasSuffix(algorithm, name) {
			return n
		}
	}
	return 0
}

// checkMessageTypes is RAW, DIGEST and EXTERNAL_MU with every algorithm, at every size that matters.
func checkMessageTypes(t *testing.T, k *subject) {
	if k.usage != "SIGN_VERIFY" {
		return
	}
	for _, algorithm := range k.algorithms {
		n := digestOf(algorithm)
		for _, kind := range []string{"RAW", "DIGEST", "EXTERNAL_MU"} {
			for _, size := range []int{1, n - 1, n, n + 1, 63, 64, 65, 4096} {
				if size < 1 {
					continue
				}
				want := k.message(algorithm, kind, size)
				in := map[string]any{"KeyId": k.id, "SigningAlgorithm": algorithm, "MessageType": kind, "Message": make([]byte, size), "Signature": "aGk="}
				what := fmt.Sprintf("%s of %d bytes with %s", kind, size, algorithm)
				in["Signature"] = k.check(t, what, "Sign", in, want).String("Signature")
				if want != done {
					in["Signature"] = "aGk="
				}
				k.check(t, what, "Verify", in, want)
			}
		}
	}
}

// message is what becomes of a message (§13.6.1): the spec is looked at before the algorithm, and both
// before the size.
func (k *subject) message(algorithm, kind string, size int) verdict {
	mldsa := algorithm == "ML_DSA_SHAKE_256"
	switch {
	case kind == "EXTERNAL_MU" && !mldsa, kind == "DIGEST" && mldsa:
		return invalid("Message type %s is incompatible with key spec %s.", kind, k.spec)
	case kind == "DIGEST" && algorithm == "ED25519_SHA_512", kind == "RAW" && algorithm == "ED25519_PH_SHA_512":
		return invalid("Message type %s is incompatible with algorithm %s.", kind, algorithm)
	case kind == "DIGEST" && size != digestOf(algorithm):
		return invalid("Digest is invalid length for algorithm %s.", algorithm)
	case kind == "EXTERNAL_MU" && size != 64:
		return invalid("External Mu is invalid length for algorithm ML_DSA_SHAKE_256.")
	}
	return done
}

// most is how much one Encrypt takes (§7.4).
var most = map[string]int{
	"SYMMETRIC_DEFAULT/SYMMETRIC_DEFAULT": 4096, "SM2/SM2PKE": 1024,
	"RSA_2048/RSAES_OAEP_SHA_1": 214, "RSA_2048/RSAES_OAEP_SHA_256": 190,
	"RSA_3072/RSAES_OAEP_SHA_1": 342, "RSA_3072/RSAES_OAEP_SHA_256": 318,
	"RSA_4096/RSAES_OAEP_SHA_1": 470, "RSA_4096/RSAES_OAEP_SHA_256": 446,
}

// checkSizes goes to each limit, and one byte past it.
func checkSizes(t *testing.T, k *subject) {
	sized := func(operation, member string, size int, want verdict) {
		t.Helper()
		in := k.body(operation)
		in[member] = make([]byte, size)
		k.check(t, fmt.Sprintf("%s of %d bytes", member, size), operation, in, want)
	}
	switch k.usage {
	case "ENCRYPT_DECRYPT":
		sized("Encrypt", "Plaintext", 0, length("plaintext", "greater", 1))
		sized("Encrypt", "Plaintext", 4097, length("plaintext", "less", 4096))
		sized("Decrypt", "CiphertextBlob", 6145, length("ciphertextBlob", "less", 6144))
		for _, algorithm := range k.algorithms {
			k.checkPlaintext(t, algorithm, most[k.spec+"/"+algorithm])
		}
	case "SIGN_VERIFY":
		sized("Sign", "Message", 0, length("message", "greater", 1))
		sized("Sign", "Message", 4097, length("message", "less", 4096))
		sized("Verify", "Signature", 6144, verdict{"KMSInvalidSignatureException", ""})
		sized("Verify", "Signature", 6145, length("signature", "less", 6144))
	case "GENERATE_VERIFY_MAC":
		sized("GenerateMac", "Message", 0, length("message", "greater", 1))
		sized("GenerateMac", "Message", 4096, done)
		sized("GenerateMac", "Message", 4097, length("message", "less", 4096))
		sized("VerifyMac", "Mac", 6144, verdict{"KMSInvalidMacException", ""})
		sized("VerifyMac", "Mac", 6145, length("mac", "less", 6144))
	case "KEY_AGREEMENT":
		sized("DeriveSharedSecret", "PublicKey", 8192, verdict{"ValidationException", ""})
		sized("DeriveSharedSecret", "PublicKey", 8193, length("publicKey", "less", 8192))
	}
}

// checkPlaintext encrypts n bytes and reads them back, and fails to encrypt one more.
func (k *subject) checkPlaintext(t *testing.T, algorithm string, n int) {
	t.Helper()
	plaintext := bytes.Repeat([]byte{0xa5}, n)
	in := map[string]any{"KeyId": k.id, "EncryptionAlgorithm": algorithm, "Plaintext": plaintext}
	in["CiphertextBlob"] = k.check(t, fmt.Sprintf("%d bytes with %s", n, algorithm), "Encrypt", in, done).String("CiphertextBlob")
	got := k.check(t, algorithm, "Decrypt", in, done).String("Plaintext")
	if got != base64.StdEncoding.EncodeToString(plaintext) {
		t.Errorf("%s with %s: %d bytes came back as %s", k, algorithm, n, got)
	}
	if n == 4096 {
		return // the model's own limit
	}
	in["Plaintext"] = append(plaintext, 0xa5)
	k.check(t, fmt.Sprintf("%d bytes with %s", n+1, algorithm), "Encrypt", in,
		invalid("Algorithm %s and key spec %s cannot encrypt data larger than %d bytes.", algorithm, k.spec, n))
}
