package provider

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"encoding/json"
	"net/http"
)

// algorithm of tokens (RFC 7518 §3.4).
const algorithm = "ES256"

func newKey() (*ecdsa.PrivateKey, error) { return ecdsa.GenerateKey(elliptic.P256(), rand.Reader) }

// keys publishes the one that tokens are verified with (RFC 7517).
func (p *Provider) keys(w http.ResponseWriter, _ *http.Request) {
	point, err := p.key.PublicKey.Bytes() // 4, x, y: SEC 1 §2.3.3
	if err != nil {
		panic("provider: internal error: " + err.Error()) // of a key that was generated
	}
	say(w, http.StatusOK, map[string]any{"keys": []any{
		map[string]any{"kty": "EC", "crv": "P-256", "kid": "1", "use": "sig", "alg": algorithm, "x": b64(point[1:33]), "y": b64(point[33:])},
	}})
}

// signed is claims as a JSON Web Token.
func (p *Provider) signed(claims map[string]any) string {
	text := part(map[string]any{"alg": algorithm, "kid": "1", "typ": "JWT"}) + "." + part(claims)
	sum := sha256.Sum256([]byte(text))
	r, s, err := ecdsa.Sign(rand.Reader, p.key, sum[:])
	if err != nil {
		panic("provider: internal error: " + err.Error()) // of a key that was generated
	}
	return text + "." + b64(append(r.FillBytes(make([]byte, 32)), s.FillBytes(make([]byte, 32))...))
}

func part(v any) string {
	text, err := json.Marshal(v)
	if err != nil {
		panic("provider: internal error: " + err.Error()) // of texts and numbers
	}
	return b64(text)
}
