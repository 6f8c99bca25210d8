package sts_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/hex"
	"log/slog"
	"math/big"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"qkms/internal/gate"
	"qkms/internal/kmstest"
	store "qkms/internal/record"
	"qkms/internal/record/recordpb"
)

// secure serves s by TLS, and returns the address and a client for it with certificates.
func secure(t *testing.T, s *kmstest.Server) (string, func(...tls.Certificate) *http.Client) {
	t.Helper()
	ts := httptest.NewUnstartedServer(nil)
	ts.Config = gate.HTTP(s.Node.Server, &tls.Config{MinVersion: tls.VersionTLS13}, slog.New(slog.DiscardHandler))
	ts.TLS = ts.Config.TLSConfig
	ts.StartTLS()
	t.Cleanup(ts.Close)
	return ts.URL, func(pairs ...tls.Certificate) *http.Client {
		transport := ts.Client().Transport.(*http.Transport).Clone()
		transport.TLSClientConfig.Certificates = pairs
		t.Cleanup(transport.CloseIdleConnections)
		return &http.Client{Transport: transport}
	}
}

// pair certifies a key by itself for an hour from begin.
func pair(t *testing.T, key *ecdsa.PrivateKey, begin time.Time) tls.Certificate {
	t.Helper()
	c := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "build"}, NotBefore: begin, NotAfter: begin.Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, c, c, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}

func newKey(t *testing.T) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func spki(t *testing.T, key *ecdsa.PrivateKey) string {
	t.Helper()
	der, err := x509.MarshalPKIXPublicKey(key.Public())
	if err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256(der)
	return hex.EncodeToString(sum[:])
}

func register(t *testing.T, s *kmstest.Server, c *recordpb.Certificate) {
	t.Helper()
	change := s.Book.Change()
	change.Insert(store.OfCertificate(c.Spki), c)
	if err := s.Book.Commit(t.Context(), change, "", nil); err != nil {
		t.Fatal(err)
	}
}

// Who holds the key of a registered certificate has sessions of the role whose trust policy names it.
func TestCertificate(t *testing.T) {
	s := kmstest.New(t)
	address, with := secure(t, s)
	key, unknown, expiring, nameless, untrusted := newKey(t), newKey(t), newKey(t), newKey(t), newKey(t)
	s.Role(&recordpb.Role{Path: "/apps/", Name: "reader",
		Trust:  statements(trusts(`{"Federated":["arn:aws:iam::111122223333:certificate/build","arn:aws:iam::111122223333:certificate/old","arn:aws:iam::111122223333:certificate/x"]}`, `"sts:AssumeRoleWithCertificate"`, `"Bool":{"aws:SecureTransport":"true"}`)),
		Inline: inline(statements(`{"Effect":"Allow","Action":"kms:ListKeys","Resource":"*"}`))})
	now := s.Clock.Now()
	for name, k := range map[string]*ecdsa.PrivateKey{"build": key, "old": expiring, "x": nameless, "other": untrusted} {
		c := &recordpb.Certificate{Account: kmstest.Account, Name: name, Spki: spki(t, k), Role: "reader"}
		if name == "old" {
			c.Expires = now.Add(-time.Second).UnixMilli()
		}
		register(t, s, c)
	}
	for _, row := range []struct {
		name       string
		client     *http.Client
		more       []string
		status     int
		code, says string
	}{
		{"a known key", with(pair(t, key, now)), nil, 200, "", ":assumed-role/reader/build"},
		{"a session with another name", with(pair(t, key, now)), []string{"RoleSessionName", "job-7"}, 200, "", ":assumed-role/reader/job-7"},
		{"a certificate that is not valid yet", with(pair(t, key, now.Add(time.Second))), nil, 400, "InvalidIdentityToken", "not valid at this time"},
		{"one that has expired", with(pair(t, key, now.Add(-time.Hour-time.Second))), nil, 400, "InvalidIdentityToken", "not valid at this time"},
		{"one made anew after the registered one had expired", with(pair(t, expiring, now)), nil, 400, "InvalidIdentityToken", "not valid at this time"},
		{"a key nobody has registered", with(pair(t, unknown, now)), nil, 403, "AccessDenied", "Not authorized to perform sts:AssumeRoleWithCertificate"},
		{"a certificate that the role does not trust", with(pair(t, untrusted, now)), nil, 403, "AccessDenied", "Not authorized to perform sts:AssumeRoleWithCertificate"},
		{"a name that is too short for a session", with(pair(t, nameless, now)), nil, 400, "ValidationError", "Give RoleSessionName"},
		{"no certificate", with(), nil, 400, "ValidationError", "has no TLS client certificate"},
		{"longer than the role lets", with(pair(t, key, now)), []string{"DurationSeconds", "3601"}, 400, "ValidationError", "MaxSessionDuration"},
	} {
		t.Run(row.name, func(t *testing.T) {
			r := unsigned(t, row.client, address, "AssumeRoleWithCertificate", row.more...)
			if row.code != "" {
				told(t, r, row.status, row.code, row.says)
				return
			}
			sessionOf(t, s, r).Must("ListKeys", `{}`)
			if got := r.Text("Arn"); !strings.HasSuffix(got, row.says) {
				t.Errorf("got %s, want …%s", got, row.says)
			}
		})
	}
	told(t, unsigned(t, http.DefaultClient, s.URL, "AssumeRoleWithCertificate"), 400, "ValidationError", "has no TLS client certificate")

	sessionOf(t, s, unsigned(t, with(pair(t, key, now)), address, "AssumeRoleWithCertificate"))
	rec := record(t, s, "AssumeRoleWithCertificate")
	if got := at(rec, "userIdentity", "type") + " " + at(rec, "userIdentity", "arn"); got != "CertificateUser arn:aws:iam::111122223333:certificate/build" {
		t.Errorf("got record of %s, want of the certificate", got)
	}
	if r := unsigned(t, with(pair(t, unknown, now)), address, "GetCallerIdentity"); r.Status != 403 {
		t.Errorf("a certificate signs no request: got %d %s, want 403", r.Status, r.Raw)
	}
}
