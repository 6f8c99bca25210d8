// Package referencetest performs the examples of the reference, for tests that hold its pages against a server.
//
// A Play does what an example says was done before it, and a Comparison holds what a server answers against what the page
// shows. It stands on nothing of ours, so that tests from outside of the product can use it.
package referencetest

import (
	"bytes"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// Account is that of the pages.
const Account = "111122223333"

// A Play is one example being performed. It is for one goroutine.
type Play struct {
	T       testing.TB
	Account string // whose root user asks, and where nothing was before but a role ExampleRole
	Proxy   string // the body of a request that makes a custom key store: $proxy in examples

	// Attest returns the attestation document of an enclave, by a root that the server was told of.
	Attest func() []byte

	// Ask sends a request with this body, and returns the status of HTTP and the body of the answer.
	Ask func(operation, body string) (status int, answer []byte)

	kept map[string]any // answers by the letters under which they are kept
}

var step = regexp.MustCompile(`^(?:([A-Z]) = )?(\w+) (.*)$`)

// Do does what is done before an example.
func (p *Play) Do(steps []string) {
	p.T.Helper()
	p.kept = map[string]any{}
	for _, text := range steps {
		m := step.FindStringSubmatch(text)
		if m == nil {
			p.T.Fatalf("step %q: want an operation with a body", text)
		}
		name, operation, body := m[1], m[2], p.Filled(m[3])
		switch operation {
		case "wrap":
			p.kept[name] = map[string]any{"Wrapped": wrap(p.T, body)}
			continue
		case "attest":
			p.kept[name] = map[string]any{"Document": base64.StdEncoding.EncodeToString(p.Attest())}
			continue
		}
		status, answer := p.Ask(operation, body)
		if status != http.StatusOK {
			p.T.Fatalf("%s: got %d %s", operation, status, answer)
		}
		p.kept[name] = Tree(p.T, string(answer))
	}
}

var variable = regexp.MustCompile(`\$([A-Z])\.([A-Za-z.]+)`)

// Filled is a request of an example in this account, with what the steps have answered.
func (p *Play) Filled(text string) string {
	p.T.Helper()
	text = strings.ReplaceAll(strings.ReplaceAll(text, "$proxy", p.Proxy), Account, p.Account)
	return variable.ReplaceAllStringFunc(text, func(v string) string {
		m := variable.FindStringSubmatch(v)
		at := p.kept[m[1]]
		for name := range strings.SplitSeq(m[2], ".") {
			members, _ := at.(map[string]any)
			at = members[name]
		}
		value, _ := at.(string)
		if value == "" {
			p.T.Fatalf("there is no %s", v)
		}
		return value
	})
}

// wrap encrypts material under a public key, as whoever imports it does.
func wrap(t testing.TB, public string) string {
	t.Helper()
	der, err := base64.StdEncoding.DecodeString(public)
	if err != nil {
		t.Fatal(err)
	}
	k, err := x509.ParsePKIXPublicKey(der)
	if err != nil {
		t.Fatal(err)
	}
	wrapped, err := rsa.EncryptOAEP(sha256.New(), rand.Reader, k.(*rsa.PublicKey), bytes.Repeat([]byte{7}, 32), nil)
	if err != nil {
		t.Fatal(err)
	}
	return base64.StdEncoding.EncodeToString(wrapped)
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

// Dressed is a request and the answer to it as pages show them: names are always the same ones, long binaries are cut, and
// the answer is indented.
func (p *Play) Dressed(sent, got string) (string, string) {
	p.T.Helper()
	const between = "\x00"
	if got != "" {
		var b bytes.Buffer
		if err := json.Indent(&b, []byte(got), "", "  "); err != nil {
			p.T.Fatalf("%s: %v", got, err)
		}
		got = b.String()
	}
	text := strings.ReplaceAll(strings.TrimSpace(sent)+between+got, p.Account, Account)
	for _, id := range ids {
		seen := []string{}
		text = id.form.ReplaceAllStringFunc(text, func(is string) string {
			if !slices.Contains(seen, is) {
				seen = append(seen, is)
			}
			return id.as[slices.Index(seen, is)]
		})
	}
	sent, got, _ = strings.Cut(long.ReplaceAllString(text, `"$1…"`), between)
	return sent, got
}
