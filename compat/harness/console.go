package harness

import (
	"encoding/json"
	"html"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"regexp"
	"testing"
)

// A Console is one that somebody has signed in to.
type Console struct {
	t    testing.TB
	url  string
	csrf string
	http *http.Client
}

var csrfField = regexp.MustCompile(`name="csrf" value="([^"]+)"`)

// SignIn signs in to the console with an access key.
func SignIn(t testing.TB, l Login) *Console {
	t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	c := &Console{t: t, url: l.URL, http: &http.Client{Jar: jar}}
	page := c.post("/console/sign-in", url.Values{"access-key-id": {l.AccessKeyID}, "secret": {l.Secret}, "region": {l.Region}})
	m := csrfField.FindStringSubmatch(page)
	if m == nil {
		t.Fatalf("not signed in: %s", page)
	}
	c.csrf = m[1]
	return c
}

func (c *Console) post(path string, form url.Values) string {
	c.t.Helper()
	res, err := c.http.PostForm(c.url+path, form)
	if err != nil {
		c.t.Fatal(err)
	}
	defer res.Body.Close()
	page, err := io.ReadAll(res.Body)
	if err != nil {
		c.t.Fatal(err)
	}
	return string(page)
}

// Snippet is what the page of an operation offers for a language, with this request in its form.
func (c *Console) Snippet(operation, language string, body any) string {
	c.t.Helper()
	raw, err := json.Marshal(body)
	if err != nil {
		c.t.Fatal(err)
	}
	page := c.post("/console/try/"+operation, url.Values{"csrf": {c.csrf}, "raw": {string(raw)}, "do": {"show"}})
	m := regexp.MustCompile(`(?s)<pre id="code-` + language + `"[^>]*>(.*?)</pre>`).FindStringSubmatch(page)
	if m == nil {
		c.t.Fatalf("%s: no snippet for %s in %s", operation, language, page)
	}
	return html.UnescapeString(m[1])
}
