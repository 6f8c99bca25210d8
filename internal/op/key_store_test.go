package op_test

import (
	"bytes"
	"context"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"google.golang.org/protobuf/proto"

	"qkms/internal/kmstest"
	"qkms/internal/record"
	"qkms/internal/record/recordpb"
)

const (
	credentialID = "ABCDE234567EXAMPLE22"
	oldSecret    = "OLDsecretOLDsecretOLDsecretOLDsecretOLDsecret"
	newSecret    = "NEWsecretNEWsecretNEWsecretNEWsecretNEWsecret"
	badSecret    = "BADsecretBADsecret" // too short for the model
	oldPassword  = "OLDpassword"
	newPassword  = "NEWpassword"
	longPassword = "LONGpasswordLONGpasswordLONGpassword" // too long
	anchor       = "-----BEGIN CERTIFICATE-----\n@\n-----END CERTIFICATE-----\n"
)

func externalStore(name, endpoint, secret string) string {
	return fmt.Sprintf(`{"CustomKeyStoreName":%q,"CustomKeyStoreType":"EXTERNAL_KEY_STORE","XksProxyUriEndpoint":%q,"XksProxyUriPath":"/kms/xks/v1",
		"XksProxyConnectivity":"PUBLIC_ENDPOINT","XksProxyAuthenticationCredential":{"AccessKeyId":%q,"RawSecretAccessKey":%q}}`, name, endpoint, credentialID, secret)
}

func clusterStore(name, id, password string) string {
	return fmt.Sprintf(`{"CustomKeyStoreName":%q,"CloudHsmClusterId":%q,"TrustAnchorCertificate":%q,"KeyStorePassword":%q}`,
		name, id, strings.Replace(anchor, "@", anchorDER, 1), password)
}

// readKeyStore reads a custom key store as it is kept, secrets included.
func readKeyStore(t *testing.T, s *kmstest.Server, id string) (*recordpb.KeyStore, uint64) {
	t.Helper()
	plain, ver, err := s.Book.Take(context.Background(), record.OfKeyStore(kmstest.Account, kmstest.Region, id))
	if err != nil || ver == 0 {
		t.Fatalf("custom key store %s: got version %d, %v", id, ver, err)
	}
	m := new(recordpb.KeyStore)
	if err := proto.Unmarshal(plain, m); err != nil {
		t.Fatal(err)
	}
	return m, ver
}

// rewriteKeyStore puts a store into a state that no request brings it to yet.
func rewriteKeyStore(t *testing.T, s *kmstest.Server, id string, edit func(*recordpb.KeyStore)) {
	t.Helper()
	m, ver := readKeyStore(t, s, id)
	edit(m)
	change := s.Book.Change()
	change.Replace(record.OfKeyStore(kmstest.Account, kmstest.Region, id), ver, m)
	if err := s.Book.Commit(context.Background(), change, "", nil); err != nil {
		t.Fatal(err)
	}
}

// No password and no credential secret is found in an answer, in the operator's log, or in any file of
// the data directory: the store and the audit log. The id of a credential is in answers and nowhere else.
func TestKeyStoreSecretsStayInside(t *testing.T) {
	var log bytes.Buffer
	s := kmstest.With(t, kmstest.Options{Log: &log})
	root := s.As(kmstest.Account)
	var answers bytes.Buffer
	call := func(operation, body string, want int) string {
		t.Helper()
		r := root.Call(operation, body)
		if r.Status != want {
			t.Fatalf("%s: got %d %s, want %d", operation, r.Status, r.Raw, want)
		}
		answers.Write(r.Raw)
		return r.String("CustomKeyStoreId")
	}
	hsm := call("CreateCustomKeyStore", clusterStore("hsm", "cluster-abcdefghijk", oldPassword), 200)
	xks := call("CreateCustomKeyStore", externalStore("xks", "https://a.example.com", oldSecret), 200)
	call("CreateCustomKeyStore", clusterStore("hsm", "cluster-bbcdefghijk", oldPassword), 400)
	call("CreateCustomKeyStore", clusterStore("other", "cluster-bbcdefghijk", longPassword), 400)
	call("CreateCustomKeyStore", externalStore("other", "https://a.example.com", newSecret), 400)
	call("CreateCustomKeyStore", externalStore("other", "https://b.example.com", badSecret), 400)
	call("UpdateCustomKeyStore", fmt.Sprintf(`{"CustomKeyStoreId":%q,"KeyStorePassword":%q}`, hsm, newPassword), 200)
	call("UpdateCustomKeyStore", fmt.Sprintf(`{"CustomKeyStoreId":%q,"KeyStorePassword":%q}`, xks, newPassword), 400)
	call("UpdateCustomKeyStore", fmt.Sprintf(`{"CustomKeyStoreId":%q,"XksProxyAuthenticationCredential":{"AccessKeyId":%q,"RawSecretAccessKey":%q}}`,
		xks, credentialID, newSecret), 200)
	for _, id := range []string{hsm, xks} {
		call("ConnectCustomKeyStore", fmt.Sprintf(`{"CustomKeyStoreId":%q}`, id), 200)
		call("DisconnectCustomKeyStore", fmt.Sprintf(`{"CustomKeyStoreId":%q}`, id), 200)
	}
	call("DescribeCustomKeyStores", `{}`, 200)

	if m, _ := readKeyStore(t, s, hsm); m.Password != newPassword {
		t.Errorf("got another password, want the one of the update")
	}
	if m, _ := readKeyStore(t, s, xks); m.CredentialSecret != newSecret || m.CredentialId != credentialID {
		t.Errorf("got another credential, want the one of the update")
	}
	s.Restart() // everything is in its file

	secrets := []string{oldSecret, newSecret, badSecret, oldPassword, newPassword, longPassword}
	noSecrets(t, "an answer", answers.Bytes(), secrets)
	noSecrets(t, "the operator's log", log.Bytes(), append(secrets, credentialID))
	var audited bool
	err := filepath.WalkDir(s.Dir(), func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		b, err := os.ReadFile(path)
		noSecrets(t, path, b, append(secrets, credentialID))
		audited = audited || bytes.Contains(b, []byte("CreateCustomKeyStore"))
		return err
	})
	if err != nil || !audited {
		t.Errorf("got %v, and a record of what was done %v, want both read", err, audited)
	}
}

func noSecrets(t *testing.T, where string, b []byte, secrets []string) {
	t.Helper()
	for _, secret := range secrets {
		if bytes.Contains(b, []byte(secret)) {
			t.Errorf("got %s in %s", secret, where)
		}
	}
}

// Each state allows what the table of key-material.md §3.1 says it does, also those that no store gets
// into before this release connects to anything.
func TestKeyStoreStates(t *testing.T) {
	const (
		connect    = "ConnectCustomKeyStore"
		disconnect = "DisconnectCustomKeyStore"
		remove     = "DeleteCustomKeyStore"
		update     = "UpdateCustomKeyStore"
		create     = "CreateKey"

		invalid = "CustomKeyStoreInvalidStateException"
	)
	name := `"NewCustomKeyStoreName":"renamed"`
	path := `"XksProxyUriPath":"/there/kms/xks/v1"`
	credential := fmt.Sprintf(`"XksProxyAuthenticationCredential":{"AccessKeyId":%q,"RawSecretAccessKey":%q}`, credentialID, newSecret)
	endpoint := `"XksProxyUriEndpoint":"https://b.example.com"`
	connectivity := endpoint + `,"XksProxyConnectivity":"VPC_ENDPOINT_SERVICE","XksProxyVpcEndpointServiceName":"com.amazonaws.vpce.us-east-1.vpce-svc-0example1"`
	key := `"Origin":"EXTERNAL_KEY_STORE","XksKeyId":"k"`
	rows := []struct {
		state, operation, more string
		want, after            string // exception, "" for success; state
	}{
		{"DISCONNECTED", connect, "", "", "FAILED"},
		{"DISCONNECTED", disconnect, "", invalid, "DISCONNECTED"},
		{"DISCONNECTED", remove, "", "", ""},
		{"DISCONNECTED", update, name, "", "DISCONNECTED"},
		{"DISCONNECTED", update, path + "," + credential, "", "DISCONNECTED"},
		{"DISCONNECTED", update, endpoint, "", "DISCONNECTED"},
		{"DISCONNECTED", update, connectivity, "", "DISCONNECTED"},
		{"DISCONNECTED", create, key, invalid, "DISCONNECTED"},

		{"CONNECTED", connect, "", "", "CONNECTED"},
		{"CONNECTED", disconnect, "", "", "DISCONNECTED"},
		{"CONNECTED", remove, "", invalid, "CONNECTED"},
		{"CONNECTED", update, name, "", "CONNECTED"},
		{"CONNECTED", update, path + "," + credential, "", "CONNECTED"},
		{"CONNECTED", update, endpoint, invalid, "CONNECTED"},
		{"CONNECTED", update, name + "," + connectivity, invalid, "CONNECTED"},
		{"CONNECTED", create, key, "UnsupportedOperationException", "CONNECTED"},

		{"CONNECTING", connect, "", "", "CONNECTING"},
		{"CONNECTING", disconnect, "", "", "DISCONNECTED"},
		{"CONNECTING", remove, "", invalid, "CONNECTING"},
		{"CONNECTING", update, name, invalid, "CONNECTING"},
		{"CONNECTING", create, key, invalid, "CONNECTING"},

		{"DISCONNECTING", connect, "", invalid, "DISCONNECTING"},
		{"DISCONNECTING", disconnect, "", invalid, "DISCONNECTING"},
		{"DISCONNECTING", remove, "", invalid, "DISCONNECTING"},
		{"DISCONNECTING", update, name, invalid, "DISCONNECTING"},
		{"DISCONNECTING", create, key, invalid, "DISCONNECTING"},

		{"FAILED", connect, "", invalid, "FAILED"},
		{"FAILED", disconnect, "", "", "DISCONNECTED"},
		{"FAILED", remove, "", invalid, "FAILED"},
		{"FAILED", update, name, invalid, "FAILED"},
		{"FAILED", update, path, invalid, "FAILED"},
		{"FAILED", create, key, invalid, "FAILED"},
	}
	s := kmstest.New(t)
	root := s.As(kmstest.Account)
	id := ""
	for _, row := range rows {
		if id == "" {
			id = root.Must("CreateCustomKeyStore", externalStore("xks", "https://a.example.com", oldSecret)).String("CustomKeyStoreId")
		}
		rewriteKeyStore(t, s, id, func(m *recordpb.KeyStore) {
			m.State, m.Error = row.state, ""
			m.Endpoint, m.Path, m.Connectivity, m.VpcService, m.VpcOwner = "https://a.example.com", "/kms/xks/v1", "PUBLIC_ENDPOINT", "", ""
		})
		body := fmt.Sprintf(`{"CustomKeyStoreId":%q}`, id)
		if row.more != "" {
			body = fmt.Sprintf(`{"CustomKeyStoreId":%q,%s}`, id, row.more)
		}
		if got := root.Call(row.operation, body).Code(); got != row.want {
			t.Errorf("%s, %s %s: got %q, want %q", row.state, row.operation, row.more, got, row.want)
		}
		if row.after == "" {
			id = ""
			continue
		}
		if m, _ := readKeyStore(t, s, id); m.State != row.after {
			t.Errorf("%s, %s %s: got %s afterwards, want %s", row.state, row.operation, row.more, m.State, row.after)
		}
	}
}

// A store that holds keys is not deleted, those that wait for their deletion included: they are counted
// until they are gone.
func TestKeyStoreWithKeysStays(t *testing.T) {
	s := kmstest.New(t)
	root := s.As(kmstest.Account)
	id := root.Must("CreateCustomKeyStore", externalStore("xks", "https://a.example.com", oldSecret)).String("CustomKeyStoreId")
	rewriteKeyStore(t, s, id, func(m *recordpb.KeyStore) { m.Keys = 1 })
	r := root.Call("DeleteCustomKeyStore", fmt.Sprintf(`{"CustomKeyStoreId":%q}`, id))
	if want := "Custom key store " + id + " contains KMS keys: 1."; r.Code() != "CustomKeyStoreHasCMKsException" || r.Message() != want {
		t.Errorf("got %s, want CustomKeyStoreHasCMKsException %q", r.Raw, want)
	}
	rewriteKeyStore(t, s, id, func(m *recordpb.KeyStore) { m.Keys = 0 })
	root.Must("DeleteCustomKeyStore", fmt.Sprintf(`{"CustomKeyStoreId":%q}`, id))
}

// Of stores that are made at the same time and may not be beside each other, one is made; and never
// more than the quota, however many are asked for at once.
func TestKeyStoresMadeAtOnce(t *testing.T) {
	rows := []struct {
		name string
		most int
		body func(i int) string
	}{
		{"one proxy", 1, func(i int) string { return externalStore(fmt.Sprint("n", i), "https://a.example.com", oldSecret) }},
		{"one name", 1, func(i int) string { return externalStore("n", fmt.Sprintf("https://n%d.example.com", i), oldSecret) }},
		{"one cluster", 1, func(i int) string { return clusterStore(fmt.Sprint("n", i), "cluster-abcdefghijk", oldPassword) }},
		{"the quota", 10, func(i int) string {
			return externalStore(fmt.Sprint("n", i), fmt.Sprintf("https://n%d.example.com", i), oldSecret)
		}},
	}
	s := kmstest.New(t)
	for r, row := range rows {
		root := s.As(fmt.Sprintf("11112222000%d", r))
		var made sync.Map
		var all sync.WaitGroup
		for i := range 14 {
			all.Go(func() {
				if a := root.Call("CreateCustomKeyStore", row.body(i)); a.Status == 200 {
					made.Store(a.String("CustomKeyStoreId"), true)
				}
			})
		}
		all.Wait()
		n := 0
		made.Range(func(_, _ any) bool { n++; return true })
		listed := strings.Count(root.Must("DescribeCustomKeyStores", `{}`).String("CustomKeyStores"), `"CustomKeyStoreId"`)
		if n == 0 || n > row.most || listed != n {
			t.Errorf("%s: got %d made and %d listed, want the same of both, 1 to %d", row.name, n, listed, row.most)
		}
	}
}

// anchorDER is a self-signed certificate whose key was thrown away.
const anchorDER = `MIIBezCCASGgAwIBAgIUK5kBBe8+GM40mqEWgnj3YVRDw+owCgYIKoZIzj0EAwIw
EjEQMA4GA1UEAwwHY2x1c3RlcjAgFw0yNjExMjEyMTU5MzdaGA8yMTI2MTAyODIx
NTkzN1owEjEQMA4GA1UEAwwHY2x1c3RlcjBZMBMGByqGSM49AgEGCCqGSM49AwEH
A0IABNlt8NofHkFBNndfJYiWKNknrE3NzBZsZuWoT33ImGhF9ET0CL72LpKw6LeM
SHXjEUY0hpqO6w/F0s1TW/B6/NqjUzBRMB0GA1UdDgQWBBR5xrf+yO5u8nMnCoRi
a9aqBbSKuTAfBgNVHSMEGDAWgBR5xrf+yO5u8nMnCoRia9aqBbSKuTAPBgNVHRMB
Af8EBTADAQH/MAoGCCqGSM49BAMCA0gAMEUCIGxGN5EiKtZHgnk0Lu9/HwQHU/us
OPR1nNK4BzsHItl+AiEA/MU9vjW5KKVHXD23nxCJVL7IEf/yyCXM8F+tir1tSOo=`
