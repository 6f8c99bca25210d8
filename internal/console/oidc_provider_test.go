package console_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"qkms/internal/authn/webidentity"
)

// A login is a provider of OpenID Connect where everybody who is sent there has signed in already. What it does can be bent.
type login struct {
	*httptest.Server
	t   *testing.T
	key *ecdsa.PrivateKey
	now func() time.Time

	mu     sync.Mutex
	asked  url.Values // the authorization request that was last
	claims map[string]any
	bend   func(answer url.Values) // the answer to the browser
	wrong  string                  // what the token endpoint refuses with
	spent  bool                    // the code that was given last
}

const clientSecret = "s3cret/of the+client"

func newLogin(t *testing.T) *login {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	l := &login{t: t, key: key, claims: map[string]any{}, bend: func(url.Values) {}}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /.well-known/openid-configuration", func(w http.ResponseWriter, _ *http.Request) {
		l.json(w, 200, map[string]any{
			"issuer": l.URL, "jwks_uri": l.URL + "/keys", "authorization_endpoint": l.URL + "/authorize?tenant=a", "token_endpoint": l.URL + "/token",
			"authorization_response_iss_parameter_supported": true,
		})
	})
	mux.HandleFunc("GET /keys", func(w http.ResponseWriter, _ *http.Request) {
		point, _ := l.key.PublicKey.Bytes()
		l.json(w, 200, map[string]any{"keys": []any{map[string]any{"kty": "EC", "crv": "P-256", "kid": "1", "alg": "ES256", "x": b64(point[1:33]), "y": b64(point[33:])}}})
	})
	mux.HandleFunc("GET /authorize", l.authorize)
	mux.HandleFunc("POST /token", l.token)
	l.Server = httptest.NewTLSServer(mux)
	t.Cleanup(l.Close)
	return l
}

func (l *login) json(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(v)
}

func (l *login) authorize(w http.ResponseWriter, hr *http.Request) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.asked, l.spent = hr.URL.Query(), false
	answer := url.Values{"code": {"the-code"}, "state": {l.asked.Get("state")}, "iss": {l.URL}}
	l.bend(answer)
	http.Redirect(w, hr, l.asked.Get("redirect_uri")+"?"+answer.Encode(), http.StatusFound)
}

// token does what RFC 6749 and RFC 7636 want of a token endpoint.
func (l *login) token(w http.ResponseWriter, hr *http.Request) {
	l.mu.Lock()
	defer l.mu.Unlock()
	id, secret, _ := hr.BasicAuth()
	id, _ = url.QueryUnescape(id)
	secret, _ = url.QueryUnescape(secret)
	challenge := sha256.Sum256([]byte(hr.PostFormValue("code_verifier")))
	switch {
	case l.wrong != "":
		l.json(w, 400, map[string]string{"error": "invalid_grant", "error_description": l.wrong})
	case id != l.asked.Get("client_id") || secret != clientSecret:
		l.json(w, 401, map[string]string{"error": "invalid_client"})
	case l.spent || hr.PostFormValue("code") != "the-code" || hr.PostFormValue("redirect_uri") != l.asked.Get("redirect_uri") ||
		l.asked.Get("code_challenge_method") != "S256" || b64(challenge[:]) != l.asked.Get("code_challenge"):
		l.json(w, 400, map[string]string{"error": "invalid_grant"})
	default:
		l.spent = true
		claims := map[string]any{"iss": l.URL, "sub": "user-1", "aud": id, "nonce": l.asked.Get("nonce"), "iat": l.now().Unix(), "exp": l.now().Add(time.Minute).Unix()}
		for name, v := range l.claims {
			claims[name] = v
		}
		l.json(w, 200, map[string]string{"token_type": "Bearer", "access_token": "x", "id_token": l.signed(claims)})
	}
}

func (l *login) signed(claims map[string]any) string {
	header, _ := json.Marshal(map[string]any{"alg": "ES256", "kid": "1", "typ": "JWT"})
	payload, err := json.Marshal(claims)
	if err != nil {
		l.t.Error(err)
	}
	input := b64(header) + "." + b64(payload)
	sum := sha256.Sum256([]byte(input))
	r, s, err := ecdsa.Sign(rand.Reader, l.key, sum[:])
	if err != nil {
		l.t.Error(err)
	}
	return input + "." + b64(append(r.FillBytes(make([]byte, 32)), s.FillBytes(make([]byte, 32))...))
}

// config lets the provider be asked.
func (l *login) config() webidentity.Config {
	roots := x509.NewCertPool()
	roots.AddCert(l.Certificate())
	return webidentity.Config{Roots: roots, Allow: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8"), netip.MustParsePrefix("::1/128")}}
}

func (l *login) name() string { return strings.TrimPrefix(l.URL, "https://") }

func b64(b []byte) string { return base64.RawURLEncoding.EncodeToString(b) }
