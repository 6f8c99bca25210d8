package console_test

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"qkms/internal/console"
	"qkms/internal/kmstest"
)

// Behind a proxy that sends another Host the console goes by the address that it was told: for its cookies, for where forms may come from,
// for the way back from a provider, and in examples.
func TestConsoleURL(t *testing.T) {
	l := newLogin(t)
	public := &url.URL{Scheme: "https", Host: "kms.example.com:8443"}
	s := kmstest.With(t, kmstest.Options{
		Console: true, Log: t.Output(), ConsoleURL: public, OIDC: l.config(),
		ConsoleOIDC: &console.OIDC{Issuer: l.URL, ClientID: "qkms console", Secret: clientSecret, Role: consoleRole},
	})
	root := s.As(kmstest.Account)
	const behind = "127.0.0.1:8020" // what the proxy calls the server
	send := func(method, path, origin string, form url.Values, cookies ...*http.Cookie) *httptest.ResponseRecorder {
		return arrive(s, method, behind, path, form.Encode(), http.Header{"Origin": {origin}}, cookies...)
	}
	form := url.Values{"access-key-id": {root.AccessKeyID}, "secret": {root.Secret}, "region": {kmstest.Region}}
	for _, origin := range []string{"https://elsewhere.example", "https://kms.example.com", "http://kms.example.com:8443", "null", "http://127.0.0.1:8020", "https://127.0.0.1:8020"} {
		if w := send("POST", "/console/sign-in", origin, form); w.Code != http.StatusForbidden || len(w.Result().Cookies()) != 0 {
			t.Errorf("from %s: got %d %v", origin, w.Code, w.Result().Cookies())
		}
	}
	inner := arrive(s, "POST", behind, "/console/sign-in", form.Encode(), http.Header{"Origin": {"http://" + behind}, "Sec-Fetch-Site": {"same-origin"}})
	if inner.Code != http.StatusForbidden || !strings.Contains(inner.Body.String(), "https://kms.example.com:8443/console/") {
		t.Errorf("from a page under the name behind the proxy: got %d %s", inner.Code, inner.Body)
	}
	w := send("POST", "/console/sign-in", public.String(), form)
	if len(w.Result().Cookies()) != 1 {
		t.Fatalf("got %d %s", w.Code, w.Body)
	}
	c := w.Result().Cookies()[0]
	if !c.Secure || !strings.HasPrefix(c.Name, "__Host-") {
		t.Errorf("got %v, want a cookie of https alone", c)
	}
	for path, want := range map[string]string{
		"/console/keys":          "There are no keys",
		"/docs/":                 "https://kms.example.com:8443",
		"/docs/Encrypt":          "Host: kms.example.com:8443",
		"/console/try/CreateKey": "Send",
	} {
		if w := send("GET", path, "", nil, c); !strings.Contains(w.Body.String(), want) {
			t.Errorf("%s: got %d %s, want %q", path, w.Code, w.Body, want)
		}
	}
	csrf := csrfField.FindStringSubmatch(send("GET", "/console/keys", "", nil, c).Body.String())
	if csrf == nil {
		t.Fatal("the page has no form")
	}
	try := send("POST", "/console/try/CreateKey", public.String(), url.Values{"csrf": {csrf[1]}, "do": {"show"}, "raw": {"{}"}}, c)
	if got := try.Body.String(); !strings.Contains(got, "--endpoint-url https://kms.example.com:8443") || !strings.Contains(got, "another <code>Host</code>, <bdi class=\"plain\">127.0.0.1:8020</bdi>, than people type") {
		t.Errorf("an example: got %d %s", try.Code, got)
	}
	to, err := url.Parse(send("GET", "/console/sign-in/oidc", "", nil).Header().Get("Location"))
	if err != nil {
		t.Fatal(err)
	}
	if got, want := to.Query().Get("redirect_uri"), "https://kms.example.com:8443/console/sign-in/oidc/callback"; got != want {
		t.Errorf("redirect_uri: got %q, want %q", got, want)
	}
}

// A proxy that passes Host on has nothing to be warned of.
func TestConsoleURLThatIsTheHost(t *testing.T) {
	s := kmstest.With(t, kmstest.Options{Console: true, Log: t.Output(), ConsoleURL: &url.URL{Scheme: "http", Host: "127.0.0.1"}})
	b := signedIn(t, s.As(kmstest.Account))
	for host, warned := range map[string]bool{"127.0.0.1": false, "127.0.0.1:80": false, "kms.internal": true} {
		hr := httptest.NewRequest("POST", "/console/try/ListKeys", strings.NewReader(url.Values{"csrf": {b.csrf()}, "do": {"show"}}.Encode()))
		hr.Host = host
		hr.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		at, err := url.Parse(s.URL)
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range b.http.Jar.Cookies(at) {
			hr.AddCookie(c)
		}
		w := httptest.NewRecorder()
		s.Handler.ServeHTTP(w, hr)
		if got := strings.Contains(w.Body.String(), "sends another <code>Host</code>"); w.Code != http.StatusOK || got != warned {
			t.Errorf("Host %s: got %d, warned %v, want %v", host, w.Code, got, warned)
		}
	}
}
