package console_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"qkms/internal/kmstest"
	"qkms/internal/record/recordpb"
)

func TestSignIn(t *testing.T) {
	s := kmstest.With(t, kmstest.Options{Console: true, Log: t.Output()})
	root := s.As(kmstest.Account)
	key := root.Must("CreateKey", `{"Description":"of the test"}`).String("KeyMetadata.KeyId")

	b := open(t, s)
	p := b.get("/console/keys?marker=x")
	p.want(http.StatusOK, "Secret access key")
	if got, want := p.res.Request.URL.Query().Get("to"), "/console/keys?marker=x"; got != want {
		t.Errorf("where to after signing in: got %q, want %q", got, want)
	}

	p = b.post("/console/sign-in", "access-key-id", root.AccessKeyID, "secret", "wrong", "region", kmstest.Region)
	p.want(http.StatusForbidden, "SignatureException", root.AccessKeyID)
	if strings.Contains(p.text, `"wrong"`) {
		t.Errorf("the page repeats the secret: %s", p.text)
	}

	signedIn(t, root).get("/console/keys").want(http.StatusOK, key, "of the test")
	var events []string
	for _, e := range s.Records() {
		if text := string(e.Line); strings.Contains(text, root.Secret) {
			t.Errorf("the secret is in the audit log: %s", text)
		} else if strings.Contains(text, `"eventName":"ConsoleLogin"`) {
			events = append(events, text)
		}
	}
	if len(events) != 2 || !strings.Contains(events[0], "InvalidSignatureException") || strings.Contains(events[1], "errorCode") {
		t.Errorf("records of signing in: got %q, want that of a refusal and of a success", events)
	}
}

func TestSignInWithTemporaryCredentials(t *testing.T) {
	s := kmstest.With(t, kmstest.Options{Console: true, Log: t.Output()})
	s.Role(&recordpb.Role{Name: "reader"})
	b := signedIn(t, s.Session(&recordpb.Session{Role: "reader", Name: "me"}))
	b.get("/console/keys").want(http.StatusForbidden, "AccessDenied", "assumed-role/reader/me")
}

// A session is as good as its credentials, and no better.
func TestSessionEnds(t *testing.T) {
	const asks = "Secret access key"
	for name, end := range map[string]func(*kmstest.Server, *kmstest.Client, *browser){
		"after an hour": func(s *kmstest.Server, _ *kmstest.Client, _ *browser) { s.Clock.Advance(time.Hour) },
		"with the access key": func(s *kmstest.Server, c *kmstest.Client, _ *browser) {
			s.As(kmstest.Account).MustIAM("DeleteAccessKey", "UserName", "ann", "AccessKeyId", c.AccessKeyID)
		},
		"in the middle of trying out": func(s *kmstest.Server, c *kmstest.Client, b *browser) {
			s.As(kmstest.Account).MustIAM("DeleteAccessKey", "UserName", "ann", "AccessKeyId", c.AccessKeyID)
			b.post("/console/try/ListKeys").want(http.StatusOK, asks)
		},
		"by signing out": func(_ *kmstest.Server, _ *kmstest.Client, b *browser) { b.post("/console/sign-out") },
		"with another cookie": func(s *kmstest.Server, _ *kmstest.Client, b *browser) {
			u, _ := url.Parse(s.URL)
			c := b.http.Jar.Cookies(u)[0]
			c.Value = c.Value[:len(c.Value)-4] + "AAAA"
			c.Path = "/"
			b.http.Jar.SetCookies(u, []*http.Cookie{c})
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := kmstest.With(t, kmstest.Options{Console: true, Log: t.Output()})
			c := s.NewUser(kmstest.Account, "ann", `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["kms:*","qkms:*"],"Resource":"*"}]}`)
			b := signedIn(t, c)
			b.get("/console/keys").want(http.StatusOK, "There are no keys")
			end(s, c, b)
			b.get("/console/keys").want(http.StatusOK, asks)
		})
	}
}

// A form of another site's making does nothing, whether or not the browser says where it comes from.
func TestForgedForms(t *testing.T) {
	s := kmstest.With(t, kmstest.Options{Console: true, Log: t.Output()})
	b := signedIn(t, s.As(kmstest.Account))
	for name, change := range map[string]func(*http.Request){
		"no token":                  func(*http.Request) {},
		"another site":              func(hr *http.Request) { hr.Header.Set("Sec-Fetch-Site", "cross-site") },
		"another site, old browser": func(hr *http.Request) { hr.Header.Set("Origin", "https://elsewhere.example") },
	} {
		t.Run(name, func(t *testing.T) {
			form := url.Values{"region": {"eu-west-1"}}
			if name != "no token" {
				form.Set("csrf", b.csrf())
			}
			hr, err := http.NewRequest("POST", s.URL+"/console/region", strings.NewReader(form.Encode()))
			if err != nil {
				t.Fatal(err)
			}
			hr.Header.Set("Content-Type", "application/x-www-form-urlencoded")
			change(hr)
			b.page(b.http.Do(hr)).want(http.StatusForbidden)
			if p := b.get("/console/keys"); strings.Contains(p.text, "eu-west-1") {
				t.Errorf("the Region was changed: %s", p.text)
			}
		})
	}
}

func TestHeadersOfPages(t *testing.T) {
	s := kmstest.With(t, kmstest.Options{Console: true, Log: t.Output()})
	b := signedIn(t, s.As(kmstest.Account))
	for _, path := range []string{"/console/keys", "/console/sign-in", "/console/nowhere"} {
		h := b.get(path).res.Header
		for name, want := range map[string]string{
			"Cache-Control": "no-store", "X-Frame-Options": "DENY", "X-Content-Type-Options": "nosniff",
		} {
			if got := h.Get(name); got != want {
				t.Errorf("%s: %s: got %q, want %q", path, name, got, want)
			}
		}
		if csp := h.Get("Content-Security-Policy"); !strings.HasPrefix(csp, "default-src 'none';") || strings.Contains(csp, "unsafe") {
			t.Errorf("%s: Content-Security-Policy: got %q", path, csp)
		}
	}
	var found bool
	res, err := b.http.PostForm(s.URL+"/console/sign-in", url.Values{
		"access-key-id": {s.As(kmstest.Account).AccessKeyID}, "secret": {s.As(kmstest.Account).Secret}, "region": {kmstest.Region},
	})
	if err != nil {
		t.Fatal(err)
	}
	res.Body.Close()
	for r := res.Request.Response; r != nil; r = r.Request.Response {
		for _, c := range r.Cookies() {
			if found = true; !c.HttpOnly || c.SameSite != http.SameSiteStrictMode {
				t.Errorf("cookie: got %v, want HttpOnly and SameSite=Strict", c)
			}
		}
	}
	if !found {
		t.Error("signing in set no cookie")
	}
}

// Where the console is off there is none, and nobody signs in.
func TestConsoleOff(t *testing.T) {
	s := kmstest.New(t)
	if r := s.As(kmstest.Account).Query("qkms", "ConsoleLogin"); r.Code() != "InvalidAction" {
		t.Errorf("ConsoleLogin: got %d %s", r.Status, r.Raw)
	}
	res, err := http.Get(s.URL + "/console/")
	if err != nil {
		t.Fatal(err)
	}
	res.Body.Close()
	if res.StatusCode == http.StatusOK {
		t.Errorf("/console/: got %d", res.StatusCode)
	}
}

// What was done is said however long it is: browsers drop a cookie beyond 4 KiB, and proxies a line of them beyond 8.
func TestWhatIsSaidIsBounded(t *testing.T) {
	b, root, id := aKey(t, `{}`)
	long := "alias/" + strings.Repeat("a/", 120) + "z"
	root.Must("CreateAlias", map[string]any{"AliasName": long, "TargetKeyId": id})
	var left []*http.Cookie
	b.http.CheckRedirect = func(hr *http.Request, _ []*http.Request) error {
		left = hr.Response.Cookies()
		return nil
	}
	b.post("/console/create-key", "for", "ENCRYPT_DECRYPT", "spec", "SYMMETRIC_DEFAULT", "origin", "AWS_KMS", "alias", long).
		want(http.StatusOK, "was made. The alias alias/a/a/", "…</bdi></p>")
	if len(left) != 1 || !strings.HasSuffix(left[0].Name, "-said") || len(left[0].Value) > 1024 || len(left[0].Value) < 1000 {
		t.Errorf("got %v, want one cookie that is cut at 1 KiB", left)
	}
}
