package reference_test

import (
	"bytes"
	"crypto/rand"
	"crypto/rsa"
	"encoding/json"
	"flag"
	"fmt"
	"net/http"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"qkms/internal/attest/attesttest"
	"qkms/internal/key"
	"qkms/internal/kmstest"
	"qkms/internal/reference"
	"qkms/internal/reference/referencetest"
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
		hypervisor := attesttest.New(t, clock.Now())
		enclave, err := rsa.GenerateKey(rand.Reader, 2048)
		if err != nil {
			t.Fatal(err)
		}
		s := kmstest.With(t, kmstest.Options{Style: style, Clock: clock, Attester: hypervisor.Root})
		account := 200000000000
		for _, o := range reference.Operations() {
			var answers []exchange
			for i := range o.Examples {
				e := &o.Examples[i]
				account++
				t.Run(fmt.Sprintf("%s/%s/%s", style, o.Name, e.Title), func(t *testing.T) {
					p := referencetest.Play{T: t, Account: fmt.Sprint(account)}
					p.Attest = func() []byte { return hypervisor.Document(t, &enclave.PublicKey, nil) }
					got := perform(&p, s, o, e)
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

// perform asks for an example in an account of its own.
func perform(p *referencetest.Play, s *kmstest.Server, o *reference.Operation, e *reference.Example) exchange {
	p.T.Helper()
	s.Exists(p.Account + ":role/ExampleRole")
	root := s.As(p.Account)
	p.Proxy = strings.TrimSpace(reference.Find("CreateCustomKeyStore").Examples[0].Request)
	p.Ask = func(operation, body string) (int, []byte) {
		r := root.Call(operation, body)
		return r.Status, r.Raw
	}
	p.Do(e.Steps)
	sent := p.Filled(e.Request)
	status, answer := p.Ask(o.Name, sent)
	sent, got := p.Dressed(sent, string(answer))
	return exchange{sent, status, got}
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
	varies(t, o.Input, e.Same).Same("request", reference.In(style, e.Sent), got.Sent)
	if got.Status != http.StatusOK {
		if want := reference.In(style, e.Got); got.Got != want {
			t.Errorf("got %s, want %s", got.Got, want)
		}
		return
	}
	varies(t, o.Output, e.Same).Same("answer", reference.In(style, e.Got), got.Got)
}

// varies is a comparison in which binaries and tokens are other ones each time, but for those that are always the same.
func varies(t *testing.T, members []reference.Member, always []string) referencetest.Comparison {
	return referencetest.Comparison{T: t, Varies: func(path string) bool {
		m := at(members, strings.Split(path, "."))
		return !slices.Contains(always, m.Name) && (m.Type == "blob" || referencetest.IsToken(m.Name))
	}}
}

// at is the member at a path, or the zero Member.
func at(members []reference.Member, path []string) (m reference.Member) {
	for _, name := range path {
		i := slices.IndexFunc(members, func(m reference.Member) bool { return m.Name == name })
		if i < 0 {
			return reference.Member{}
		}
		m = members[i]
		if members = m.Members; m.Type == "list" {
			members = m.Element.Members
		}
	}
	return m
}
