package console

import (
	"cmp"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"regexp"
	"sync"
	"time"

	"qkms/internal/authn/webidentity"
	"qkms/internal/seal"
)

// OIDC is a provider of OpenID Connect by which people sign in. They get sessions of Role: what they may do is said by its policies,
// and who of the provider's users they may be by its trust policy.
type OIDC struct {
	Issuer   string // https://login.example.com
	ClientID string
	Secret   string // of the client; empty of a public one
	Role     string // ARN
}

// A relyingParty remembers where the provider has people sign in. Its methods may be called concurrently.
type relyingParty struct {
	mu    sync.Mutex // guards all, and makes visitors wait for one attempt
	found *webidentity.Endpoints
	at    time.Time // of found
	tried time.Time
	err   error // of the last attempt
}

// How long endpoints are good, and how often strangers can make us ask for them.
const (
	endpointsFresh = 15 * time.Minute
	endpointsPause = 10 * time.Second
)

func (v *visit) endpoints() (*webidentity.Endpoints, error) {
	p, now := &v.party, v.Now()
	p.mu.Lock()
	defer p.mu.Unlock()
	switch {
	case p.found != nil && now.Sub(p.at) < endpointsFresh:
		return p.found, nil
	case p.err != nil && now.Sub(p.tried) < endpointsPause:
		return p.found, p.err
	}
	found, err := v.WebIdentities.Endpoints(context.WithoutCancel(v.hr.Context()), v.OIDC.Issuer)
	if p.tried, p.err = now, err; err == nil {
		p.found, p.at = found, now
	}
	return found, err
}

// pendingTime is how long somebody may take at the provider.
const pendingTime = 10 * time.Minute

// A pending sign-in is sealed into a cookie of the browser that began it. Whoever has another's answer of the provider, or was sent
// with one, has not that.
//
// The browser forgets it with the first answer. No node remembers that it was used: who has kept a copy of their own needs an answer to
// go with it, and the code in the one they had is spent, as the provider must refuse it a second time (RFC 6749 §4.1.2). Another code for
// this challenge (RFC 7636) the provider gives to who signs in there once more: they have what beginning anew would have given them.
// A thief of the cookie lacks the code, and one who has both comes first or not at all, whatever a node remembers.
type pending struct {
	State    string
	Nonce    string
	Verifier string // of the code (RFC 7636)
	Redirect string
	To       string
	Expires  time.Time
}

var pendingUnder = seal.AD{Key: []byte("console sign-in by oidc v1"), Ver: 1, Schema: 1}

func (s *Console) pendingName(hr *http.Request) string { return s.cookieName(hr) + "-oidc" }

// setPending keeps p in the browser, or forgets what was there. The cookie is SameSite=Lax: the provider sends the browser back from
// another site, and a Strict one would stay behind.
func (v *visit) setPending(p *pending) error {
	c := v.cookie(v.hr, v.pendingName(v.hr), "", time.Time{})
	if p != nil {
		plain, err := json.Marshal(p)
		if err != nil {
			return err
		}
		c = v.cookie(v.hr, v.pendingName(v.hr), cookieText.EncodeToString(v.Book.Ring().Seal(pendingUnder, plain)), p.Expires)
	}
	c.SameSite = http.SameSiteLaxMode
	http.SetCookie(v.w, c)
	return nil
}

// pending returns the sign-in that this browser began, or nil.
func (v *visit) pending() *pending {
	c, err := v.hr.Cookie(v.pendingName(v.hr))
	if err != nil {
		return nil
	}
	sealed, err := cookieText.DecodeString(c.Value)
	if err != nil {
		return nil
	}
	plain, err := v.Book.OpenKept(v.hr.Context(), pendingUnder, sealed)
	if err != nil {
		return nil
	}
	var p pending
	if json.Unmarshal(plain, &p) != nil || !v.Now().Before(p.Expires) {
		return nil
	}
	return &p
}

// random is 256 bits that nobody guesses.
func random() string {
	var b [32]byte
	_, _ = rand.Read(b[:]) // never fails
	return cookieText.EncodeToString(b[:])
}

// oidcStart sends the browser to the provider: by a link, as form-action of the pages' policy lets no form lead away.
func (v *visit) oidcStart() error {
	if v.OIDC == nil {
		return v.nowhere()
	}
	at, err := v.endpoints()
	if err != nil {
		v.Logger.WarnContext(v.hr.Context(), "cannot ask the OpenID Connect provider of the console", "issuer", v.OIDC.Issuer, "error", err)
		return v.signInRefused("", &Refusal{Status: http.StatusBadGateway, Code: "ProviderUnreachable", Message: "The provider cannot be asked where to sign in. The server's log says why."})
	}
	p := &pending{State: random(), Nonce: random(), Verifier: random(), Redirect: v.redirectURI(), To: back(v.hr.URL.Query().Get("to")), Expires: v.Now().Add(pendingTime)}
	if err := v.setPending(p); err != nil {
		return err
	}
	to, err := url.Parse(at.Authorization)
	if err != nil {
		return err
	}
	challenge := sha256.Sum256([]byte(p.Verifier))
	q := to.Query()
	for name, value := range map[string]string{
		"response_type": "code", "client_id": v.OIDC.ClientID, "redirect_uri": p.Redirect, "scope": "openid email", "state": p.State, "nonce": p.Nonce,
		"code_challenge": base64.RawURLEncoding.EncodeToString(challenge[:]), "code_challenge_method": "S256",
	} {
		q.Set(name, value)
	}
	to.RawQuery = q.Encode()
	return v.redirect(to.String())
}

// redirectURI is where the provider sends the browser back, which it knows beforehand. A code goes over plain HTTP on loopback alone:
// elsewhere there is TLS, if not here then before us.
func (v *visit) redirectURI() string {
	u := url.URL{Scheme: "https", Host: v.host(v.hr), Path: "/console/sign-in/oidc/callback"}
	if v.URL != nil {
		u.Scheme = v.URL.Scheme
	} else if v.hr.TLS == nil && toLoopback(v.hr) {
		u.Scheme = "http"
	}
	return u.String()
}

// oidcCallback takes the provider's answer for a session.
func (v *visit) oidcCallback() error {
	if v.OIDC == nil {
		return v.nowhere()
	}
	p, q := v.pending(), v.hr.URL.Query()
	if p == nil || subtle.ConstantTimeCompare([]byte(q.Get("state")), []byte(p.State)) != 1 {
		// Somebody's answer, but not to what this browser asked: a link that would sign the visitor in as another (login CSRF).
		return v.signInRefused("", &Refusal{Status: http.StatusForbidden, Code: "NotYourSignIn", Message: "This answer of the provider is to no sign-in that was begun in this browser within ten minutes. Begin again."})
	}
	if err := v.setPending(nil); err != nil { // good once
		return err
	}
	s, err := v.byCode(p, q)
	if err == nil {
		err = v.login(s)
	}
	if refusal := refusalOf(err); refusal != nil {
		return v.signInRefused(p.To, refusal)
	}
	if err != nil {
		return err
	}
	// A redirect would be the last hop of a journey that began at the provider, on which browsers leave the session's Strict cookie
	// behind: the visitor would see the page to sign in again. From a page of ours it goes along.
	return v.page("oidc-continue", "Signed in", p.To)
}

// byCode has the answer of the provider exchanged for temporary credentials.
func (v *visit) byCode(p *pending, q url.Values) (*session, error) {
	at, err := v.endpoints()
	if err != nil {
		return nil, v.troubled(err)
	}
	// An answer that another provider made would have its code sent to ours, or ours to it (RFC 9207).
	if iss := q.Get("iss"); iss != v.OIDC.Issuer && (iss != "" || at.NamesIssuer) {
		return nil, &Refusal{Status: http.StatusForbidden, Code: "OtherIssuer", Message: "This answer is of another provider than the one that was asked."}
	}
	if code := q.Get("error"); code != "" {
		return nil, denied(&webidentity.Denial{Code: code, Description: q.Get("error_description")})
	}
	token, err := v.WebIdentities.Exchange(v.hr.Context(), at, url.Values{
		"grant_type": {"authorization_code"}, "code": {q.Get("code")}, "redirect_uri": {p.Redirect}, "code_verifier": {p.Verifier},
	}, v.OIDC.ClientID, v.OIDC.Secret)
	if denial, is := errors.AsType[*webidentity.Denial](err); is {
		return nil, denied(denial)
	} else if err != nil {
		return nil, v.troubled(err)
	}
	address, _ := v.WebIdentities.URL(v.OIDC.Issuer)
	id, err := v.WebIdentities.Verify(v.hr.Context(), webidentity.Provider{URL: address, ClientIDs: []string{v.OIDC.ClientID}}, token)
	if err != nil {
		return nil, v.troubled(err)
	}
	if subtle.ConstantTimeCompare([]byte(id.Nonce), []byte(p.Nonce)) != 1 {
		return nil, &Refusal{Status: http.StatusForbidden, Code: "StolenCode", Message: "The provider's token is to another sign-in than this one."}
	}
	return v.assume(id, token)
}

var notInSessionNames = regexp.MustCompile(`[^\w+=,.@-]`)

// assume has the token exchanged for credentials of the role: a request without a signature, to the same operation that workloads
// call, which verifies the token again and asks the role's trust policy.
func (v *visit) assume(id *webidentity.Identity, token string) (*session, error) {
	name := notInSessionNames.ReplaceAllString(cmp.Or(id.Email, id.Subject), "-")
	if name = name[:min(len(name), 64)]; len(name) < 2 {
		name = "sub-" + name
	}
	e, err := v.client.query(nil, v.hr, "sts", "AssumeRoleWithWebIdentity", url.Values{"RoleArn": {v.OIDC.Role}, "RoleSessionName": {name}, "WebIdentityToken": {token}})
	if err != nil {
		return nil, err
	}
	var out struct {
		ID     string `xml:"AssumeRoleWithWebIdentityResult>Credentials>AccessKeyId"`
		Secret string `xml:"AssumeRoleWithWebIdentityResult>Credentials>SecretAccessKey"`
		Token  string `xml:"AssumeRoleWithWebIdentityResult>Credentials>SessionToken"`
	}
	if err := e.read(&out); err != nil {
		return nil, err
	}
	return &session{AccessKeyID: out.ID, Secret: out.Secret, Token: out.Token, Region: v.Region}, nil
}

// denied is what the provider says, as far as it is short.
func denied(d *webidentity.Denial) *Refusal {
	said := clipped(d.Code, 100)
	if d.Description != "" {
		said += ": " + clipped(d.Description, 500)
	}
	return &Refusal{Status: http.StatusForbidden, Code: "ProviderRefused", Message: "Nobody is signed in. Begin again, or use an access key. The provider says: " + said}
}

func clipped(text string, most int) string { return text[:min(len(text), most)] }

// troubled logs what went wrong with the provider; the visitor learns that it did.
func (v *visit) troubled(err error) error {
	v.Logger.WarnContext(v.hr.Context(), "sign-in to the console by OpenID Connect failed", "issuer", v.OIDC.Issuer, "error", err)
	return &Refusal{Status: http.StatusBadGateway, Code: "ProviderFailed", Message: "The provider's answer could not be used. The server's log says why. Begin again."}
}

func (v *visit) signInRefused(to string, refusal *Refusal) error {
	v.show(refusal.status(), "sign-in", "Sign in", signInForm{Region: v.Region, To: back(to), Provider: v.providerHost(), Refusal: refusal})
	return nil
}

// providerHost is the provider as people know it.
func (v *visit) providerHost() string {
	if v.OIDC == nil {
		return ""
	}
	u, err := url.Parse(v.OIDC.Issuer)
	if err != nil {
		return v.OIDC.Issuer
	}
	return u.Host
}
