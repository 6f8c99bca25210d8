package server_test

import (
	"bytes"
	"cmp"
	"context"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"qkms/internal/key"
	"qkms/internal/kmstest"
	"qkms/internal/record"
	"qkms/internal/record/recordpb"
)

// fields is a request body.
type fields map[string]any

// An importer imports into one key, as its owner does: with one wrapping key, which may be used again.
type importer struct {
	t         *testing.T
	client    *kmstest.Client
	id, arn   string
	algorithm string
	public    []byte
	token     string
}

// external makes a key without material and its importer.
func external(t *testing.T, c *kmstest.Client, create fields) *importer {
	t.Helper()
	create["Origin"] = "EXTERNAL"
	made := c.Must("CreateKey", create)
	return &importer{t: t, client: c, id: made.String("KeyMetadata.KeyId"), arn: made.String("KeyMetadata.Arn"), algorithm: "RSAES_OAEP_SHA_256"}
}

func usageOf(spec string) string {
	switch {
	case spec == "SYMMETRIC_DEFAULT":
		return "ENCRYPT_DECRYPT"
	case strings.HasPrefix(spec, "HMAC"):
		return "GENERATE_VERIFY_MAC"
	}
	return "SIGN_VERIFY"
}

func externalOf(t *testing.T, c *kmstest.Client, spec string) *importer {
	t.Helper()
	i := external(t, c, fields{"KeySpec": spec, "KeyUsage": usageOf(spec)})
	if strings.HasPrefix(spec, "RSA") {
		i.algorithm = "RSA_AES_KEY_WRAP_SHA_256"
	}
	return i
}

// parameters fetches a wrapping key.
func (i *importer) parameters(wrappingSpec string) {
	i.t.Helper()
	r := i.client.Must("GetParametersForImport", fields{"KeyId": i.id, "WrappingAlgorithm": i.algorithm, "WrappingKeySpec": wrappingSpec})
	public, err := base64.StdEncoding.DecodeString(r.String("PublicKey"))
	if err != nil {
		i.t.Fatal(err)
	}
	i.public, i.token = public, r.String("ImportToken")
}

// wrap returns the request that imports material, never to expire unless more says otherwise.
func (i *importer) wrap(material []byte, more fields) fields {
	i.t.Helper()
	if i.token == "" {
		i.parameters("RSA_2048")
	}
	body := fields{
		"KeyId": i.id, "ImportToken": i.token, "ExpirationModel": "KEY_MATERIAL_DOES_NOT_EXPIRE",
		"EncryptedKeyMaterial": base64.StdEncoding.EncodeToString(kmstest.Wrap(i.t, i.public, i.algorithm, material)),
	}
	for k, v := range more {
		body[k] = v
		if v == nil {
			delete(body, k)
		}
	}
	return body
}

func (i *importer) send(material []byte, more fields) *kmstest.Reply {
	i.t.Helper()
	return i.client.Call("ImportKeyMaterial", i.wrap(material, more))
}

// must imports and returns the KeyMaterialId.
func (i *importer) must(material []byte, more fields) string {
	i.t.Helper()
	return i.client.Must("ImportKeyMaterial", i.wrap(material, more)).String("KeyMaterialId")
}

func (i *importer) state() string {
	i.t.Helper()
	return i.client.Must("DescribeKey", fields{"KeyId": i.id}).String("KeyMetadata.KeyState")
}

func (i *importer) expect(reply *kmstest.Reply, code, message string) {
	i.t.Helper()
	if reply.Code() != code || reply.Message() != message {
		i.t.Errorf("got %s, want %s %s", reply.Raw, code, message)
	}
}

// in is i's replica in another Region.
func (i *importer) in(region string) *importer {
	other := *i
	other.client, other.token = i.client.In(region), ""
	other.arn = strings.Replace(i.arn, ":"+i.client.Region+":", ":"+region+":", 1)
	return &other
}

func random(n int) []byte {
	b := make([]byte, n)
	_, _ = rand.Read(b)
	return b
}

func within(s *kmstest.Server, d time.Duration) fields {
	return fields{"ExpirationModel": "KEY_MATERIAL_EXPIRES", "ValidTo": s.Clock.Now().Add(d).Unix()}
}

// ownMaterial is a material of spec as its owner has it, and the public key if it has one.
func ownMaterial(t *testing.T, spec string) (material, public []byte) {
	t.Helper()
	var private, pub any
	var err error
	switch spec {
	case "SYMMETRIC_DEFAULT", "HMAC_256":
		return random(32), nil
	case "HMAC_224":
		return random(28), nil
	case "HMAC_384":
		return random(48), nil
	case "HMAC_512":
		return random(64), nil
	case "ECC_NIST_EDWARDS25519":
		pub, private, err = ed25519.GenerateKey(rand.Reader)
	case "ECC_SECG_P256K1":
		return mustHex(t, secp256k1PKCS8), mustHex(t, secp256k1SPKI)
	case "RSA_2048", "RSA_3072", "RSA_4096":
		k, e := rsa.GenerateKey(rand.Reader, map[string]int{"RSA_2048": 2048, "RSA_3072": 3072, "RSA_4096": 4096}[spec])
		private, pub, err = k, k.Public(), e
	default:
		curve := map[string]elliptic.Curve{"ECC_NIST_P256": elliptic.P256(), "ECC_NIST_P384": elliptic.P384(), "ECC_NIST_P521": elliptic.P521()}[spec]
		k, e := ecdsa.GenerateKey(curve, rand.Reader)
		private, pub, err = k, k.Public(), e
	}
	if err != nil {
		t.Fatal(err)
	}
	if material, err = x509.MarshalPKCS8PrivateKey(private); err != nil {
		t.Fatal(err)
	}
	if public, err = x509.MarshalPKIXPublicKey(pub); err != nil {
		t.Fatal(err)
	}
	return material, public
}

// A key on secp256k1, which the standard library cannot make:
// openssl ecparam -name secp256k1 -genkey -noout | openssl pkcs8 -topk8 -nocrypt -outform DER, and its public key.
const (
	secp256k1PKCS8 = "308184020100301006072a8648ce3d020106052b8104000a046d306b020101042053edd075be7e5bd4fe6dffc71c8a8a7963" +
		"67d92f57c3455c4a1ca58b0609a9f6a144034200045cdf217919e390da7dec70a868573ee23f163cda7cbd37af2af7c17619" +
		"bef6174a8a216ee428b838e27b4e614fe0cec05cbe53b80a55b97002bc5afa8840953b"
	secp256k1SPKI = "3056301006072a8648ce3d020106052b8104000a034200045cdf217919e390da7dec70a868573ee23f163cda7cbd37af2af7" +
		"c17619bef6174a8a216ee428b838e27b4e614fe0cec05cbe53b80a55b97002bc5afa8840953b"
)

func mustHex(t *testing.T, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(s)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// operations.md §10.6, row by row: for each spec the combinations that are allowed, of OAEP and of
// RSA_AES_KEY_WRAP with the wrapping key specs.
var wrappingTable = map[string]string{
	"SYMMETRIC_DEFAULT":     "OAEP 2048 3072 4096",
	"HMAC_224":              "OAEP 2048 3072 4096",
	"HMAC_256":              "OAEP 2048 3072 4096",
	"HMAC_384":              "OAEP 2048 3072 4096",
	"HMAC_512":              "OAEP 2048 3072 4096",
	"RSA_2048":              "AES 2048 3072 4096",
	"RSA_3072":              "AES 2048 3072 4096",
	"RSA_4096":              "AES 2048 3072 4096",
	"ECC_NIST_P256":         "OAEP 2048 3072 4096 AES 2048 3072 4096",
	"ECC_NIST_P384":         "OAEP 2048 3072 4096 AES 2048 3072 4096",
	"ECC_SECG_P256K1":       "OAEP 2048 3072 4096 AES 2048 3072 4096",
	"ECC_NIST_P521":         "OAEP 3072 4096 AES 2048 3072 4096",
	"ECC_NIST_EDWARDS25519": "OAEP 3072 4096 AES 2048 3072 4096",
}

// allowed reads the table.
func allowed(spec, algorithm, wrappingSpec string) bool {
	family := map[bool]string{true: "AES", false: "OAEP"}[strings.HasPrefix(algorithm, "RSA_AES")]
	if strings.HasPrefix(algorithm, "RSAES_PKCS1") || algorithm == "SM2PKE" {
		return false
	}
	at := ""
	for _, word := range strings.Fields(wrappingTable[spec]) {
		if word == "OAEP" || word == "AES" {
			at = word
		} else if at == family && wrappingSpec == "RSA_"+word {
			return true
		}
	}
	return false
}

// Every combination of key spec, wrapping algorithm and wrapping key spec is refused or works. A wrapping
// key takes seconds to make, so of those that work each spec tries the smallest; custody/soft tries them all.
func TestImportOfEverySpec(t *testing.T) {
	s := kmstest.New(t)
	root := s.As(kmstest.Account)
	for spec := range wrappingTable {
		t.Run(spec, func(t *testing.T) {
			i := externalOf(t, root, spec)
			tried := map[string]bool{}
			material, public := ownMaterial(t, spec)
			for _, algorithm := range []string{
				"RSAES_PKCS1_V1_5", "RSAES_OAEP_SHA_1", "RSAES_OAEP_SHA_256", "RSA_AES_KEY_WRAP_SHA_1", "RSA_AES_KEY_WRAP_SHA_256", "SM2PKE",
			} {
				for _, wrappingSpec := range []string{"SM2", "RSA_2048", "RSA_3072", "RSA_4096"} {
					if !allowed(spec, algorithm, wrappingSpec) {
						got := root.Call("GetParametersForImport", fields{"KeyId": i.id, "WrappingAlgorithm": algorithm, "WrappingKeySpec": wrappingSpec})
						i.expect(got, "ValidationException", fmt.Sprintf(
							"Wrapping algorithm %s and wrapping key spec %s cannot be used to import a %s key.", algorithm, wrappingSpec, spec))
						continue
					}
					if tried[algorithm] {
						continue
					}
					tried[algorithm] = true
					i.algorithm = algorithm
					i.parameters(wrappingSpec)
					checkImported(t, i, spec, i.send(material, nil), public)
				}
			}
		})
	}
}

func checkImported(t *testing.T, i *importer, spec string, got *kmstest.Reply, public []byte) {
	t.Helper()
	id := got.String("KeyMaterialId")
	if got.Status != 200 || got.String("KeyId") != i.arn || (id != "") != (spec == "SYMMETRIC_DEFAULT") {
		t.Fatalf("by %s: got %s", i.algorithm, got.Raw)
	}
	m := i.client.Must("DescribeKey", fields{"KeyId": i.id})
	if m.String("KeyMetadata.KeyState") != "Enabled" || m.String("KeyMetadata.Enabled") != "true" ||
		m.String("KeyMetadata.ExpirationModel") != "KEY_MATERIAL_DOES_NOT_EXPIRE" || m.String("KeyMetadata.CurrentKeyMaterialId") != id {
		t.Errorf("by %s: got %s", i.algorithm, m.Raw)
	}
	if public != nil {
		if got := i.client.Must("GetPublicKey", fields{"KeyId": i.id}).String("PublicKey"); got != base64.StdEncoding.EncodeToString(public) {
			t.Errorf("by %s: got public key %s, want %x", i.algorithm, got, public)
		}
	}
}

// The rows of operations.md §10.5 that are about the request, not about what is wrapped.
func TestImportParameters(t *testing.T) {
	s := kmstest.New(t)
	root := s.As(kmstest.Account)
	i := external(t, root, fields{})
	now := s.Clock.Now()
	for _, tt := range []struct {
		name string
		more fields
		want string
	}{
		{"no model and no date", fields{"ExpirationModel": nil}, "A validTo date must be set if the ExpirationModel is KEY_MATERIAL_EXPIRES"},
		{"a model without a date", fields{"ExpirationModel": "KEY_MATERIAL_EXPIRES"}, "A validTo date must be set if the ExpirationModel is KEY_MATERIAL_EXPIRES"},
		{"a date without expiry", fields{"ValidTo": now.Unix() + 60}, "A validTo date cannot be set if the ExpirationModel is KEY_MATERIAL_DOES_NOT_EXPIRE"},
		{"a date in the past", within(s, -time.Minute), "ValidTo must be in the future"},
		{"the first of all dates", fields{"ExpirationModel": nil, "ValidTo": 0}, "ValidTo must be in the future"},
		{"this very second", fields{"ExpirationModel": nil, "ValidTo": now.Unix()}, "ValidTo must be in the future"},
		{"more than a year", within(s, 365*24*time.Hour+2*time.Second), "ValidTo must be less than 365 days in the future"},
		{"an id for what is new by default", fields{"KeyMaterialId": strings.Repeat("a", 64)}, "Input parameter keyMaterialId cannot be used with NEW_KEY_MATERIAL importType."},
		{"an id for what is new", fields{"ImportType": "NEW_KEY_MATERIAL", "KeyMaterialId": strings.Repeat("a", 64)}, "Input parameter keyMaterialId cannot be used with NEW_KEY_MATERIAL importType."},
	} {
		t.Run(tt.name, func(t *testing.T) {
			i.t = t
			i.expect(i.send(random(32), tt.more), "ValidationException", tt.want)
		})
	}
	for _, spec := range []string{"HMAC_256", "ECC_NIST_P256"} {
		i := externalOf(t, root, spec)
		for member, value := range map[string]string{
			"ImportType": "NEW_KEY_MATERIAL", "KeyMaterialId": strings.Repeat("a", 64), "KeyMaterialDescription": "mine",
		} {
			name := strings.ToLower(member[:1]) + member[1:]
			i.expect(i.send(random(32), fields{member: value}), "ValidationException", "Input parameter "+name+" cannot be used with "+spec+" imported keys.")
		}
	}
}

// The origin of a key comes before its state (§9.3: O).
func TestImportIntoGeneratedKeys(t *testing.T) {
	s := kmstest.New(t)
	root := s.As(kmstest.Account)
	for _, state := range append([]string{key.Enabled}, columns...) {
		made := root.Must("CreateKey", fields{})
		id, arn := made.String("KeyMetadata.KeyId"), made.String("KeyMetadata.Arn")
		force(t, s, id, state)
		origin := cmp.Or(origins[state], "AWS_KMS")
		if origin == "EXTERNAL" {
			continue // a state that only imported keys are in
		}
		for operation, body := range map[string]fields{
			"GetParametersForImport":    {"KeyId": id, "WrappingAlgorithm": "RSAES_OAEP_SHA_256", "WrappingKeySpec": "RSA_2048"},
			"ImportKeyMaterial":         {"KeyId": id, "ImportToken": "aGk=", "EncryptedKeyMaterial": "aGk="},
			"DeleteImportedKeyMaterial": {"KeyId": id},
		} {
			got := root.Call(operation, body)
			if got.Code() != "UnsupportedOperationException" || got.Message() != arn+" origin is "+origin+" which is not valid for this operation." {
				t.Errorf("%s on a key that is %s: got %s, want its origin refused", operation, state, got.Raw)
			}
		}
	}
}

// A token is for one key, for a day, as often as one likes.
func TestImportTokens(t *testing.T) {
	s := kmstest.New(t)
	root := s.As(kmstest.Account)
	i := external(t, root, fields{})
	i.parameters("RSA_2048")
	first := *i
	i.parameters("RSA_2048")
	other := external(t, root, fields{})
	other.parameters("RSA_2048")
	hmac := externalOf(t, root, "HMAC_256")

	material := random(32)
	for name, token := range map[string]string{
		"not a token":           "aGk=",
		"of another key":        other.token,
		"cut short":             base64.StdEncoding.EncodeToString([]byte(i.token)[:100]),
		"of nobody":             base64.StdEncoding.EncodeToString(random(3000)),
		"a page marker's shape": base64.StdEncoding.EncodeToString([]byte("AQAAAAE")),
	} {
		t.Run(name, func(t *testing.T) {
			i.expect(i.send(material, fields{"ImportToken": token}), "InvalidImportTokenException", "")
		})
	}
	hmac.public, hmac.token = i.public, i.token
	hmac.expect(hmac.send(random(32), nil), "InvalidImportTokenException", "")
	i.expect(i.send(material, fields{"ImportToken": first.token}), "InvalidCiphertextException", "") // not the pair
	for range 2 {
		i.must(material, nil)
		first.must(material, nil) // the older stays valid
	}
	s.Restart()
	s.Clock.Advance(24*time.Hour - time.Second)
	i.must(material, nil)
	s.Clock.Advance(time.Second)
	i.expect(i.send(material, nil), "ExpiredImportTokenException", "")
}

// What does not unwrap to a material of the spec has one answer, without a word.
func TestImportOfWrongMaterial(t *testing.T) {
	s := kmstest.New(t)
	root := s.As(kmstest.Account)
	p256, _ := ownMaterial(t, "ECC_NIST_P256")
	ed, _ := ownMaterial(t, "ECC_NIST_EDWARDS25519")
	for _, tt := range []struct {
		name, spec string
		material   []byte
	}{
		{"too short", "SYMMETRIC_DEFAULT", random(31)},
		{"too long", "SYMMETRIC_DEFAULT", random(33)},
		{"nothing", "SYMMETRIC_DEFAULT", nil},
		{"of a shorter HMAC", "HMAC_384", random(32)},
		{"of a longer HMAC", "HMAC_224", random(32)},
		{"raw bytes", "ECC_NIST_P256", random(32)},
		{"of another curve", "ECC_NIST_P384", p256},
		{"of another kind", "ECC_NIST_P256", ed},
		{"with a byte behind", "ECC_NIST_P256", append(slices.Clone(p256), 0)},
		{"Ed25519 in BER", "ECC_NIST_EDWARDS25519", ber(ed)},
	} {
		t.Run(tt.name, func(t *testing.T) {
			i := externalOf(t, root, tt.spec)
			if tt.spec == "ECC_NIST_EDWARDS25519" {
				i.algorithm = "RSA_AES_KEY_WRAP_SHA_1"
			}
			i.expect(i.send(tt.material, nil), "InvalidCiphertextException", "")
			if got := i.state(); got != "PendingImport" {
				t.Errorf("state: got %s, want PendingImport", got)
			}
		})
	}
	i := externalOf(t, root, "ECC_NIST_P256")
	i.client.Must("ImportKeyMaterial", i.wrap(ber(p256), nil))
	i.client.Must("ImportKeyMaterial", i.wrap(p256, nil)) // the same key in another spelling
}

// ber is a DER sequence of less than 128 … 255 bytes with an indefinite length (X.690 §8.1.3.6).
func ber(der []byte) []byte {
	head := 2
	if der[1] == 0x81 {
		head = 3
	}
	return append(append([]byte{der[0], 0x80}, der[head:]...), 0, 0)
}

// Which material a re-import may bring (§10.5), and what it changes.
func TestReimport(t *testing.T) {
	s := kmstest.New(t)
	root := s.As(kmstest.Account)
	i := external(t, root, fields{})
	one, two, three := random(32), random(32), random(32)
	i.expect(i.send(one, fields{"ImportType": "EXISTING_KEY_MATERIAL"}), "IncorrectKeyMaterialException", "")

	first := i.must(one, fields{"KeyMaterialDescription": "first: 1/3"})
	blob := i.client.Must("Encrypt", fields{"KeyId": i.id, "Plaintext": "aGk="}).String("CiphertextBlob")
	if again := i.must(one, nil); again != first {
		t.Errorf("the same bytes: got %s, want %s", again, first)
	}
	wrong := "Imported key material does not have the expected identifier (" + first + ")."
	i.expect(i.send(two, nil), "IncorrectKeyMaterialException", wrong)
	i.expect(i.send(two, fields{"ImportType": "EXISTING_KEY_MATERIAL", "KeyMaterialId": first}), "IncorrectKeyMaterialException", wrong)
	named := strings.Repeat("ab", 32)
	i.expect(i.send(one, fields{"KeyMaterialId": named}), "IncorrectKeyMaterialException",
		"Imported key material does not have the expected identifier ("+named+").")
	isNew := fields{"ImportType": "NEW_KEY_MATERIAL"}
	known := func(id string) string {
		return "Key material (id: " + id + ") being imported as NEW_KEY_MATERIAL is already associated with KMS key " + i.arn + "."
	}
	i.expect(i.send(one, isNew), "IncorrectKeyMaterialException", known(first))

	second := i.must(two, isNew)
	m := i.client.Must("DescribeKey", fields{"KeyId": i.id})
	if got := m.String("KeyMetadata.CurrentKeyMaterialId"); got != first || m.String("KeyMetadata.KeyState") != "Enabled" {
		t.Errorf("a new material changed the key: %s", m.Raw)
	}
	if got := i.client.Must("GenerateDataKey", fields{"KeyId": i.id, "KeySpec": "AES_256"}).String("KeyMaterialId"); got != first {
		t.Errorf("data key: got material %s, want %s", got, first)
	}
	third := i.send(three, isNew)
	if third.Code() != "KMSInvalidStateException" || !strings.HasSuffix(third.Message(),
		") cannot be imported into KMS key "+i.arn+", because another key material (id: "+second+") is pending rotation.") ||
		!strings.HasPrefix(third.Message(), "New key material (id: ") {
		t.Errorf("a second new material: got %s", third.Raw)
	}
	i.expect(i.send(two, isNew), "IncorrectKeyMaterialException", known(second))
	i.must(two, fields{"KeyMaterialId": second, "KeyMaterialDescription": "second"})

	k, err := s.Resolver.Load(t.Context(), kmstest.Account, kmstest.Region, i.id)
	if err != nil {
		t.Fatal(err)
	}
	if len(k.Versions) != 2 || k.Versions[0].Description != "first: 1/3" || k.Versions[1].Description != "second" ||
		k.Versions[0].State != key.Current || k.Versions[1].State != key.PendingRotation {
		t.Errorf("got versions %v", k.Versions)
	}
	if got := i.client.Must("Decrypt", fields{"CiphertextBlob": blob}).String("Plaintext"); got != "aGk=" {
		t.Errorf("got plaintext %s", got)
	}
	for _, spec := range []string{"HMAC_256", "ECC_NIST_P256"} {
		i := externalOf(t, root, spec)
		own, _ := ownMaterial(t, spec)
		stranger, _ := ownMaterial(t, spec)
		i.client.Must("ImportKeyMaterial", i.wrap(own, nil))
		i.client.Must("ImportKeyMaterial", i.wrap(own, nil))
		if got := i.send(stranger, nil); got.Code() != "IncorrectKeyMaterialException" {
			t.Errorf("another %s: got %s, want IncorrectKeyMaterialException", spec, got.Raw)
		}
	}
}

// The rows of operations.md §10.7.
func TestDeleteImportedMaterial(t *testing.T) {
	s := kmstest.New(t)
	root := s.As(kmstest.Account)
	i := external(t, root, fields{})
	drop := func(id string) *kmstest.Reply {
		body := fields{"KeyId": i.id}
		if id != "" {
			body["KeyMaterialId"] = id
		}
		return i.client.Call("DeleteImportedKeyMaterial", body)
	}
	answers := func(got *kmstest.Reply, id, state string) {
		t.Helper()
		if got.Status != 200 || got.String("KeyId") != i.arn || got.String("KeyMaterialId") != id {
			t.Errorf("got %s, want material %q", got.Raw, id)
		}
		if got := i.state(); got != state {
			t.Errorf("state: got %s, want %s", got, state)
		}
	}
	unknown := strings.Repeat("0", 64)
	never := "Key material (id: " + unknown + ") has never been imported into KMS key " + i.arn + "."
	answers(drop(""), "", "PendingImport")
	i.expect(drop(unknown), "ValidationException", never)

	one, two := random(32), random(32)
	first := i.must(one, nil)
	i.expect(drop(unknown), "ValidationException", never)
	second := i.must(two, fields{"ImportType": "NEW_KEY_MATERIAL"})
	answers(drop(second), second, "Enabled") // pending: it leaves no trace
	i.expect(drop(second), "ValidationException", strings.ReplaceAll(never, unknown, second))
	if again := i.must(two, fields{"ImportType": "NEW_KEY_MATERIAL"}); again != second {
		t.Errorf("imported again: got %s, want %s", again, second)
	}
	i.client.Must("RotateKeyOnDemand", fields{"KeyId": i.id})
	answers(drop(first), first, "PendingImport") // not even the current one works now
	i.expect(i.client.Call("Encrypt", fields{"KeyId": i.id, "Plaintext": "aGk="}), "KMSInvalidStateException", i.arn+" is pending import.")
	answers(drop(""), second, "PendingImport")
	answers(drop(""), second, "PendingImport")
	m := i.client.Must("DescribeKey", fields{"KeyId": i.id})
	if m.String("KeyMetadata.CurrentKeyMaterialId") != second || m.String("KeyMetadata.ExpirationModel") != "" || m.String("KeyMetadata.Enabled") != "false" {
		t.Errorf("without material: got %s", m.Raw)
	}
	i.must(one, nil)
	if got := i.state(); got != "PendingImport" {
		t.Errorf("one of two materials: got %s, want PendingImport", got)
	}
	i.must(two, nil)
	answers(i.client.Must("Encrypt", fields{"KeyId": i.id, "Plaintext": "aGk="}), "", "Enabled")

	i.client.Must("ScheduleKeyDeletion", fields{"KeyId": i.id, "PendingWindowInDays": 7})
	answers(drop(first), first, "PendingDeletion")
	i.expect(i.send(one, nil), "KMSInvalidStateException", i.arn+" is pending deletion.")
	i.client.Must("CancelKeyDeletion", fields{"KeyId": i.id})
	answers(drop(first), first, "PendingImport")
	i.must(one, nil)
	i.client.Must("DisableKey", fields{"KeyId": i.id})
	i.must(one, nil)
	if got := i.state(); got != "Enabled" {
		t.Errorf("imported into a disabled key: got %s, want Enabled", got)
	}
	h := externalOf(t, root, "HMAC_256")
	material := random(32)
	h.client.Must("ImportKeyMaterial", h.wrap(material, nil))
	mac := h.client.Must("GenerateMac", fields{"KeyId": h.id, "MacAlgorithm": "HMAC_SHA_256", "Message": "aGk="}).String("Mac")
	if got := h.client.Must("DeleteImportedKeyMaterial", fields{"KeyId": h.id}); got.String("KeyMaterialId") != "" || got.String("KeyId") != h.arn {
		t.Errorf("HMAC: got %s, want its ARN alone", got.Raw)
	}
	h.expect(h.client.Call("GenerateMac", fields{"KeyId": h.id, "MacAlgorithm": "HMAC_SHA_256", "Message": "aGk="}),
		"KMSInvalidStateException", h.arn+" is pending import.")
	h.client.Must("ImportKeyMaterial", h.wrap(material, nil))
	if got := h.client.Must("GenerateMac", fields{"KeyId": h.id, "MacAlgorithm": "HMAC_SHA_256", "Message": "aGk="}).String("Mac"); got != mac {
		t.Errorf("MAC after re-import: got %s, want %s", got, mac)
	}
}

// A material is of no use from the instant on at which it expires; the sweep removes it and says so.
func TestExpiry(t *testing.T) {
	s := kmstest.New(t)
	root := s.As(kmstest.Account)
	i := external(t, root, fields{})
	material := random(32)
	id := i.must(material, within(s, time.Hour))
	blob := i.client.Must("Encrypt", fields{"KeyId": i.id, "Plaintext": "aGk="}).String("CiphertextBlob")
	m := i.client.Must("DescribeKey", fields{"KeyId": i.id})
	if m.String("KeyMetadata.ExpirationModel") != "KEY_MATERIAL_EXPIRES" ||
		m.String("KeyMetadata.ValidTo") != jsonNumber(t, s.Clock.Now().Add(time.Hour).Unix()) {
		t.Errorf("got %s", m.Raw)
	}
	lapsed := func(when string) {
		t.Helper()
		m := i.client.Must("DescribeKey", fields{"KeyId": i.id})
		if m.String("KeyMetadata.KeyState") != "PendingImport" || m.String("KeyMetadata.Enabled") != "false" ||
			m.String("KeyMetadata.ExpirationModel") != "" || m.String("KeyMetadata.ValidTo") != "" || m.String("KeyMetadata.CurrentKeyMaterialId") != id {
			t.Errorf("%s: got %s", when, m.Raw)
		}
		i.expect(i.client.Call("Decrypt", fields{"CiphertextBlob": blob}), "KMSInvalidStateException", i.arn+" is pending import.")
	}
	s.Clock.Advance(time.Hour - time.Second)
	i.client.Must("Decrypt", fields{"CiphertextBlob": blob})
	s.Clock.Advance(time.Second)
	lapsed("at the date")
	i.client.Must("UpdateKeyDescription", fields{"KeyId": i.id, "Description": "changed before the sweep comes"})
	lapsed("after a change")
	s.Restart()
	s.Sweep()
	lapsed("swept")
	if n := expiredEvents(t, s, id); n != 1 {
		t.Errorf("got %d records of DeleteExpiredKeyMaterial, want 1", n)
	}
	if _, ver, err := s.Book.Take(t.Context(), record.OfMaterial(kmstest.Account, kmstest.Region, i.id, id)); err != nil || ver != 0 {
		t.Errorf("swept material: got version %d, %v, want none", ver, err)
	}
	s.Sweep()
	i.must(material, nil)
	i.client.Must("Decrypt", fields{"CiphertextBlob": blob})

	// A date that was put off is the only one that counts, whether or not the former has come.
	i.must(material, within(s, time.Hour))
	s.Clock.Advance(2 * time.Hour)
	lapsed("again")
	i.must(material, within(s, time.Hour)) // its bytes were not swept yet
	i.client.Must("Decrypt", fields{"CiphertextBlob": blob})
	s.Sweep()
	i.client.Must("Decrypt", fields{"CiphertextBlob": blob})
	i.must(material, nil)
	s.Clock.Advance(48 * time.Hour)
	s.Sweep()
	i.token = ""
	i.client.Must("Decrypt", fields{"CiphertextBlob": blob})
	if n := expiredEvents(t, s, id); n != 1 {
		t.Errorf("got %d records of DeleteExpiredKeyMaterial, want 1", n)
	}

	// Deleted before its date: nothing happens at it.
	i.must(material, within(s, time.Hour))
	i.client.Must("DeleteImportedKeyMaterial", fields{"KeyId": i.id})
	s.Clock.Advance(2 * time.Hour)
	s.Sweep()
	if n := expiredEvents(t, s, id); n != 1 {
		t.Errorf("got %d records of DeleteExpiredKeyMaterial, want 1", n)
	}
}

func jsonNumber(t *testing.T, n int64) string {
	t.Helper()
	b, err := json.Marshal(float64(n))
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func expiredEvents(t *testing.T, s *kmstest.Server, id string) (n int) {
	t.Helper()
	for _, e := range s.Records() {
		var m map[string]any
		if err := json.Unmarshal(e.Line, &m); err != nil {
			t.Fatal(err)
		}
		r := kmstest.Reply{Fields: m}
		if r.String("eventName") == "DeleteExpiredKeyMaterial" && r.String("serviceEventDetails.keyMaterialId") == id {
			n++
		}
	}
	return n
}

// What expires while it awaits its rotation disables nothing until it is rotated in (§10.4 [R2]); the
// earliest date among the others is the key's.
func TestExpiryOfSeveralMaterials(t *testing.T) {
	s := kmstest.New(t)
	i := external(t, s.As(kmstest.Account), fields{})
	one, two := random(32), random(32)
	i.must(one, within(s, 100*24*time.Hour))
	isNew := within(s, time.Hour)
	isNew["ImportType"] = "NEW_KEY_MATERIAL"
	i.must(two, isNew)
	earliest := s.Clock.Now().Add(100 * 24 * time.Hour).Unix()
	if got := i.client.Must("DescribeKey", fields{"KeyId": i.id}).String("KeyMetadata.ValidTo"); got != jsonNumber(t, earliest) {
		t.Errorf("ValidTo: got %s, want that of the current material, %d", got, earliest)
	}
	s.Clock.Advance(2 * time.Hour)
	s.Sweep()
	if got := i.state(); got != "Enabled" {
		t.Errorf("a pending material expired: got %s, want Enabled", got)
	}
	listed := func() string {
		return i.client.Must("ListKeyRotations", fields{"KeyId": i.id, "IncludeKeyMaterial": "ALL_KEY_MATERIAL"}).String("Rotations")
	}
	if got := listed(); strings.Count(got, `"ImportState":"IMPORTED"`) != 2 {
		t.Errorf("the expired pending material: got %s, want it listed as imported", got)
	}
	i.client.Must("RotateKeyOnDemand", fields{"KeyId": i.id})
	if got := listed(); strings.Count(got, `"ImportState":"PENDING_IMPORT"`) != 1 {
		t.Errorf("rotated in after it expired: got %s, want it pending import", got)
	}
	if got := i.state(); got != "PendingImport" {
		t.Errorf("rotated in after it expired: got %s, want PendingImport", got)
	}
	i.must(two, within(s, 24*time.Hour))
	m := i.client.Must("DescribeKey", fields{"KeyId": i.id})
	if m.String("KeyMetadata.KeyState") != "Enabled" || m.String("KeyMetadata.ValidTo") != jsonNumber(t, s.Clock.Now().Add(24*time.Hour).Unix()) {
		t.Errorf("re-imported: got %s", m.Raw)
	}
}

// The Regions of one key share its materials by id and nothing else: each imports, expires and loses its
// own copy (§10.7, §11; key-material.md §2.7).
func TestImportIntoReplicas(t *testing.T) {
	s := kmstest.New(t)
	primary := external(t, s.As(kmstest.Account), fields{"MultiRegion": true})
	one, two := random(32), random(32)
	first := primary.must(one, nil)
	primary.client.Must("ReplicateKey", fields{"KeyId": primary.id, "ReplicaRegion": "eu-west-1"})
	replica := primary.in("eu-west-1")
	if got := replica.state(); got != "PendingImport" {
		t.Fatalf("a new replica: got %s, want PendingImport", got)
	}
	replica.expect(replica.send(two, nil), "IncorrectKeyMaterialException", "Imported key material does not have the expected identifier ("+first+").")
	replica.expect(replica.send(one, fields{"ImportType": "NEW_KEY_MATERIAL"}), "ValidationException",
		"Input parameter ImportType NEW_KEY_MATERIAL cannot be used on replica Multi-Region keys")
	replica.expect(replica.send(one, fields{"KeyMaterialDescription": "x"}), "ValidationException",
		"Key material description can only be specified on primary Multi-Region keys")
	replica.expect(replica.send(one, fields{"ImportToken": primary.token}), "InvalidImportTokenException", "")
	if got := replica.must(one, within(s, time.Hour)); got != first {
		t.Errorf("the replica's material: got %s, want %s", got, first)
	}
	blob := primary.client.Must("Encrypt", fields{"KeyId": primary.id, "Plaintext": "aGk="}).String("CiphertextBlob")
	replica.client.Must("Decrypt", fields{"CiphertextBlob": blob})

	second := primary.must(two, fields{"ImportType": "NEW_KEY_MATERIAL", "KeyMaterialDescription": "second"})
	states := func(want string) {
		t.Helper()
		for _, region := range []string{kmstest.Region, "eu-west-1"} {
			v := versionOf(t, s, region, primary.id, second)
			if v == nil || v.State != want || v.Description != "second" {
				t.Errorf("%s: got %v, want it %s", region, v, want)
			}
		}
	}
	states(key.PendingMultiRegion)
	replica.must(two, nil)
	states(key.PendingRotation)
	replica.client.Must("DeleteImportedKeyMaterial", fields{"KeyId": replica.id, "KeyMaterialId": second})
	if got := replica.state(); got != "Enabled" {
		t.Errorf("the replica without the pending material: got %s, want Enabled", got)
	}
	states(key.PendingMultiRegion)
	primary.expect(primary.client.Call("RotateKeyOnDemand", fields{"KeyId": primary.id}), "KMSInvalidStateException",
		"Cannot perform key material rotation: Key material has not been imported for replicas of the Multi-Region key.")
	if v := versionOf(t, s, kmstest.Region, primary.id, second); v == nil || v.Missing {
		t.Errorf("the primary after a deletion in its replica: got %v, want it there", v)
	}
	replica.must(two, nil)
	states(key.PendingRotation)

	primary.client.Must("DeleteImportedKeyMaterial", fields{"KeyId": primary.id, "KeyMaterialId": second})
	for _, region := range []string{kmstest.Region, "eu-west-1"} {
		if v := versionOf(t, s, region, primary.id, second); v != nil {
			t.Errorf("%s: got %v, want the pending material gone", region, v)
		}
	}
	s.Clock.Advance(2 * time.Hour)
	s.Sweep()
	if got := replica.state(); got != "PendingImport" {
		t.Errorf("the replica's copy expired: got %s, want PendingImport", got)
	}
	if got := primary.state(); got != "Enabled" {
		t.Errorf("the primary after the replica's copy expired: got %s, want Enabled", got)
	}
}

// A Region that joins lacks the material that awaits its rotation, and one that leaves lacks nothing.
func TestReplicasComeAndGo(t *testing.T) {
	s := kmstest.New(t)
	primary := external(t, s.As(kmstest.Account), fields{"MultiRegion": true})
	one, two := random(32), random(32)
	primary.must(one, nil)
	second := primary.must(two, fields{"ImportType": "NEW_KEY_MATERIAL"})
	state := func(want string, regions ...string) {
		t.Helper()
		for _, region := range regions {
			if v := versionOf(t, s, region, primary.id, second); v == nil || v.State != want {
				t.Errorf("%s: got %v, want it %s", region, v, want)
			}
		}
	}
	state(key.PendingRotation, kmstest.Region)
	for _, region := range []string{"eu-west-1", "eu-west-2"} {
		primary.client.Must("ReplicateKey", fields{"KeyId": primary.id, "ReplicaRegion": region})
		state(key.PendingMultiRegion, kmstest.Region, region)
	}
	first := primary.in("eu-west-1")
	first.must(one, nil)
	first.must(two, nil)
	state(key.PendingMultiRegion, kmstest.Region, "eu-west-1", "eu-west-2")
	primary.in("eu-west-2").client.Must("ScheduleKeyDeletion", fields{"KeyId": primary.id, "PendingWindowInDays": 7})
	s.Clock.Advance(8 * 24 * time.Hour)
	s.Sweep()
	state(key.PendingRotation, kmstest.Region, "eu-west-1")

	first.client.Must("DeleteImportedKeyMaterial", fields{"KeyId": primary.id, "KeyMaterialId": second})
	state(key.PendingMultiRegion, kmstest.Region, "eu-west-1")
	first.client.Must("ScheduleKeyDeletion", fields{"KeyId": primary.id, "PendingWindowInDays": 7})
	s.Clock.Advance(8 * 24 * time.Hour)
	s.Sweep()
	state(key.PendingRotation, kmstest.Region)
	primary.client.Must("RotateKeyOnDemand", fields{"KeyId": primary.id})
	if got := primary.client.Must("DescribeKey", fields{"KeyId": primary.id}).String("KeyMetadata.CurrentKeyMaterialId"); got != second {
		t.Errorf("rotated: got %s, want %s", got, second)
	}
}

func versionOf(t *testing.T, s *kmstest.Server, region, id, material string) *recordpb.Version {
	t.Helper()
	k, err := s.Resolver.Load(t.Context(), kmstest.Account, region, id)
	if err != nil || k == nil {
		t.Fatalf("key in %s: %v, %v", region, k, err)
	}
	return k.Version(material)
}

// Once DeleteImportedKeyMaterial has answered, nothing is encrypted any more, however many were at it.
func TestDeletedMaterialIsNotInMemory(t *testing.T) {
	s := kmstest.New(t)
	i := external(t, s.As(kmstest.Account), fields{})
	material := random(32)
	for range 5 {
		id := i.must(material, nil)
		k, err := s.Resolver.Load(t.Context(), kmstest.Account, kmstest.Region, i.id)
		if err != nil {
			t.Fatal(err)
		}
		stop := make(chan struct{})
		var busy sync.WaitGroup
		for range 4 {
			busy.Go(func() {
				for {
					select {
					case <-stop:
						return
					default:
						_, _ = s.Custody.Seal(context.Background(), k.MaterialVersion(id), []byte("hi"), nil)
					}
				}
			})
		}
		i.client.Must("DeleteImportedKeyMaterial", fields{"KeyId": i.id})
		if _, err := s.Custody.Seal(t.Context(), k.MaterialVersion(id), []byte("hi"), nil); err == nil {
			t.Error("sealed with a material whose deletion was answered")
		}
		close(stop)
		busy.Wait()
	}
}

// Imported bytes, wrapped or not, and tokens are in no file the server writes, the audit log included.
func TestImportLeavesNoTrace(t *testing.T) {
	log := new(bytes.Buffer)
	s := kmstest.With(t, kmstest.Options{Log: log})
	i := external(t, s.As(kmstest.Account), fields{})
	material := random(32)
	body := i.wrap(material, nil)
	i.client.Must("ImportKeyMaterial", body)
	i.client.Must("Encrypt", fields{"KeyId": i.id, "Plaintext": "aGk="})
	i.expect(i.send(random(32), nil), "IncorrectKeyMaterialException", "Imported key material does not have the expected identifier ("+
		i.client.Must("DescribeKey", fields{"KeyId": i.id}).String("KeyMetadata.CurrentKeyMaterialId")+").")
	i.client.Must("DeleteImportedKeyMaterial", fields{"KeyId": i.id})

	token, err := base64.StdEncoding.DecodeString(i.token)
	if err != nil {
		t.Fatal(err)
	}
	wrapped, err := base64.StdEncoding.DecodeString(body["EncryptedKeyMaterial"].(string))
	if err != nil {
		t.Fatal(err)
	}
	secrets := map[string][]byte{
		"material": material, "material in hex": []byte(hex.EncodeToString(material)), "material in base64": []byte(base64.StdEncoding.EncodeToString(material)),
		"wrapped": wrapped[:64], "wrapped in base64": []byte(body["EncryptedKeyMaterial"].(string)[:80]),
		"token": token[:80], "token in base64": []byte(i.token[:80]),
	}
	found := func(where string, text []byte) {
		for name, secret := range secrets {
			if bytes.Contains(text, secret) {
				t.Errorf("%s holds the %s", where, name)
			}
		}
	}
	files := 0
	err = filepath.WalkDir(s.Dir(), func(path string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		text, err := os.ReadFile(path)
		files++
		found(path, text)
		return err
	})
	if err != nil || files < 3 {
		t.Fatalf("looked at %d files: %v", files, err)
	}
	for _, e := range s.Records() {
		found("the audit log", e.Line)
	}
	found("the operator's log", log.Bytes())
}
