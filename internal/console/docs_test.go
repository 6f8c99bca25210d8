package console_test

import (
	"fmt"
	"html"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"

	"qkms/internal/key"
	"qkms/internal/kmstest"
	"qkms/internal/reference"
)

// Every page of the reference can be read by anybody, has its tables, and tells each member and error of its operation.
func TestDocs(t *testing.T) {
	b := open(t, kmstest.With(t, kmstest.Options{Console: true}))
	front := b.get("/docs/")
	front.want(http.StatusOK, "API reference", "ThrottlingException", b.s.URL, `<th scope="row"><code>aws:SourceIp</code></th>`)
	b.get("/docs/DisableKey").want(http.StatusOK, "X-Qkms-Coherence")
	for _, o := range reference.Operations() {
		if !strings.Contains(front.text, `href="/docs/`+o.Name+`"`) {
			t.Errorf("%s is not on the front page", o.Name)
		}
		p := b.get("/docs/" + o.Name)
		p.want(http.StatusOK, "<h1>"+o.Name+"</h1>", `id="description"`, `id="headers"`, "TrentService."+o.Name, `id="body"`, `id="response"`,
			`id="examples"`, `id="errors"`, `id="permissions"`, `href="/console/try/`+o.Name+`"`)
		for _, m := range o.Input {
			p.want(http.StatusOK, fmt.Sprintf(`<tr id="request-%s">`, m.Name))
		}
		for _, m := range o.Output {
			p.want(http.StatusOK, fmt.Sprintf(`<tr id="response-%s">`, m.Name))
		}
		for _, e := range o.Errors {
			p.want(http.StatusOK, fmt.Sprintf(`<th scope="row">%s</th><td>%d</td>`, e.Code, e.Status))
		}
		for _, c := range o.Conditions {
			p.want(http.StatusOK, fmt.Sprintf(`<th scope="row"><code>%s</code></th><td>%s</td>`, c.Key, c.Type))
		}
		for _, e := range o.Examples {
			p.want(http.StatusOK, html.EscapeString(e.Title))
		}
	}
}

var (
	link = regexp.MustCompile(`href="(/docs[^"#]*)?(?:#([^"]*))?"`)
	id   = regexp.MustCompile(` id="([^"]*)"`)
)

// Links between pages lead to pages, and to places on them that there are; no place is there twice.
func TestDocsLinks(t *testing.T) {
	b := open(t, kmstest.With(t, kmstest.Options{Console: true}))
	seen, wanted := map[string]map[string]bool{}, []string{"/docs/"}
	places := map[string]string{} // where a link to a place was seen
	for len(wanted) > 0 {
		path := wanted[0]
		wanted = wanted[1:]
		if seen[path] != nil {
			continue
		}
		seen[path] = map[string]bool{}
		p := b.get(path)
		p.want(http.StatusOK)
		for _, m := range id.FindAllStringSubmatch(p.text, -1) {
			if seen[path][m[1]] {
				t.Errorf("%s has two places %s", path, m[1])
			}
			seen[path][m[1]] = true
		}
		for _, m := range link.FindAllStringSubmatch(p.text, -1) {
			to := m[1]
			if to == "" {
				to = path
			}
			wanted = append(wanted, to)
			if m[2] != "" {
				places[to+"#"+m[2]] = path
			}
		}
	}
	if len(seen) != len(reference.Operations())+2 {
		t.Errorf("got %d pages, want one of each operation, a front and the choices", len(seen))
	}
	for place, on := range places {
		if path, name, _ := strings.Cut(place, "#"); !seen[path][name] {
			t.Errorf("%s links to %s, which there is not", on, place)
		}
	}
}

// The reference is behind the same guard as the rest, and holds nothing that a browser would run.
func TestDocsGuard(t *testing.T) {
	b := open(t, kmstest.With(t, kmstest.Options{Console: true}))
	want := b.get("/console/sign-in").res.Header.Get("Content-Security-Policy")
	for _, path := range []string{"/docs/", "/docs/choices", "/docs/CreateKey"} {
		p := b.get(path)
		if got := p.res.Header.Get("Content-Security-Policy"); got != want || got == "" {
			t.Errorf("%s: got %q, want %q", path, got, want)
		}
		if forbidden := regexp.MustCompile(`<script>| style=| on[a-z]+="`).FindString(p.text); forbidden != "" {
			t.Errorf("%s: got %s", path, forbidden)
		}
	}
	b.get("/docs/Obliterate").want(http.StatusNotFound, "There is no such page")
	b.get("/docs/CreateKey/more").want(http.StatusNotFound, "There is no such page")
	b.get("/docs").want(http.StatusOK, "API reference")
}

// A name of a host that leads here may have in it what a shell runs: commands that name it are quoted.
func TestDocsQuoteTheHost(t *testing.T) {
	s := kmstest.With(t, kmstest.Options{Console: true})
	hr := httptest.NewRequest("GET", "/docs/ListKeys", nil)
	hr.Host = "a;$(id)&.example:8020"
	w := httptest.NewRecorder()
	s.Handler.ServeHTTP(w, hr)
	text := html.UnescapeString(w.Body.String())
	for _, want := range []string{"'http://" + hr.Host + "/'</pre>", "--endpoint-url 'http://" + hr.Host + "'"} {
		if !strings.Contains(text, want) {
			t.Errorf("no %s in %s", want, text)
		}
	}
}

// Examples show ARNs as this deployment spells them.
func TestDocsStyle(t *testing.T) {
	for style, want := range map[key.Style]string{key.StyleAWS: "arn:aws:kms:us-east-1:111122223333:key/", key.StyleVerenc: "arn:verenc:111122223333:key/"} {
		b := open(t, kmstest.With(t, kmstest.Options{Console: true, Style: style}))
		b.get("/docs/Encrypt").want(http.StatusOK, want)
	}
}
