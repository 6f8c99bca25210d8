package webidentity

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"

	"github.com/coreos/go-oidc/v3/oidc"
	"github.com/go-jose/go-jose/v4"
)

// mostKeys is how many keys a provider may have.
const mostKeys = 200

// A key is one that a provider signs with.
type key struct {
	id     string // or empty
	alg    string // the one algorithm it is for, or empty
	public crypto.PublicKey
}

// fetch asks issuer where its keys are, then for the keys. The discovery document has to name the very
// issuer it was asked for, or whoever can place a document below a shared host would speak for all of it
// (OpenID Connect Discovery 1.0 §4.3).
func (v *Verifier) fetch(ctx context.Context, issuer string) ([]key, error) {
	p, err := oidc.NewProvider(oidc.ClientContext(ctx, v.client), issuer)
	if err != nil {
		return nil, fmt.Errorf("discover: %w", err)
	}
	var where struct {
		JWKS string `json:"jwks_uri"`
	}
	if err := p.Claims(&where); err != nil {
		return nil, fmt.Errorf("discover: %w", err)
	}
	if _, ok := v.plainURL(where.JWKS); !ok {
		return nil, fmt.Errorf("%w: jwks_uri is no https URL", errRefused)
	}
	set, err := v.get(ctx, where.JWKS)
	if err != nil {
		return nil, fmt.Errorf("get keys: %w", err)
	}
	return readKeys(set)
}

func (v *Verifier) get(ctx context.Context, url string) ([]byte, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return nil, err
	}
	answer, err := v.client.Do(r)
	if err != nil {
		return nil, err
	}
	defer answer.Body.Close()
	return io.ReadAll(answer.Body)
}

// readKeys reads a JSON Web Key Set. Keys that cannot be used here are passed over (RFC 7517 §5).
func readKeys(set []byte) ([]key, error) {
	var all struct {
		Keys []json.RawMessage `json:"keys"`
	}
	if err := json.Unmarshal(set, &all); err != nil {
		return nil, fmt.Errorf("%w: %w", errRefused, err)
	}
	if len(all.Keys) > mostKeys {
		return nil, fmt.Errorf("%w: %d keys", errRefused, len(all.Keys))
	}
	var keys []key
	for _, raw := range all.Keys {
		var k jose.JSONWebKey
		if err := json.Unmarshal(raw, &k); err == nil && (k.Use == "" || k.Use == "sig") && strong(k.Key) {
			keys = append(keys, key{id: k.KeyID, alg: k.Algorithm, public: k.Key})
		}
	}
	if len(keys) == 0 {
		return nil, fmt.Errorf("%w: no key can be used", errRefused)
	}
	return keys, nil
}

// strong tells whether a signature of public is to be believed: RSA from 2,048 bits (SP 800-131A), to the
// 8,192 that are still fast to verify with. Secret and private keys are no public ones.
func strong(public any) bool {
	switch k := public.(type) {
	case *rsa.PublicKey:
		return k.N.BitLen() >= 2048 && k.N.BitLen() <= 8192
	case *ecdsa.PublicKey, ed25519.PublicKey:
		return true
	}
	return false
}

// signs tells whether k signs with alg, so that no key is used in a way its owner did not mean it.
func (k key) signs(alg string) bool {
	if k.alg != "" && k.alg != alg {
		return false
	}
	switch public := k.public.(type) {
	case *rsa.PublicKey:
		return strings.HasPrefix(alg, "RS") || strings.HasPrefix(alg, "PS")
	case *ecdsa.PublicKey:
		return alg == map[string]string{"P-256": "ES256", "P-384": "ES384", "P-521": "ES512"}[public.Params().Name]
	case ed25519.PublicKey:
		return alg == "EdDSA"
	}
	return false
}

// match returns the keys that may have signed a token with header h. One that names no key is verified
// only if there is no choice (OpenID Connect Core 1.0 §10.1).
func match(keys []key, h header) []crypto.PublicKey {
	var found []crypto.PublicKey
	for _, k := range keys {
		if k.signs(h.alg) && (h.kid == "" || h.kid == k.id) {
			found = append(found, k.public)
		}
	}
	if h.kid == "" && len(found) > 1 {
		return nil
	}
	return found
}
