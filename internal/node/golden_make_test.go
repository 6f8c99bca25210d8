package node_test

import (
	"encoding/base64"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"qkms/internal/kmstest"
	"qkms/internal/node"
	"qkms/internal/seal"
	"qkms/internal/store/postgres/pgtest"
)

// makeStores makes the directory of golden stores.
func makeStores(t *testing.T, dir string) {
	if err := os.Mkdir(dir, 0o755); err != nil {
		t.Fatal(err) // above all, that it is there
	}
	for engine, url := range map[string]string{"sqlite": "", "postgres": pgtest.URL(t)} {
		data := filepath.Join(dir, engine)
		var g golden
		if !t.Run(engine, func(t *testing.T) { g = makeStore(t, data, url) }) {
			t.Fatal(os.RemoveAll(dir))
		}
		if url != "" {
			dump(t, url, filepath.Join(data, "store.sql"))
			if err := os.RemoveAll(node.AuditDir(data)); err != nil { // it is the node's, and the next one has its own
				t.Fatal(err)
			}
			g.Records = 0
		} else if err := os.Remove(node.Database(data) + ".lock"); err != nil {
			t.Fatal(err)
		}
		text, err := json.MarshalIndent(g, "", "\t")
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(data, "answers.json"), append(text, '\n'), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// dump writes the database as SQL. Lines that begin with a backslash are for psql.
func dump(t *testing.T, url, path string) {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), "pg_dump", "--inserts", "--no-owner", "--no-privileges", url).Output()
	if err != nil {
		t.Fatalf("pg_dump: %v", err)
	}
	text := regexp.MustCompile(`(?m)^\\.*\n`).ReplaceAll(out, nil)
	if err := os.WriteFile(path, text, 0o644); err != nil {
		t.Fatal(err)
	}
}

// A maker fills a store and asks it questions.
type maker struct {
	t    *testing.T
	s    *kmstest.Server
	root *kmstest.Client
	g    golden
}

func makeStore(t *testing.T, dir, url string) golden {
	if err := os.Mkdir(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	root := filepath.Join(dir, "root.key")
	if err := seal.NewKeyFile(root); err != nil {
		t.Fatal(err)
	}
	c := node.Config{Dir: dir, Store: url}
	if err := node.Init(t.Context(), c, seal.KeyFile(root)); err != nil {
		t.Fatal(err)
	}
	s := kmstest.With(t, kmstest.Options{Dir: dir, Store: url})
	m := &maker{t: t, s: s, root: s.As(kmstest.Account)}
	m.g.Secrets = map[string]struct{ ID, Secret string }{}
	m.credential("root", m.root)
	m.symmetric()
	m.kinds()
	m.states()
	m.multiRegion()
	m.identities()
	m.overviews()
	s.Restart()
	m.g.Made = s.Clock.Now()
	for i, q := range m.g.Questions {
		key := m.g.Secrets[q.As]
		m.g.Questions[i].Answer = q.ask(s, key.ID, key.Secret)
		if strings.Contains(m.g.Questions[i].Answer, "Exception") {
			t.Errorf("%s %s: %s", q.Operation, q.Body, m.g.Questions[i].Answer)
		}
	}
	m.g.Records = len(s.Records())
	return m.g
}

func (m *maker) credential(name string, c *kmstest.Client) {
	m.g.Secrets[name] = struct{ ID, Secret string }{c.AccessKeyID, c.Secret}
}

// asks adds a question that the root user asks.
func (m *maker) asks(operation string, in fields) { m.asksAs("root", "", operation, in) }

func (m *maker) asksAs(who, region, operation string, in fields) {
	body, err := json.Marshal(in)
	if err != nil {
		m.t.Fatal(err)
	}
	m.g.Questions = append(m.g.Questions, question{As: who, Region: region, Operation: operation, Body: body})
}

func (m *maker) create(in fields) string {
	m.t.Helper()
	return m.root.Must("CreateKey", in).String("KeyMetadata.KeyId")
}

func (m *maker) must(operation string, in fields) *kmstest.Reply {
	m.t.Helper()
	return m.root.Must(operation, in)
}

var (
	hello    = base64.StdEncoding.EncodeToString([]byte("hello"))
	ofOrders = fields{"App": "orders", "Tier": "1"}
)

func (m *maker) encrypt(id string) string {
	m.t.Helper()
	return m.must("Encrypt", fields{"KeyId": id, "Plaintext": hello, "EncryptionContext": ofOrders}).String("CiphertextBlob")
}

func (m *maker) decrypts(blob string) {
	m.asks("Decrypt", fields{"CiphertextBlob": blob, "EncryptionContext": ofOrders})
}

// describes asks all that there is to know of a key.
func (m *maker) describes(id string) {
	for _, operation := range []string{"DescribeKey", "ListAliases", "ListGrants", "ListResourceTags", "ListKeyPolicies"} {
		m.asks(operation, fields{"KeyId": id})
	}
	m.asks("GetKeyPolicy", fields{"KeyId": id, "PolicyName": "default"})
}

// symmetric makes a key that has everything a key can have, rotated twice.
func (m *maker) symmetric() {
	id := m.create(fields{"Description": "of orders", "Tags": []fields{{"TagKey": "team", "TagValue": "shop"}, {"TagKey": "env", "TagValue": "test"}}})
	for _, name := range []string{"alias/orders", "alias/app/orders-old"} {
		m.must("CreateAlias", fields{"AliasName": name, "TargetKeyId": id})
	}
	m.decrypts(m.encrypt(id))
	for range 2 {
		m.must("RotateKeyOnDemand", fields{"KeyId": id})
		m.s.Sweep()
		m.decrypts(m.encrypt("alias/orders"))
	}
	m.must("EnableKeyRotation", fields{"KeyId": id, "RotationPeriodInDays": 120})
	data := m.must("GenerateDataKey", fields{"KeyId": id, "KeySpec": "AES_256", "EncryptionContext": ofOrders})
	m.decrypts(data.String("CiphertextBlob"))
	pair := m.must("GenerateDataKeyPairWithoutPlaintext", fields{"KeyId": id, "KeyPairSpec": "ECC_NIST_P256"})
	m.asks("Decrypt", fields{"CiphertextBlob": pair.String("PrivateKeyCiphertextBlob")})
	m.describes(id)
	m.asks("GetKeyRotationStatus", fields{"KeyId": id})
	m.asks("ListKeyRotations", fields{"KeyId": id, "IncludeKeyMaterial": "ALL_KEY_MATERIAL"})
}

// kinds makes a key of each kind.
func (m *maker) kinds() {
	signIn := func(region, spec, algorithm string) {
		m.t.Helper()
		c := m.root.In(region)
		id := c.Must("CreateKey", fields{"KeySpec": spec, "KeyUsage": "SIGN_VERIFY"}).String("KeyMetadata.KeyId")
		in := fields{"KeyId": id, "Message": hello, "SigningAlgorithm": algorithm}
		in["Signature"] = c.Must("Sign", in).String("Signature")
		m.asksAs("root", region, "Verify", in)
		m.asksAs("root", region, "GetPublicKey", fields{"KeyId": id})
	}
	sign := func(spec, algorithm string) { signIn(kmstest.Region, spec, algorithm) }
	sign("RSA_2048", "RSASSA_PSS_SHA_256")
	sign("ECC_NIST_P256", "ECDSA_SHA_256")
	sign("ECC_NIST_P384", "ECDSA_SHA_384")
	sign("ECC_NIST_P521", "ECDSA_SHA_512")
	sign("ECC_SECG_P256K1", "ECDSA_SHA_256")
	sign("ECC_NIST_EDWARDS25519", "ED25519_SHA_512")
	sign("ML_DSA_44", "ML_DSA_SHAKE_256")
	signIn("cn-north-1", "SM2", "SM2DSA")
	for _, size := range []string{"224", "256", "384", "512"} {
		id := m.create(fields{"KeySpec": "HMAC_" + size, "KeyUsage": "GENERATE_VERIFY_MAC"})
		m.asks("GenerateMac", fields{"KeyId": id, "Message": hello, "MacAlgorithm": "HMAC_SHA_" + size})
	}
	id := m.create(fields{"KeySpec": "RSA_3072", "KeyUsage": "ENCRYPT_DECRYPT"})
	in := fields{"KeyId": id, "Plaintext": hello, "EncryptionAlgorithm": "RSAES_OAEP_SHA_256"}
	m.asks("Decrypt", fields{"KeyId": id, "CiphertextBlob": m.must("Encrypt", in).String("CiphertextBlob"), "EncryptionAlgorithm": "RSAES_OAEP_SHA_256"})

	id = m.create(fields{"KeySpec": "ECC_NIST_P256", "KeyUsage": "KEY_AGREEMENT"})
	peer := m.must("GetPublicKey", fields{"KeyId": m.create(fields{"KeySpec": "ECC_NIST_P256", "KeyUsage": "KEY_AGREEMENT"})}).String("PublicKey")
	m.asks("DeriveSharedSecret", fields{"KeyId": id, "KeyAgreementAlgorithm": "ECDH", "PublicKey": peer})

	id = m.create(fields{"KeySpec": "ML_KEM_768", "KeyUsage": "ENCAPSULATE_DECAPSULATE"})
	kem := m.must("Encapsulate", fields{"KeyId": id, "EncapsulationAlgorithm": "ML_KEM"})
	m.asks("Decapsulate", fields{"KeyId": id, "EncapsulationAlgorithm": "ML_KEM", "SharedSecretCiphertextBlob": kem.String("SharedSecretCiphertextBlob")})
}

// states makes keys that are not simply there.
func (m *maker) states() {
	imported := m.create(fields{"Origin": "EXTERNAL"})
	p := m.must("GetParametersForImport", fields{"KeyId": imported, "WrappingAlgorithm": "RSAES_OAEP_SHA_256", "WrappingKeySpec": "RSA_2048"})
	public, err := base64.StdEncoding.DecodeString(p.String("PublicKey"))
	if err != nil {
		m.t.Fatal(err)
	}
	m.must("ImportKeyMaterial", fields{
		"KeyId": imported, "ImportToken": p.String("ImportToken"), "ExpirationModel": "KEY_MATERIAL_EXPIRES", "ValidTo": m.s.Clock.Now().Add(300 * 24 * time.Hour).Unix(),
		"EncryptedKeyMaterial": base64.StdEncoding.EncodeToString(kmstest.Wrap(m.t, public, "RSAES_OAEP_SHA_256", []byte("this imported key is for a test."))),
	})
	m.decrypts(m.encrypt(imported))
	waiting, disabled, deleted := m.create(fields{"Origin": "EXTERNAL"}), m.create(fields{}), m.create(fields{})
	m.must("DisableKey", fields{"KeyId": disabled})
	m.must("ScheduleKeyDeletion", fields{"KeyId": deleted, "PendingWindowInDays": 30})
	m.g.Deletion = deleted
	for _, id := range []string{imported, waiting, disabled, deleted} {
		m.asks("DescribeKey", fields{"KeyId": id})
	}
	m.must("CreateCustomKeyStore", fields{
		"CustomKeyStoreName": "xks", "CustomKeyStoreType": "EXTERNAL_KEY_STORE", "XksProxyConnectivity": "PUBLIC_ENDPOINT",
		"XksProxyUriEndpoint": "https://proxy.example.com", "XksProxyUriPath": "/kms/xks/v1",
		"XksProxyAuthenticationCredential": fields{"AccessKeyId": "ABCDE234567EXAMPLE22", "RawSecretAccessKey": "0123456789012345678901234567890123456789012"},
	})
}

func (m *maker) multiRegion() {
	id := m.create(fields{"MultiRegion": true})
	m.must("ReplicateKey", fields{"KeyId": id, "ReplicaRegion": "eu-west-1", "Description": "a replica"})
	m.must("RotateKeyOnDemand", fields{"KeyId": id})
	m.s.Sweep()
	blob := m.encrypt(id)
	m.decrypts(blob)
	m.asksAs("root", "eu-west-1", "Decrypt", fields{"CiphertextBlob": blob, "EncryptionContext": ofOrders})
	m.asksAs("root", "eu-west-1", "DescribeKey", fields{"KeyId": id})
	m.asks("DescribeKey", fields{"KeyId": id})
}
