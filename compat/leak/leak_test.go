// Package leak_test uses the server with secrets that it knows, and then looks for their very bytes in
// everything the server left behind: database, write-ahead log, audit log, output, error texts.
package leak_test

import (
	"bytes"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/kms/types"

	"qkms/compat/harness"
)

func TestMain(m *testing.M) { harness.Main(m) }

const seedKey = "11111111-2222-4333-8444-555555555555"

// A trial is a server, the secrets that went in or came out, and what it may write down.
type trial struct {
	*harness.Server
	search *search
	open   string // an encryption context: in the audit log in clear, by design (operations.md §8.3)
	sealed string // a description: in no record of the store in clear
	said   []byte // what the administrative verbs wrote
}

func random(n int) []byte {
	b := make([]byte, n)
	_, _ = rand.Read(b)
	return b
}

// begin starts a server with a key whose material is known, and an access key whose secret is.
func begin(t *testing.T) *trial {
	t.Helper()
	material, secret := random(32), base64.StdEncoding.EncodeToString(random(30))
	file := filepath.Join(t.TempDir(), "seed.yaml")
	text := fmt.Sprintf("version: 1\naccess_keys:\n  - id: AKIAIOSFODNN7EXAMPLE\n    secret: %q\nkeys:\n  - id: %s\n    material: %x\n    aliases: [alias/known]\n",
		secret, seedKey, material)
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	tr := &trial{
		Server: harness.Start(t, "--seed", file), search: newSearch(),
		open: hex.EncodeToString(random(16)), sealed: hex.EncodeToString(random(16)),
	}
	if tr.Secret != secret {
		t.Fatal("got another access key than the seed's")
	}
	tr.search.add("key material", material)
	tr.addLogin(tr.Login)
	root, err := os.ReadFile(filepath.Join(tr.Dir, "root.key"))
	if err != nil {
		t.Fatal(err)
	}
	tr.search.add("root key", rootKey(t, root))
	return tr
}

// rootKey is the key in a key file: after the prefix, in base64 or hex.
func rootKey(t *testing.T, file []byte) []byte {
	t.Helper()
	_, text, _ := strings.Cut(strings.TrimSpace(string(file)), ":")
	b, err := base64.StdEncoding.DecodeString(text)
	if err != nil || len(b) != 32 {
		if b, err = hex.DecodeString(text); err != nil || len(b) != 32 {
			t.Fatalf("root.key: got %d bytes, %v; want 32", len(b), err)
		}
	}
	return b
}

// addLogin looks for a secret access key, and for the day's keys that SigV4 derives from it.
func (tr *trial) addLogin(l harness.Login) {
	tr.search.add("secret of "+l.AccessKeyID, []byte(l.Secret))
	for _, day := range []time.Time{time.Now(), time.Now().Add(-time.Hour)} {
		k := []byte("AWS4" + l.Secret)
		for _, part := range []string{day.UTC().Format("20060102"), l.Region, "kms", "aws4_request"} {
			m := hmac.New(sha256.New, k)
			m.Write([]byte(part))
			k = m.Sum(nil)
			tr.search.add("signing key of "+l.AccessKeyID+" up to "+part, k)
		}
	}
}

// use does everything that a secret goes through.
func (tr *trial) use(t *testing.T) {
	t.Helper()
	c, ctx := tr.KMS(), t.Context()
	context := map[string]string{"context": tr.open}
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	made, err := c.CreateKey(ctx, &kms.CreateKeyInput{Description: &tr.sealed})
	must(err)
	for _, id := range []string{"alias/known", *made.KeyMetadata.KeyId} {
		for range 10 {
			plaintext := random(32)
			tr.search.add("plaintext", plaintext)
			out, err := c.Encrypt(ctx, &kms.EncryptInput{KeyId: &id, Plaintext: plaintext, EncryptionContext: context})
			must(err)
			_, err = c.Decrypt(ctx, &kms.DecryptInput{CiphertextBlob: out.CiphertextBlob, EncryptionContext: context})
			must(err)
			_, err = c.ReEncrypt(ctx, &kms.ReEncryptInput{CiphertextBlob: out.CiphertextBlob, SourceEncryptionContext: context, DestinationKeyId: &id})
			must(err)
			data, err := c.GenerateDataKey(ctx, &kms.GenerateDataKeyInput{KeyId: &id, KeySpec: types.DataKeySpecAes256, EncryptionContext: context})
			must(err)
			tr.search.add("data key", data.Plaintext)
			bytes, err := c.GenerateRandom(ctx, &kms.GenerateRandomInput{NumberOfBytes: aws.Int32(64)})
			must(err)
			tr.search.add("random bytes", bytes.Plaintext)
		}
	}
	tr.refuse(t, *made.KeyMetadata.KeyId)
}

// refuse makes the server refuse requests with secrets in them, for every reason it can have.
func (tr *trial) refuse(t *testing.T, id string) {
	t.Helper()
	c, ctx, plaintext := tr.KMS(), t.Context(), random(32)
	tr.search.add("refused plaintext", plaintext)
	for _, in := range []kms.EncryptInput{
		{KeyId: aws.String("alias/none"), Plaintext: plaintext},
		{KeyId: aws.String("fake-key-id"), Plaintext: plaintext},
		{KeyId: &id, Plaintext: slices.Concat(plaintext, make([]byte, 4096))},
		{KeyId: &id, Plaintext: plaintext, EncryptionAlgorithm: types.EncryptionAlgorithmSpecRsaesOaepSha256},
		{KeyId: &id, Plaintext: plaintext, DryRun: aws.Bool(true)},
		{KeyId: &id, Plaintext: plaintext, EncryptionAlgorithm: "ROT13", GrantTokens: []string{""}},
	} {
		if _, err := c.Encrypt(ctx, &in); err == nil {
			t.Error("got a success, want a refusal")
		}
	}
	text := base64.StdEncoding.EncodeToString(plaintext)
	for _, body := range []string{
		text, `{"Plaintext":"` + text, `{"Plaintext":"` + text + `!","KeyId":"x"}`, `{"KeyId":{"` + text + `":1}}`,
		`{"` + text + `":1,"KeyId":1}`, `{"KeyId":"x","Plaintext":["` + text + `"]}`, string(plaintext),
	} {
		tr.post(t, body, nil)
		tr.post(t, body, func(r *http.Request) { r.Header.Set("Authorization", "Bearer "+tr.Secret) })
		tr.post(t, body, func(r *http.Request) { r.SetBasicAuth("root", tr.Secret) })
	}
}

// post sends a body that is not signed.
func (tr *trial) post(t *testing.T, body string, change func(*http.Request)) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), "POST", tr.URL, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/x-amz-json-1.1")
	req.Header.Set("X-Amz-Target", "TrentService.Encrypt")
	if change != nil {
		change(req)
	}
	res, err := tr.Client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if _, err := io.Copy(io.Discard, res.Body); err != nil || res.StatusCode == http.StatusOK {
		t.Errorf("got %d, %v; want a refusal", res.StatusCode, err)
	}
}

// judge looks through all that there is now.
func (tr *trial) judge(t *testing.T) {
	t.Helper()
	for name, text := range files(t, tr.Dir) {
		found := tr.search.in(text)
		if name == "root.key" {
			found = slices.DeleteFunc(found, func(s string) bool { return strings.Contains(s, "root key") })
		}
		if len(found) > 0 {
			t.Errorf("%s: got %q", name, found)
		}
		if strings.HasPrefix(name, "qkms.db") && bytes.Contains(text, []byte(tr.sealed)) {
			t.Errorf("%s: got a description in clear", name)
		}
	}
	if found := tr.search.in(tr.output(t)); found != nil {
		t.Errorf("output: got %q", found)
	}
	for _, r := range tr.Wire.Refusals() {
		if found := tr.search.in(r.Body); found != nil {
			t.Errorf("refusal: got %q in %s", found, r.Body)
		}
	}
}

// output is what the server and the verbs wrote, without the line that prints the secret on purpose.
func (tr *trial) output(t *testing.T) []byte {
	t.Helper()
	log, err := os.ReadFile(tr.Log)
	if err != nil {
		t.Fatal(err)
	}
	var kept []byte
	for line := range bytes.Lines(slices.Concat(log, tr.said)) {
		if !bytes.HasPrefix(line, []byte("export AWS_SECRET_ACCESS_KEY=")) {
			kept = append(kept, line...)
		}
	}
	return kept
}

// After kill -9 the write-ahead log is still there, and after a clean end everything is in the database;
// in between, the KEK and the root key are rotated, by a server that runs.
func TestNothingSecretLeaves(t *testing.T) {
	tr := begin(t)
	tr.addLogin(tr.As("444455556666"))
	tr.use(t)
	tr.Kill9()
	if wal := files(t, tr.Dir)["qkms.db-wal"]; len(wal) == 0 {
		t.Error("got no write-ahead log after kill -9: this would prove nothing about it")
	}
	tr.judge(t)

	tr.Restart()
	tr.use(t)
	tr.said = append(tr.said, tr.Run("kek", "rotate")...)
	tr.said = append(tr.said, tr.Run("root", "rotate")...)
	tr.said = append(tr.said, tr.Run("access-key", "list")...)
	tr.said = append(tr.said, tr.Run("doctor", "--no-tls")...)
	rotated, err := os.ReadFile(filepath.Join(tr.Dir, "root.key"))
	if err != nil {
		t.Fatal(err)
	}
	tr.search.add("next root key", rootKey(t, rotated))
	tr.use(t)
	tr.judge(t)
	tr.Stop()
	tr.judge(t)
	tr.checkControls(t)
}

// checkControls makes sure that the search would have found something: what is in the audit log in
// clear by design, and the root key in its own file.
func (tr *trial) checkControls(t *testing.T) {
	t.Helper()
	control := newSearch()
	control.add("encryption context", []byte(tr.open))
	audited := 0
	for name, text := range files(t, tr.Dir) {
		if strings.HasPrefix(name, "audit"+string(filepath.Separator)) {
			audited += len(control.in(text))
		}
		if name == "root.key" && tr.search.in(text) == nil {
			t.Error("control: got no root key in root.key")
		}
	}
	if audited == 0 {
		t.Error("control: got no encryption context in the audit log")
	}
	if n := len(tr.Wire.Refusals()); n < 50 {
		t.Errorf("control: got %d refusals, want 50 at least", n)
	}
	if !bytes.Contains(tr.output(t), []byte("AKIAIOSFODNN7EXAMPLE")) {
		t.Error("control: got no access key id in the output")
	}
}
