package webidentity_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/hmac"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"qkms/internal/authn/webidentity"
)

var start = time.Date(2026, 3, 14, 12, 0, 0, 0, time.UTC)

// A clock is set by hand.
type clock struct{ offset atomic.Int64 }

func (c *clock) now() time.Time          { return start.Add(time.Duration(c.offset.Load())) }
func (c *clock) advance(d time.Duration) { c.offset.Add(int64(d)) }

// A provider publishes keys over TLS, as a real one does, unless its handlers are replaced.
type provider struct {
	*httptest.Server
	asked atomic.Int64 // requests served

	mu              sync.Mutex
	discovery, jwks http.HandlerFunc
}

func newProvider(t testing.TB, keys ...jose.JSONWebKey) *provider {
	p := &provider{}
	p.Server = httptest.NewTLSServer(p)
	t.Cleanup(p.Close)
	p.Config.ErrorLog = nil
	p.discovery = func(w http.ResponseWriter, _ *http.Request) { p.document(w, p.URL, p.URL+"/keys") }
	p.publish(keys...)
	return p
}

func (p *provider) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	p.asked.Add(1)
	p.mu.Lock()
	h := p.jwks
	if strings.HasSuffix(r.URL.Path, "/.well-known/openid-configuration") {
		h = p.discovery
	}
	p.mu.Unlock()
	h(w, r)
}

func (p *provider) document(w http.ResponseWriter, issuer, jwks string) {
	_ = json.NewEncoder(w).Encode(map[string]string{"issuer": issuer, "jwks_uri": jwks})
}

func (p *provider) serve(discovery, jwks http.HandlerFunc) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if discovery != nil {
		p.discovery = discovery
	}
	if jwks != nil {
		p.jwks = jwks
	}
}

func (p *provider) publish(keys ...jose.JSONWebKey) {
	p.serve(nil, func(w http.ResponseWriter, _ *http.Request) {
		_ = json.NewEncoder(w).Encode(jose.JSONWebKeySet{Keys: keys})
	})
}

// registered is p as an account has it.
func (p *provider) registered() webidentity.Provider {
	return webidentity.Provider{URL: strings.TrimPrefix(p.URL, "https://"), ClientIDs: []string{"qkms", "another"}}
}

// verifier returns one that trusts the certificates of providers.
func verifier(t testing.TB, c webidentity.Config, providers ...*provider) *webidentity.Verifier {
	c.Roots = x509.NewCertPool()
	for _, p := range providers {
		c.Roots.AddCert(p.Certificate())
	}
	c.Loopback = true
	v := webidentity.New(c)
	t.Cleanup(v.Close)
	return v
}

// A signer makes tokens, good and bad.
type signer struct {
	alg string
	key crypto.Signer
	kid string
}

var (
	rsaKey = sync.OnceValue(func() *rsa.PrivateKey { k, _ := rsa.GenerateKey(rand.Reader, 2048); return k })
	weak   = sync.OnceValue(func() *rsa.PrivateKey { k, _ := rsa.GenerateKey(rand.Reader, 1024); return k })
)

func ecKey(c elliptic.Curve) *ecdsa.PrivateKey {
	k, err := ecdsa.GenerateKey(c, rand.Reader)
	if err != nil {
		panic(err)
	}
	return k
}

func ed(kid string) signer {
	_, k, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		panic(err)
	}
	return signer{alg: "EdDSA", key: k, kid: kid}
}

func (s signer) jwk() jose.JSONWebKey {
	return jose.JSONWebKey{Key: s.key.Public(), KeyID: s.kid, Algorithm: s.alg, Use: "sig"}
}

func (s signer) header() map[string]any {
	h := map[string]any{"typ": "JWT", "alg": s.alg}
	if s.kid != "" {
		h["kid"] = s.kid
	}
	return h
}

// token signs c.
func (s signer) token(c map[string]any) string { return s.raw(text(s.header()), text(c)) }

// with signs c under a header with more members.
func (s signer) with(more, c map[string]any) string {
	h := s.header()
	maps.Copy(h, more)
	return s.raw(text(h), text(c))
}

// raw signs what it is given.
func (s signer) raw(header, payload string) string {
	input := b64([]byte(header)) + "." + b64([]byte(payload))
	return input + "." + b64(s.sign([]byte(input)))
}

func (s signer) sign(input []byte) []byte {
	hash := map[string]crypto.Hash{"256": crypto.SHA256, "384": crypto.SHA384, "512": crypto.SHA512}[s.alg[2:]]
	digest := input
	if hash != 0 {
		h := hash.New()
		h.Write(input)
		digest = h.Sum(nil)
	}
	var signature []byte
	var err error
	switch k := s.key.(type) {
	case *ecdsa.PrivateKey:
		r, z, failed := ecdsa.Sign(rand.Reader, k, digest)
		size := (k.Curve.Params().BitSize + 7) / 8
		signature, err = append(r.FillBytes(make([]byte, size)), z.FillBytes(make([]byte, size))...), failed
	case *rsa.PrivateKey:
		var o crypto.SignerOpts = hash
		if s.alg[0] == 'P' {
			o = &rsa.PSSOptions{SaltLength: rsa.PSSSaltLengthEqualsHash, Hash: hash}
		}
		signature, err = k.Sign(rand.Reader, digest, o)
	default:
		signature, err = k.Sign(rand.Reader, digest, crypto.Hash(0))
	}
	if err != nil {
		panic(err)
	}
	return signature
}

// mac makes an HS256 token with secret.
func mac(header, payload string, secret []byte) string {
	input := b64([]byte(header)) + "." + b64([]byte(payload))
	h := hmac.New(sha256.New, secret)
	h.Write([]byte(input))
	return input + "." + b64(h.Sum(nil))
}

// claims are good ones of p, an hour from start, but for changes: of name, value pairs; nil drops a claim.
func (p *provider) claims(changes ...any) map[string]any {
	c := map[string]any{
		"iss": p.URL, "sub": "system:serviceaccount:prod:billing", "aud": "qkms",
		"iat": start.Unix(), "exp": start.Add(time.Hour).Unix(),
	}
	for i := 0; i < len(changes); i += 2 {
		if c[changes[i].(string)] = changes[i+1]; changes[i+1] == nil {
			delete(c, changes[i].(string))
		}
	}
	return c
}

func b64(b []byte) string { return base64.RawURLEncoding.EncodeToString(b) }

func text(v any) string {
	b, err := json.Marshal(v)
	if err != nil {
		panic(fmt.Sprint(err))
	}
	return string(b)
}
