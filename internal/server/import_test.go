package server_test

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"strings"
	"testing"
	"time"

	"qkms/internal/kmstest"
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
