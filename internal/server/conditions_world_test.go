package server_test

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"encoding/base64"
	"strings"
	"testing"

	"qkms/internal/attest/attesttest"
	"qkms/internal/kmstest"
	"qkms/internal/record"
	"qkms/internal/record/recordpb"
)

// silent is a policy that says nothing about KMS.
var silent = document(fields{"Effect": "Allow", "Action": "none:None", "Resource": "*"})

const keeper = "arn:aws:iam::" + kmstest.Account + ":user/keeper"

// conditionals is a server with a key of each kind, and somebody of each kind to ask for them.
type conditionals struct {
	*kmstest.Server
	t          *testing.T
	names      map[string]string // what $… in the body of a request stands for
	policies   map[string]string // of keys: name to text
	keeper     *kmstest.Client   // who changes their policies
	principals map[string]principal
}

func conditionWorld(t *testing.T) *conditionals {
	clock := kmstest.NewClock()
	hypervisor := attesttest.New(t, clock.Now())
	s := kmstest.With(t, kmstest.Options{Clock: clock, Attester: hypervisor.Root})
	s.Exists("user/alice", "user/tester", "role/app/tester")
	w := &conditionals{Server: s, t: t, names: map[string]string{"alice": alice}, policies: map[string]string{}}
	w.keeper = s.User(&recordpb.User{Name: "keeper"})
	w.makeKeys(s.As(kmstest.Account))
	w.makePrincipals()
	w.makeDocuments(hypervisor)
	return w
}

func (w *conditionals) makeKeys(root *kmstest.Client) {
	for name, request := range map[string]string{
		"aes": `{}`, "other": `{}`, "spare": `{}`, "rsa": `{"KeySpec":"RSA_2048","KeyUsage":"ENCRYPT_DECRYPT"}`,
		"hmac": `{"KeySpec":"HMAC_256","KeyUsage":"GENERATE_VERIFY_MAC"}`, "sign": `{"KeySpec":"ECC_NIST_P256","KeyUsage":"SIGN_VERIFY"}`,
		"ecc": `{"KeySpec":"ECC_NIST_P256","KeyUsage":"KEY_AGREEMENT"}`, "mrk": `{"MultiRegion":true}`, "ext": `{"Origin":"EXTERNAL"}`,
		"tagged": `{"Tags":[{"TagKey":"Team","TagValue":"red"}]}`,
	} {
		r := root.Must("CreateKey", request)
		w.names[name], w.names[name+"ARN"] = r.String("KeyMetadata.KeyId"), r.String("KeyMetadata.Arn")
		w.policies[name] = ""
	}
	root.Must("CreateAlias", fields{"AliasName": "alias/a", "TargetKeyId": w.names["aes"]})
	root.Must("CreateAlias", fields{"AliasName": "alias/b", "TargetKeyId": w.names["other"]})
	for name, constraints := range map[string]fields{"equals": {"EncryptionContextEquals": fields{"App": "orders"}}, "free": nil} {
		r := root.Must("CreateGrant", fields{"KeyId": w.names["aes"], "GranteePrincipal": alice, "Operations": []string{"Decrypt"}, "Constraints": constraints})
		w.names[name] = r.String("GrantToken")
	}
	for name := range w.policies {
		root.Must("PutKeyPolicy", fields{"KeyId": w.names[name], "BypassPolicyLockoutSafetyCheck": true, "Policy": document(
			fields{"Effect": "Allow", "Principal": fields{"AWS": keeper}, "Action": "kms:*", "Resource": "*"})})
	}
	w.names["none"] = strings.Repeat("0", 64) // a grant that does not exist
}

func (w *conditionals) makePrincipals() {
	inline := func(text string) []*recordpb.NamedPolicy { return []*recordpb.NamedPolicy{{Name: "p", Text: text}} }
	asUser := remembering(func(text string) *kmstest.Client {
		return w.User(&recordpb.User{Name: "tester", Id: "AIDAAAAAAAAAAAAAAAAAA", Tags: []*recordpb.Tag{{Key: "Dept", Value: "a"}}, Inline: inline(text)})
	})
	role := func(text string) {
		w.Role(&recordpb.Role{Name: "tester", Path: "/app/", Id: "AROAAAAAAAAAAAAAAAAAA", Inline: inline(text),
			Tags: []*recordpb.Tag{{Key: "Dept", Value: "a"}, {Key: "Stage", Value: "test"}}})
	}
	role(silent)
	session := func(m *recordpb.Session) principal {
		m.Role, m.Name = "tester", "job"
		c := w.Session(m)
		return principal{
			named:  fields{"AWS": "arn:aws:iam::" + kmstest.Account + ":role/app/tester"},
			client: c, private: func(text string) *kmstest.Client { role(text); return c },
		}
	}
	w.principals = map[string]principal{
		"root":      {named: fields{"AWS": kmstest.Account}, client: w.As(kmstest.Account)},
		"user":      {named: fields{"AWS": "arn:aws:iam::" + kmstest.Account + ":user/tester"}, client: asUser(silent), private: asUser},
		"session":   session(&recordpb.Session{Tags: map[string]string{"Dept": "b"}, SourceIdentity: "bob", Provider: "arn:aws:iam::" + kmstest.Account + ":oidc-provider/id.example.com"}),
		"forwarded": session(&recordpb.Session{Via: "s3.us-east-1.amazonaws.com"}),
		"service": {named: fields{"Service": "s3.amazonaws.com"}, client: w.service("s3.amazonaws.com"),
			headers: map[string]string{"X-Amz-Source-Arn": "arn:aws:s3:::bucket-of-theirs", "X-Amz-Source-Account": "444455556666"}},
	}
}

// remembering is f, which is not called again with what it was called with last.
func remembering(f func(text string) *kmstest.Client) func(text string) *kmstest.Client {
	var last string
	var c *kmstest.Client
	return func(text string) *kmstest.Client {
		if text != last {
			last, c = text, f(text)
		}
		return c
	}
}

// service returns a client that signs as a service principal.
func (w *conditionals) service(name string) *kmstest.Client {
	id, secret, _ := w.AccessKeys.New("", "", w.Clock.Now())
	c := w.Book.Change()
	c.Insert(record.OfAccessKey(id), &recordpb.AccessKey{Id: id, Secret: []byte(secret), Service: name, Created: w.Clock.Now().UnixMilli()})
	if err := w.Book.Commit(context.Background(), c, "", nil); err != nil {
		w.t.Fatal(err)
	}
	return &kmstest.Client{Server: w.Server, AccessKeyID: id, Secret: secret, Region: kmstest.Region}
}

// makeDocuments makes the recipients of answers: what an enclave and a TPM attest to, and what nobody
// believes.
func (w *conditionals) makeDocuments(hypervisor *attesttest.Hypervisor) {
	enclave, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		w.t.Fatal(err)
	}
	for name, d := range map[string][]byte{
		"enclave": hypervisor.Document(w.t, &enclave.PublicKey, nil),
		"tpm":     hypervisor.TPMDocument(w.t, &enclave.PublicKey, attesttest.PCRs()),
		"forged":  attesttest.New(w.t, w.Clock.Now()).Document(w.t, &enclave.PublicKey, nil),
	} {
		w.names[name] = `"Recipient":{"KeyEncryptionAlgorithm":"RSAES_OAEP_SHA_256","AttestationDocument":"` + base64.StdEncoding.EncodeToString(d) + `"}`
	}
}
