package sts_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"qkms/internal/authn/webidentity"
	"qkms/internal/kmstest"
)

// A provider is an OpenID Connect provider on this machine.
type provider struct {
	*httptest.Server
	t testing.TB

	mu    sync.Mutex
	kid   string
	key   *ecdsa.PrivateKey
	hangs chan struct{} // not nil: keys are told when it is closed
	asked int           // for keys
	ends  string        // the issuer's name, beyond the address
}

func newProvider(t testing.TB) *provider {
	p := &provider{t: t}
	p.rotate("one")
	mux := http.NewServeMux()
	mux.HandleFunc("/.well-known/openid-configuration", func(w http.ResponseWriter, _ *http.Request) {
		_ = json.NewEncoder(w).Encode(map[string]any{"issuer": p.URL + p.ends, "jwks_uri": p.URL + "/keys", "id_token_signing_alg_values_supported": []string{"ES256"}})
	})
	mux.HandleFunc("/keys", p.keys)
	p.Server = httptest.NewTLSServer(mux)
	t.Cleanup(p.Close)
	return p
}

func (p *provider) keys(w http.ResponseWriter, _ *http.Request) {
	p.mu.Lock()
	p.asked++
	hangs, kid, public := p.hangs, p.kid, p.key.PublicKey
	p.mu.Unlock()
	if hangs != nil {
		<-hangs
		return
	}
	point, err := public.Bytes()
	if err != nil {
		p.t.Error(err)
	}
	_ = json.NewEncoder(w).Encode(map[string]any{"keys": []any{map[string]any{
		"kty": "EC", "crv": "P-256", "kid": kid, "alg": "ES256", "use": "sig", "x": text(point[1:33]), "y": text(point[33:]),
	}}})
}

// times is how often the provider was asked for keys.
func (p *provider) times() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.asked
}

func (p *provider) rotate(kid string) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		p.t.Fatal(err)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.kid, p.key = kid, key
}

// hang makes the provider say nothing until it is told to go on.
func (p *provider) hang() (goOn func()) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.hangs = make(chan struct{})
	return sync.OnceFunc(func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		close(p.hangs)
		p.hangs = nil
	})
}

func (p *provider) name() string { return strings.TrimPrefix(p.URL, "https://") }
func (p *provider) arn() string {
	return "arn:aws:iam::" + kmstest.Account + ":oidc-provider/" + p.name()
}

// roots is who vouches for the provider's address.
func (p *provider) roots() *x509.CertPool {
	pool := x509.NewCertPool()
	pool.AddCert(p.Certificate())
	return pool
}

func (p *provider) config() webidentity.Config {
	return webidentity.Config{Roots: p.roots(), Allow: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8"), netip.MustParsePrefix("::1/128")}, Timeout: 200 * time.Millisecond}
}

// token is signed by the provider's present key. What is not among claims is made up; nil leaves one out.
func (p *provider) token(now time.Time, claims map[string]any) string {
	all := map[string]any{"iss": p.URL + p.ends, "sub": "pod-1", "aud": "qkms", "iat": now.Unix(), "exp": now.Add(time.Hour).Unix()}
	for name, v := range claims {
		all[name] = v
		if v == nil {
			delete(all, name)
		}
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	signed := text(mustJSON(p.t, map[string]any{"alg": "ES256", "kid": p.kid, "typ": "JWT"})) + "." + text(mustJSON(p.t, all))
	sum := sha256.Sum256([]byte(signed))
	r, s, err := ecdsa.Sign(rand.Reader, p.key, sum[:])
	if err != nil {
		p.t.Fatal(err)
	}
	return signed + "." + text(append(r.FillBytes(make([]byte, 32)), s.FillBytes(make([]byte, 32))...))
}

// forged is a token that nobody has signed.
func (p *provider) forged(now time.Time) string {
	parts := strings.Split(p.token(now, nil), ".")
	return fmt.Sprintf("%s.%s.", text([]byte(`{"alg":"none"}`)), parts[1])
}

func text(b []byte) string { return base64.RawURLEncoding.EncodeToString(b) }

func mustJSON(t testing.TB, v any) []byte {
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return b
}
