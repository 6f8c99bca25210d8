package main

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"encoding/pem"
	"log/slog"
	"math/big"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"qkms/internal/admin"
	"qkms/internal/gate"
	"qkms/internal/kmstest"
	"qkms/internal/record/recordpb"
)

// verbOf runs one of qkms to its end.
func verbOf(t *testing.T, args ...string) (out string, err error) {
	t.Helper()
	var text bytes.Buffer
	err = run(context.Background(), args, func(string) string { return "" }, stdio{out: &text, err: &text})
	return text.String(), err
}

// operated is a server whose operator's verbs reach it, and its TLS address, with the file of its authority.
func operated(t *testing.T) (s *kmstest.Server, address, ca string) {
	t.Helper()
	s = kmstest.New(t)
	door, err := admin.Listen(&admin.Host{Node: s.Node})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = door.Close() })
	ts := httptest.NewUnstartedServer(nil)
	ts.Config = gate.HTTP(s.Node.Server, &tls.Config{MinVersion: tls.VersionTLS13}, slog.New(slog.DiscardHandler))
	ts.TLS = ts.Config.TLSConfig
	ts.StartTLS()
	t.Cleanup(ts.Close)
	ca = filepath.Join(t.TempDir(), "ca.pem")
	writePEM(t, ca, &pem.Block{Type: "CERTIFICATE", Bytes: ts.Certificate().Raw})
	return s, ts.URL, ca
}

func writePEM(t *testing.T, path string, blocks ...*pem.Block) {
	t.Helper()
	var text []byte
	for _, b := range blocks {
		text = append(text, pem.EncodeToMemory(b)...)
	}
	if err := os.WriteFile(path, text, 0o600); err != nil {
		t.Fatal(err)
	}
}

// newClientCertificate writes a certificate with its key, and the public key alone.
func newClientCertificate(t *testing.T, name string, end time.Time) (pair, public string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	c := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name}, NotBefore: end.Add(-48 * time.Hour), NotAfter: end}
	der, err := x509.CreateCertificate(rand.Reader, c, c, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	spki, err := x509.MarshalPKIXPublicKey(key.Public())
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	pair, public = filepath.Join(dir, "pair.pem"), filepath.Join(dir, "public.pem")
	writePEM(t, pair, &pem.Block{Type: "PRIVATE KEY", Bytes: private}, &pem.Block{Type: "CERTIFICATE", Bytes: der})
	writePEM(t, public, &pem.Block{Type: "PUBLIC KEY", Bytes: spki})
	return pair, public
}

func listing(action string) []*recordpb.NamedPolicy {
	return []*recordpb.NamedPolicy{{Name: "own", Text: `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"` + action + `","Resource":"*"}}`}}
}

// An operator registers a certificate, and who has its key gets credentials that an SDK can read.
func TestCertificateVerbs(t *testing.T) {
	s, address, ca := operated(t)
	pair, public := newClientCertificate(t, "build", time.Now().Add(24*time.Hour))
	expired, _ := newClientCertificate(t, "old", time.Now().Add(-time.Hour))
	add := []string{"certificate", "add", "--data", s.Dir(), "--role", "reader"}
	if _, err := verbOf(t, append(add, pair)...); err == nil || !strings.Contains(err.Error(), `has no role "reader"`) {
		t.Errorf("without the role: got %v, want a refusal", err)
	}
	s.Role(&recordpb.Role{Name: "reader", Inline: listing("kms:ListKeys")})
	out, err := verbOf(t, append(add, pair)...)
	if err != nil {
		t.Fatal(err)
	}
	_, statement, found := strings.Cut(out, "\n\n")
	if !found {
		t.Fatalf("got %s, want a statement", out)
	}
	for _, row := range []struct {
		name, says string
		args       []string
	}{
		{"the same key again", "this key is registered already", append(add, "--name", "other", pair)},
		{"the key alone, without a name", "give --name", append(add, public)},
		{"an expired certificate", "has expired at", append(add, expired)},
		{"no PEM", "neither a certificate nor a public key", append(add, filepath.Join(s.Dir(), "root.key"))},
	} {
		if _, err := verbOf(t, row.args...); err == nil || !strings.Contains(err.Error(), row.says) {
			t.Errorf("%s: got %v, want %q", row.name, err, row.says)
		}
	}
	ask := []string{"credentials", "--endpoint", address, "--ca", ca, "--cert", pair, "--duration", "15m", "--name", "job-1"}
	if _, err := verbOf(t, ask...); err == nil || !strings.Contains(err.Error(), "AccessDenied: Not authorized to perform sts:AssumeRoleWithCertificate") {
		t.Errorf("a role that does not trust the certificate: got %v", err)
	}
	s.Role(&recordpb.Role{Name: "reader", Inline: listing("kms:ListKeys"), Trust: `{"Statement":` + statement + `}`})
	out, err = verbOf(t, ask...)
	if err != nil {
		t.Fatal(err)
	}
	var made struct {
		Version                                    int
		AccessKeyId, SecretAccessKey, SessionToken string //nolint:revive // as the SDKs spell it
		Expiration                                 time.Time
	}
	if err := json.Unmarshal([]byte(out), &made); err != nil || made.Version != 1 || made.Expiration.Sub(s.Clock.Now()) > 15*time.Minute {
		t.Fatalf("got %s, %v, want what an SDK reads", out, err)
	}
	c := &kmstest.Client{Server: s, AccessKeyID: made.AccessKeyId, Secret: made.SecretAccessKey, Token: made.SessionToken, Region: kmstest.Region}
	c.Must("ListKeys", `{}`)

	if out, err := verbOf(t, "certificate", "list", "--data", s.Dir()); err != nil || !strings.Contains(out, "build  reader  ") {
		t.Errorf("list: got %s, %v, want the certificate", out, err)
	}
	if _, err := verbOf(t, "certificate", "delete", "--data", s.Dir(), "build"); err != nil {
		t.Error(err)
	}
	if _, err := verbOf(t, ask...); err == nil || !strings.Contains(err.Error(), "AccessDenied") {
		t.Errorf("deleted: got %v, want a refusal", err)
	}
	if _, err := verbOf(t, append(add, "--name", "build", public)...); err != nil {
		t.Errorf("added again: %v", err)
	}
	if _, err := verbOf(t, ask...); err != nil {
		t.Errorf("added again by its key alone: %v", err)
	}
}

func TestCredentialsNeedTLS(t *testing.T) {
	pair, _ := newClientCertificate(t, "build", time.Now().Add(time.Hour))
	for name, args := range map[string][]string{
		"plain HTTP":        {"--endpoint", "http://127.0.0.1:1", "--cert", pair},
		"no certificate":    {"--endpoint", "https://127.0.0.1:1"},
		"no endpoint":       {"--cert", pair},
		"no such authority": {"--endpoint", "https://127.0.0.1:1", "--cert", pair, "--ca", pair + ".none"},
	} {
		if out, err := verbOf(t, append([]string{"credentials"}, args...)...); err == nil {
			t.Errorf("%s: got %s, want a refusal", name, out)
		}
	}
}

// What a test of an integration needs: a service, and a caller whose requests a service forwards.
func TestServicesAndForwardedSessions(t *testing.T) {
	s, _, _ := operated(t)
	s.User(&recordpb.User{Name: "alice"})
	s.Role(&recordpb.Role{Name: "reader", Inline: listing("kms:ListKeys")})
	key := s.As(kmstest.Account).Must("CreateKey", map[string]any{"Policy": `{"Statement":[
		{"Effect":"Allow","Principal":{"AWS":"` + kmstest.Account + `"},"Action":"kms:*","Resource":"*"},
		{"Effect":"Allow","Principal":{"Service":"s3.amazonaws.com"},"Action":"kms:GenerateDataKey","Resource":"*"},
		{"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::` + kmstest.Account + `:user/alice"},"Action":"kms:Encrypt","Resource":"*","Condition":{"StringEquals":{"kms:ViaService":"s3.us-east-1.amazonaws.com"},"Bool":{"aws:ViaAWSService":"true"}}}]}`}).String("KeyMetadata.Arn")

	var service struct{ ID, Secret string }
	out, err := verbOf(t, "access-key", "create", "--data", s.Dir(), "--service", "s3.amazonaws.com", "--json")
	if err == nil {
		err = json.Unmarshal([]byte(out), &service)
	}
	if err != nil {
		t.Fatal(err)
	}
	c := &kmstest.Client{Server: s, AccessKeyID: service.ID, Secret: service.Secret, Region: kmstest.Region}
	c.Must("GenerateDataKey", map[string]any{"KeyId": key, "KeySpec": "AES_256"})
	if r := c.Call("Encrypt", map[string]any{"KeyId": key, "Plaintext": "aGk="}); r.Status == 200 {
		t.Error("the service encrypts: got success, want a refusal")
	}
	if out, err := verbOf(t, "access-key", "list", "--data", s.Dir()); err != nil || !strings.Contains(out, "s3.amazonaws.com") || !strings.Contains(out, "user/alice") {
		t.Errorf("list: got %s, %v, want whose each is", out, err)
	}
	create := func(args ...string) *kmstest.Client {
		t.Helper()
		var made admin.SessionMade
		out, err := verbOf(t, append([]string{"session", "create", "--json", "--data", s.Dir()}, args...)...)
		if err == nil {
			err = json.Unmarshal([]byte(out), &made)
		}
		if err != nil {
			t.Fatal(err)
		}
		return &kmstest.Client{Server: s, AccessKeyID: made.AccessKeyId, Secret: made.SecretAccessKey, Token: made.SessionToken, Region: kmstest.Region}
	}
	encrypt := map[string]any{"KeyId": key, "Plaintext": "aGk="}
	create("--user", "alice", "--via", "s3.us-east-1.amazonaws.com").Must("Encrypt", encrypt)
	if r := create("--user", "alice").Call("Encrypt", encrypt); r.Code() != "AccessDeniedException" {
		t.Errorf("not forwarded: got %s, want AccessDeniedException", r.Raw)
	}
	create("--role", "reader", "--duration", "15m").Must("ListKeys", `{}`)
	ofAlice := create("--user", "alice", "--via", "s3.us-east-1.amazonaws.com")
	s.User(&recordpb.User{Name: "alice"}) // another one
	if r := ofAlice.Call("Encrypt", encrypt); r.Code() != "UnrecognizedClientException" {
		t.Errorf("of one who is gone: got %s, want UnrecognizedClientException", r.Raw)
	}
	for name, args := range map[string][]string{
		"nobody": {}, "two": {"--user", "alice", "--role", "reader"}, "no such user": {"--user", "bob"}, "no such role": {"--role", "writer"},
		"no service": {"--user", "alice", "--via", "s3"}, "too long": {"--user", "alice", "--duration", "13h"}, "too short": {"--user", "alice", "--duration", "1m"},
	} {
		if _, err := verbOf(t, append([]string{"session", "create", "--data", s.Dir()}, args...)...); err == nil {
			t.Errorf("%s: got no error, want a refusal", name)
		}
	}
	if _, err := verbOf(t, "access-key", "create", "--data", s.Dir(), "--service", "s3"); err == nil {
		t.Error("no service: got no error, want a refusal")
	}
	var recorded bool
	for _, e := range s.Records() {
		recorded = recorded || strings.Contains(string(e.Line), `"eventName":"CreateSession"`) && strings.Contains(string(e.Line), `"via":"s3.us-east-1.amazonaws.com"`)
		if strings.Contains(string(e.Line), ofAlice.Secret) || strings.Contains(string(e.Line), ofAlice.Token[:40]) {
			t.Errorf("a secret is in record %s", e.Line)
		}
	}
	if !recorded {
		t.Error("got no record of a session made, want one")
	}
}
