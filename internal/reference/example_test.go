package reference_test

import (
	"bytes"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"flag"
	"fmt"
	"net/http"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"qkms/internal/key"
	"qkms/internal/kmstest"
	"qkms/internal/reference"
)

var record = flag.Bool("record", false, "write what the server answers to answers/, instead of comparing with it")

// An exchange is one as answers/ has it.
type exchange struct {
	Sent   string
	Status int
	Got    string
}

// Every example is asked for again, of a server of either style: what differs from the page fails the test, but for what
// is random, which has to be as long as on the page.
func TestExamples(t *testing.T) {
	for _, style := range []key.Style{key.StyleAWS, key.StyleVerenc} {
		clock := kmstest.NewClock()
		clock.Advance(time.Date(2026, 1, 15, 10, 0, 0, 0, time.UTC).Sub(clock.Now()))
		s := kmstest.With(t, kmstest.Options{Style: style, Clock: clock})
		account := 200000000000
		for _, o := range reference.Operations() {
			var answers []exchange
			for i := range o.Examples {
				e := &o.Examples[i]
				account++
				t.Run(fmt.Sprintf("%s/%s/%s", style, o.Name, e.Title), func(t *testing.T) {
					p := play{t: t, s: s, account: fmt.Sprint(account), kept: map[string]*kmstest.Reply{}}
					got := p.perform(o, e)
					answers = append(answers, got)
					if !*record {
						compare(t, o, e, style, got)
					}
				})
			}
			if *record && style == key.StyleAWS {
				keep(t, o.Name, answers)
			}
		}
	}
	if *record {
		t.Fatal("answers/ is written: read it, and run the test without -record")
	}
}

// A play is one example being performed, in an account of its own.
type play struct {
	t       *testing.T
	s       *kmstest.Server
	account string
	kept    map[string]*kmstest.Reply
}

var step = regexp.MustCompile(`^(?:([A-Z]) = )?(\w+) (.*)$`)

func (p *play) perform(o *reference.Operation, e *reference.Example) exchange {
	p.s.Exists(p.account + ":role/ExampleRole")
	for _, text := range e.Steps {
		m := step.FindStringSubmatch(text)
		if m == nil {
			p.t.Fatalf("step %q: want an operation with a body", text)
		}
		body := p.filled(m[3])
		if m[2] == "wrap" {
			p.kept[m[1]] = p.wrap(body)
			continue
		}
		p.kept[m[1]] = p.s.As(p.account).Must(m[2], body)
	}
	sent := p.filled(e.Request)
	r := p.s.As(p.account).Call(o.Name, sent)
	return p.dressed(exchange{strings.TrimSpace(sent), r.Status, string(r.Raw)})
}

var variable = regexp.MustCompile(`\$([A-Z])\.([A-Za-z.]+)`)

// filled is a request with the account of the play, and what the steps have answered.
func (p *play) filled(text string) string {
	text = strings.ReplaceAll(text, "$proxy", strings.TrimSpace(reference.Find("CreateCustomKeyStore").Examples[0].Request))
	text = strings.ReplaceAll(text, kmstest.Account, p.account)
	return variable.ReplaceAllStringFunc(text, func(v string) string {
		m := variable.FindStringSubmatch(v)
		if p.kept[m[1]] == nil || p.kept[m[1]].String(m[2]) == "" {
			p.t.Fatalf("there is no %s", v)
		}
		return p.kept[m[1]].String(m[2])
	})
}

// wrap encrypts material under a public key, as whoever imports it does.
func (p *play) wrap(public string) *kmstest.Reply {
	der, err := base64.StdEncoding.DecodeString(public)
	if err != nil {
		p.t.Fatal(err)
	}
	k, err := x509.ParsePKIXPublicKey(der)
	if err != nil {
		p.t.Fatal(err)
	}
	wrapped, err := rsa.EncryptOAEP(sha256.New(), rand.Reader, k.(*rsa.PublicKey), bytes.Repeat([]byte{7}, 32), nil)
	if err != nil {
		p.t.Fatal(err)
	}
	return &kmstest.Reply{Fields: map[string]any{"Wrapped": base64.StdEncoding.EncodeToString(wrapped)}}
}

// ids are how random names are written, and what stands for the first, second and third of them on a page.
var ids = []struct {
	form *regexp.Regexp
	as   []string
}{
	{regexp.MustCompile(`mrk-[0-9a-f]{32}`), []string{"mrk-1234abcd12ab34cd56ef1234567890ab"}},
	{regexp.MustCompile(`[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}`), []string{
		"1234abcd-12ab-34cd-56ef-1234567890ab", "0987dcba-09fe-87dc-65ba-ab0987654321", "a1b2c3d4-5678-90ab-cdef-112233445566",
	}},
	{regexp.MustCompile(`\b[0-9a-f]{64}\b`), []string{
		strings.Repeat("0123456789abcdef", 4), strings.Repeat("fedcba9876543210", 4), strings.Repeat("02468ace13579bdf", 4),
	}},
	{regexp.MustCompile(`cks-[0-9a-f]{17}`), []string{"cks-1234567890abcdef0"}},
}

var long = regexp.MustCompile(`"([A-Za-z0-9+/=_-]{72})[A-Za-z0-9+/=_-]{88,}"`)

// dressed is an exchange as pages show it: names are always the same ones, and long binaries are cut.
func (p *play) dressed(e exchange) exchange {
	const between = "\x00"
	if e.Got != "" {
		var b bytes.Buffer
		if err := json.Indent(&b, []byte(e.Got), "", "  "); err != nil {
			p.t.Fatal(err)
		}
		e.Got = b.String()
	}
	text := strings.ReplaceAll(e.Sent+between+e.Got, p.account, kmstest.Account)
	for _, id := range ids {
		seen := []string{}
		text = id.form.ReplaceAllStringFunc(text, func(is string) string {
			if !slices.Contains(seen, is) {
				seen = append(seen, is)
			}
			return id.as[slices.Index(seen, is)]
		})
	}
	text = long.ReplaceAllString(text, `"$1…"`)
	e.Sent, e.Got, _ = strings.Cut(text, between)
	return e
}

// keep writes the answers to the examples of an operation.
func keep(t *testing.T, operation string, answers []exchange) {
	t.Helper()
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	if err := enc.Encode(answers); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile("answers/"+operation+".json", b.Bytes(), 0o644); err != nil {
		t.Fatal(err)
	}
}

// compare fails the test where got is not what the page shows.
func compare(t *testing.T, o *reference.Operation, e *reference.Example, style key.Style, got exchange) {
	t.Helper()
	if e.Sent == "" {
		t.Fatal("no server was ever asked: go test ./internal/reference -run TestExamples -record")
	}
	if got.Status != e.Status {
		t.Fatalf("got %d %s, want %d", got.Status, got.Got, e.Status)
	}
	c := comparison{t, e.Same}
	c.same("request", reference.Member{Type: "structure", Members: o.Input}, tree(t, reference.In(style, e.Sent)), tree(t, got.Sent))
	if got.Status != http.StatusOK {
		if want := reference.In(style, e.Got); got.Got != want {
			t.Errorf("got %s, want %s", got.Got, want)
		}
		return
	}
	c.same("answer", reference.Member{Type: "structure", Members: o.Output}, tree(t, reference.In(style, e.Got)), tree(t, got.Got))
}

func tree(t *testing.T, text string) (v any) {
	t.Helper()
	if text == "" {
		return nil
	}
	if err := json.Unmarshal([]byte(text), &v); err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	return v
}

type comparison struct {
	t      *testing.T
	always []string // members that are the same each time
}

// same compares two values of a member: names and constants are equal, what is random is of the same length.
func (c comparison) same(path string, m reference.Member, want, got any) {
	c.t.Helper()
	switch w := want.(type) {
	case map[string]any:
		g, _ := got.(map[string]any)
		for name := range g {
			if _, has := w[name]; !has {
				c.t.Errorf("%s has %s, which the page does not show", path, name)
			}
		}
		for name, v := range w {
			if _, has := g[name]; !has {
				c.t.Errorf("%s has no %s, which the page shows", path, name)
				continue
			}
			c.same(path+"."+name, in(m, name), v, g[name])
		}
	case []any:
		g, _ := got.([]any)
		if len(g) != len(w) || m.Element == nil {
			c.t.Fatalf("%s: got %v, want %v", path, got, want)
		}
		for i := range w {
			c.same(fmt.Sprintf("%s[%d]", path, i), *m.Element, w[i], g[i])
		}
	default:
		if want != got && (slices.Contains(c.always, m.Name) || !alike(m, want, got)) {
			c.t.Errorf("%s: got %v, want %v", path, got, want)
		}
	}
}

// in is a member of a structure, or the values of a map.
func in(m reference.Member, name string) reference.Member {
	for _, i := range m.Members {
		if i.Name == name {
			return i
		}
	}
	if m.Type == "map" {
		return *m.Element
	}
	return reference.Member{}
}

// alike reports whether both are binary, or tokens, of about one length: DER leaves out zeros at the front.
func alike(m reference.Member, want, got any) bool {
	w, isText := want.(string)
	g, _ := got.(string)
	token := slices.Contains([]string{"GrantToken", "Marker", "NextMarker"}, m.Name)
	if !isText || m.Type != "blob" && !token {
		return false
	}
	return strings.HasSuffix(w, "…") == strings.HasSuffix(g, "…") && len(w)-len(g) <= 12 && len(g)-len(w) <= 12
}
