// Package provider is an OpenID Connect provider at which one person signs in by pressing a button.
//
// Nothing here imports the product: it does what RFC 6749, RFC 7636 and OpenID Connect Core 1.0 want of a provider, and refuses what
// they have it refuse.
package provider

import (
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/json"
	"html/template"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"
)

// The one person whom a Provider knows.
const (
	Subject = "248289761001"
	Email   = "ann@example.com"
)

// A Provider knows one person, and one client, by its id, its secret and the one address that browsers are sent back to. Redirect is set
// before anybody is sent here.
type Provider struct {
	URL      string // the issuer, another site than 127.0.0.1
	ClientID string
	Secret   string
	Redirect string

	server *httptest.Server
	key    *ecdsa.PrivateKey

	mu    sync.Mutex
	asked map[string]url.Values // what the person agreed to, by the code that stands for it
}

// Start starts a provider on loopback, which speaks plain HTTP.
func Start(clientID, secret string) (*Provider, error) {
	key, err := newKey()
	if err != nil {
		return nil, err
	}
	p := &Provider{ClientID: clientID, Secret: secret, key: key, asked: map[string]url.Values{}}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /.well-known/openid-configuration", p.discovery)
	mux.HandleFunc("GET /keys", p.keys)
	mux.HandleFunc("GET /authorize", p.ask)
	mux.HandleFunc("POST /authorize", p.answer)
	mux.HandleFunc("POST /token", p.token)
	p.server = httptest.NewServer(mux)
	_, port, err := net.SplitHostPort(p.server.Listener.Addr().String())
	p.URL = "http://localhost:" + port
	return p, err
}

// Close ends the provider.
func (p *Provider) Close() { p.server.Close() }

// Name is the issuer as policies have it.
func (p *Provider) Name() string { return strings.TrimPrefix(p.URL, "http://") }

func (p *Provider) discovery(w http.ResponseWriter, _ *http.Request) {
	say(w, http.StatusOK, map[string]any{
		"issuer": p.URL, "jwks_uri": p.URL + "/keys", "authorization_endpoint": p.URL + "/authorize", "token_endpoint": p.URL + "/token",
		"response_types_supported": []string{"code"}, "subject_types_supported": []string{"public"},
		"id_token_signing_alg_values_supported": []string{"ES256"}, "code_challenge_methods_supported": []string{"S256"},
		"authorization_response_iss_parameter_supported": true,
	})
}

var page = template.Must(template.New("").Parse(`<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>The provider</title><link rel="icon" href="data:,"></head>
<body><main>
<h1>Sign in to {{.Get "client_id"}}?</h1>
<form method="post"><button name="agrees" value="yes">Agree</button> <button name="agrees" value="no">Refuse</button></form>
</main></body>
</html>
`))

// ask is the page that browsers are sent to. A request that is not of the client is answered here: who else made it is not to have an answer
// sent to where it says (RFC 6749 §4.1.2.1).
func (p *Provider) ask(w http.ResponseWriter, hr *http.Request) {
	if q := hr.URL.Query(); p.fits(w, q) {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		_ = page.Execute(w, q) // the browser is gone
	}
}

func (p *Provider) fits(w http.ResponseWriter, q url.Values) bool {
	switch {
	case q.Get("client_id") != p.ClientID:
		http.Error(w, "Another client is not known here.", http.StatusBadRequest)
	case q.Get("redirect_uri") != p.Redirect:
		http.Error(w, "The client has not registered this redirect_uri.", http.StatusBadRequest)
	case q.Get("response_type") != "code" || !slices.Contains(strings.Fields(q.Get("scope")), "openid"):
		http.Error(w, "This is no request of OpenID Connect for a code.", http.StatusBadRequest)
	case q.Get("state") == "" || q.Get("nonce") == "" || q.Get("code_challenge_method") != "S256" || q.Get("code_challenge") == "":
		http.Error(w, "Requests have a state, a nonce and a challenge (RFC 9700 §2.1.1).", http.StatusBadRequest)
	default:
		return true
	}
	return false
}

// answer sends the browser back with what the person pressed.
func (p *Provider) answer(w http.ResponseWriter, hr *http.Request) {
	q := hr.URL.Query()
	if !p.fits(w, q) {
		return
	}
	answer := url.Values{"state": {q.Get("state")}, "iss": {p.URL}}
	if hr.PostFormValue("agrees") == "yes" {
		answer.Set("code", p.code(q))
	} else {
		answer.Set("error", "access_denied")
		answer.Set("error_description", "The person did not agree.")
	}
	http.Redirect(w, hr, p.Redirect+"?"+answer.Encode(), http.StatusSeeOther)
}

func (p *Provider) code(asked url.Values) string {
	code := rand.Text()
	p.mu.Lock()
	defer p.mu.Unlock()
	p.asked[code] = asked
	return code
}

// take is what a code stands for, once.
func (p *Provider) take(code string) url.Values {
	p.mu.Lock()
	defer p.mu.Unlock()
	asked := p.asked[code]
	delete(p.asked, code)
	return asked
}

// token takes the code of the client, which proves with its secret who it is, and with the verifier that it is the one who asked.
func (p *Provider) token(w http.ResponseWriter, hr *http.Request) {
	id, secret, _ := hr.BasicAuth()
	challenge := sha256.Sum256([]byte(hr.PostFormValue("code_verifier")))
	asked := p.take(hr.PostFormValue("code"))
	switch {
	case !same(id, url.QueryEscape(p.ClientID)) || !same(secret, url.QueryEscape(p.Secret)):
		say(w, http.StatusUnauthorized, map[string]any{"error": "invalid_client"})
	case hr.PostFormValue("grant_type") != "authorization_code":
		say(w, http.StatusBadRequest, map[string]any{"error": "unsupported_grant_type"})
	case asked == nil || hr.PostFormValue("redirect_uri") != p.Redirect || !same(b64(challenge[:]), asked.Get("code_challenge")):
		say(w, http.StatusBadRequest, map[string]any{"error": "invalid_grant"})
	default:
		now := time.Now()
		say(w, http.StatusOK, map[string]any{"token_type": "Bearer", "access_token": rand.Text(), "id_token": p.signed(map[string]any{
			"iss": p.URL, "sub": Subject, "aud": p.ClientID, "nonce": asked.Get("nonce"), "iat": now.Unix(), "exp": now.Add(time.Minute).Unix(),
			"email": Email, "email_verified": true,
		})})
	}
}

func same(a, b string) bool { return subtle.ConstantTimeCompare([]byte(a), []byte(b)) == 1 }

func say(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(v) // the client is gone
}

func b64(b []byte) string { return base64.RawURLEncoding.EncodeToString(b) }
