package console_test

import (
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"qkms/internal/kmstest"
)

// A browser is one that keeps cookies, goes where it is sent, and runs no script.
type browser struct {
	t    *testing.T
	s    *kmstest.Server
	http *http.Client
}

func open(t *testing.T, s *kmstest.Server) *browser {
	t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	return &browser{t, s, &http.Client{Jar: jar}}
}

// signedIn is a browser in which c is.
func signedIn(t *testing.T, c *kmstest.Client) *browser {
	t.Helper()
	b := open(t, c.Server)
	p := b.post("/console/sign-in", "access-key-id", c.AccessKeyID, "secret", c.Secret, "session-token", c.Token, "region", c.Region)
	p.want(p.res.StatusCode, "Sign out")
	return b
}

// A page is what a browser shows.
type page struct {
	t    *testing.T
	res  *http.Response
	text string
}

func (b *browser) get(path string) *page {
	b.t.Helper()
	res, err := b.http.Get(b.s.URL + path)
	return b.page(res, err)
}

// post sends a form, with the token of this session's forms.
func (b *browser) post(path string, fields ...string) *page {
	b.t.Helper()
	form := url.Values{"csrf": {b.csrf()}}
	for i := 0; i < len(fields); i += 2 {
		form.Set(fields[i], fields[i+1])
	}
	res, err := b.http.PostForm(b.s.URL+path, form)
	return b.page(res, err)
}

var csrfField = regexp.MustCompile(`name="csrf" value="([^"]+)"`)

func (b *browser) csrf() string {
	b.t.Helper()
	if m := csrfField.FindStringSubmatch(b.get("/console/keys").text); m != nil {
		return m[1]
	}
	return ""
}

func (b *browser) page(res *http.Response, err error) *page {
	b.t.Helper()
	if err != nil {
		b.t.Fatal(err)
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		b.t.Fatal(err)
	}
	return &page{b.t, res, string(text)}
}

// want fails the test unless the page has this status and these texts.
func (p *page) want(status int, texts ...string) {
	p.t.Helper()
	if p.res.StatusCode != status {
		p.t.Fatalf("%s: got %d, want %d: %s", p.res.Request.URL, p.res.StatusCode, status, p.text)
	}
	for _, text := range texts {
		if !strings.Contains(p.text, text) {
			p.t.Errorf("%s: no %q in: %s", p.res.Request.URL, text, p.text)
		}
	}
}
