package console_test

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"qkms/internal/console"
	"qkms/internal/kmstest"
	"qkms/internal/record/recordpb"
)

const consoleRole = "arn:aws:iam::" + kmstest.Account + ":role/console"

// byOIDC is a server where people sign in at l, and a browser that goes there.
func byOIDC(t *testing.T, l *login) (*kmstest.Server, *browser) {
	t.Helper()
	s := kmstest.With(t, kmstest.Options{Console: true, Log: t.Output(), OIDC: l.config(), ConsoleOIDC: &console.OIDC{Issuer: l.URL, ClientID: "qkms console", Secret: clientSecret, Role: consoleRole}})
	l.now = s.Clock.Now
	s.As(kmstest.Account).MustIAM("CreateOpenIDConnectProvider", "Url", l.URL, "ClientIDList.member.1", "qkms console")
	s.Role(&recordpb.Role{
		Name:   "console",
		Trust:  `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Federated":"arn:aws:iam::` + kmstest.Account + `:oidc-provider/` + l.name() + `"},"Action":"sts:AssumeRoleWithWebIdentity","Condition":{"StringEquals":{"` + l.name() + `:sub":"user-1"}}}]}`,
		Inline: []*recordpb.NamedPolicy{{Name: "own", Text: document(`{"Effect":"Allow","Action":["kms:*","qkms:*"],"Resource":"*"}`)}},
	})
	b := open(t, s)
	b.http.Transport = l.Client().Transport // which trusts l's certificate
	return s, b
}

func TestSignInByOIDC(t *testing.T) {
	l := newLogin(t)
	l.claims["email"], l.claims["email_verified"] = "ann@example.com", true
	s, b := byOIDC(t, l)
	b.get("/console/keys?marker=x").want(http.StatusOK, "Sign in at "+l.name(), "/console/sign-in/oidc?to=%2fconsole%2fkeys%3fmarker%3dx")
	p := b.get("/console/sign-in/oidc?to=/console/keys")
	p.want(http.StatusOK, `<meta http-equiv="refresh" content="0;url=/console/keys">`, "Go on to the console", "assumed-role/console/ann@example.com")
	if got := l.asked.Get("tenant") + l.asked.Get("response_type") + l.asked.Get("scope"); got != "acodeopenid email" {
		t.Errorf("the provider was asked %v", l.asked)
	}
	if !strings.HasPrefix(l.asked.Get("redirect_uri"), s.URL+"/console/sign-in/oidc/callback") {
		t.Errorf("redirect_uri: got %q", l.asked.Get("redirect_uri"))
	}
	b.get("/console/keys").want(http.StatusOK, "assumed-role/console/ann@example.com", "There are no keys")
	var events string
	for _, e := range s.Records() {
		events += string(e.Line)
	}
	if strings.Contains(events, clientSecret) || strings.Contains(events, "the-code") || !strings.Contains(events, "AssumeRoleWithWebIdentity") || !strings.Contains(events, "ConsoleLogin") {
		t.Errorf("records: got %s", events)
	}
	s.Clock.Advance(time.Hour)
	b.get("/console/keys").want(http.StatusOK, "Sign in at")
}

// Whoever answers, and whatever: nobody is signed in who did not begin it, and nothing said is more than text.
func TestSignInByOIDCRefused(t *testing.T) {
	for name, row := range map[string]struct {
		bend   func(l *login)
		status int
		want   string
	}{
		"another state":           {func(l *login) { l.bend = func(a url.Values) { a.Set("state", "x") } }, 403, "no sign-in that was begun in this browser"},
		"no state":                {func(l *login) { l.bend = func(a url.Values) { a.Del("state") } }, 403, "no sign-in that was begun in this browser"},
		"another provider's":      {func(l *login) { l.bend = func(a url.Values) { a.Set("iss", "https://elsewhere.example") } }, 403, "another provider"},
		"whose is left out":       {func(l *login) { l.bend = func(a url.Values) { a.Del("iss") } }, 403, "another provider"},
		"another nonce":           {func(l *login) { l.claims["nonce"] = "x" }, 403, "another sign-in"},
		"no nonce":                {func(l *login) { l.claims["nonce"] = nil }, 403, "another sign-in"},
		"for another client":      {func(l *login) { l.claims["aud"] = "another" }, 502, "could not be used"},
		"by another client":       {func(l *login) { l.claims["azp"] = "another" }, 502, "could not be used"},
		"of another issuer":       {func(l *login) { l.claims["iss"] = "https://elsewhere.example" }, 502, "could not be used"},
		"too old":                 {func(l *login) { l.claims["exp"] = 1 }, 502, "could not be used"},
		"whom the role knows not": {func(l *login) { l.claims["sub"] = "user-2" }, 403, "sts:AssumeRoleWithWebIdentity"},
		"a code used before":      {func(l *login) { l.wrong = "used <b>before</b>\u202e" }, 403, "The provider says: invalid_grant: used &lt;b&gt;before&lt;/b&gt;<span class=\"unseen\">U+202E</span>"},
		"who says no": {func(l *login) {
			l.bend = func(a url.Values) {
				a.Del("code")
				a.Set("error", "access_denied")
				a.Set("error_description", "<script>alert(1)</script>")
			}
		}, 403, "access_denied: &lt;script&gt;"},
	} {
		t.Run(name, func(t *testing.T) {
			l := newLogin(t)
			_, b := byOIDC(t, l)
			row.bend(l)
			p := b.get("/console/sign-in/oidc")
			p.want(row.status, row.want, "Secret access key")
			if strings.Contains(p.text, "<script>alert") || strings.Contains(p.text, "<b>before") {
				t.Errorf("what the provider says is not inert: %s", p.text)
			}
			b.get("/console/keys").want(http.StatusOK, "Secret access key")
		})
	}
}

// An answer of the provider is good in the browser that asked, once, and for ten minutes.
func TestSignInByOIDCIsOfOneBrowser(t *testing.T) {
	l := newLogin(t)
	s, b := byOIDC(t, l)
	b.http.CheckRedirect = func(hr *http.Request, _ []*http.Request) error {
		if strings.Contains(hr.URL.Path, "callback") {
			return http.ErrUseLastResponse
		}
		return nil
	}
	begin := func() string {
		res, err := b.http.Get(s.URL + "/console/sign-in/oidc?to=//elsewhere.example/console/")
		if err != nil {
			t.Fatal(err)
		}
		res.Body.Close()
		return strings.TrimPrefix(res.Header.Get("Location"), s.URL)
	}
	answer := begin()
	victim := open(t, s)
	victim.get(answer).want(http.StatusForbidden, "begun in this browser")
	p := b.get(answer)
	p.want(http.StatusOK, `content="0;url=/console/"`)
	b.get(answer).want(http.StatusForbidden, "begun in this browser")

	// Who has kept the cookie has an answer whose code is spent.
	answer = begin()
	at, err := url.Parse(s.URL)
	if err != nil {
		t.Fatal(err)
	}
	kept := b.http.Jar.Cookies(at)
	b.get(answer).want(http.StatusOK, "Go on to the console")
	again := open(t, s)
	again.http.Jar.SetCookies(at, kept)
	again.get(answer).want(http.StatusForbidden, "The provider says: invalid_grant")

	answer = begin()
	s.Clock.Advance(10 * time.Minute)
	b.get(answer).want(http.StatusForbidden, "within ten minutes")
}

// The cookie of a sign-in under way is for coming back from another site, and no script's.
func TestCookieOfASignInUnderWay(t *testing.T) {
	l := newLogin(t)
	s, _ := byOIDC(t, l)
	for host, want := range map[string]string{"": "http://127.0.0.1", "kms.example.com": "https://kms.example.com/console/sign-in/oidc/callback", "localhost:80": "http://localhost:80/"} {
		hr := httptest.NewRequest("GET", s.URL+"/console/sign-in/oidc", nil)
		if host != "" {
			hr.Host = host
		}
		w := httptest.NewRecorder()
		s.Handler.ServeHTTP(w, hr)
		to, err := url.Parse(w.Header().Get("Location"))
		if err != nil || !strings.HasPrefix(to.Query().Get("redirect_uri"), want) {
			t.Errorf("redirect_uri at %q: got %s, want %s", host, to, want)
		}
		for _, c := range w.Result().Cookies() {
			if !c.HttpOnly || c.SameSite != http.SameSiteLaxMode || strings.Contains(c.Value, to.Query().Get("state")) {
				t.Errorf("cookie: got %v", c)
			}
		}
		if len(w.Result().Cookies()) != 1 {
			t.Errorf("got %d cookies, want 1", len(w.Result().Cookies()))
		}
	}
}

// Without a provider there is nowhere to go, and one that is away says so.
func TestSignInByNoProvider(t *testing.T) {
	s := kmstest.With(t, kmstest.Options{Console: true, Log: t.Output()})
	b := open(t, s)
	if p := b.get("/console/sign-in"); strings.Contains(p.text, "Sign in at") {
		t.Errorf("got a provider: %s", p.text)
	}
	for _, path := range []string{"", "/callback?code=x&state="} {
		b.get("/console/sign-in/oidc"+path).want(http.StatusNotFound, "NoSuchPage")
	}
	l := newLogin(t)
	_, b = byOIDC(t, l)
	l.Close()
	b.get("/console/sign-in/oidc").want(http.StatusBadGateway, "cannot be asked", "Secret access key")
}
