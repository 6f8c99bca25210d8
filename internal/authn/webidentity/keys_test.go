package webidentity_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"github.com/go-jose/go-jose/v4"

	"qkms/internal/authn/webidentity"
)

func unreachable(p *provider) string {
	return "IDPCommunicationErrorException: The identity provider " + p.URL + " could not be reached to verify the token. Retry the request."
}

// verify returns only the error.
func verify(t *testing.T, v *webidentity.Verifier, p *provider, s signer, changes ...any) error {
	_, err := v.Verify(t.Context(), p.registered(), s.token(p.claims(changes...)))
	return err
}

func status(code int) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(code) }
}

func says(body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, body) }
}

// hang keeps whoever asks until the test ends or they give up.
func hang(t *testing.T) http.HandlerFunc {
	over := make(chan struct{})
	t.Cleanup(func() { close(over) })
	return func(_ http.ResponseWriter, r *http.Request) {
		select {
		case <-over:
		case <-r.Context().Done():
		}
	}
}

// hangMidway does, with an answer begun.
func hangMidway(t *testing.T) http.HandlerFunc {
	rest := hang(t)
	return func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprint(w, `{"keys":[`)
		_ = http.NewResponseController(w).Flush()
		rest(w, r)
	}
}

func TestProviderThatWillNotDo(t *testing.T) {
	s := ed("one")
	good := text(jose.JSONWebKeySet{Keys: []jose.JSONWebKey{s.jwk()}})
	other := newProvider(t, s.jwk())
	for name, c := range map[string]struct {
		discovery, jwks func(p *provider) http.HandlerFunc
		want            func(p *provider) string
	}{
		"discovery hangs":          {discovery: func(*provider) http.HandlerFunc { return hang(t) }, want: unreachable},
		"discovery hangs midway":   {discovery: func(*provider) http.HandlerFunc { return hangMidway(t) }, want: unreachable},
		"keys hang":                {jwks: func(*provider) http.HandlerFunc { return hang(t) }, want: unreachable},
		"keys hang midway":         {jwks: func(*provider) http.HandlerFunc { return hangMidway(t) }, want: unreachable},
		"keys are down":            {jwks: func(*provider) http.HandlerFunc { return status(503) }, want: unreachable},
		"keys are asked too often": {jwks: func(*provider) http.HandlerFunc { return status(429) }, want: unreachable},
		"no discovery":             {discovery: func(*provider) http.HandlerFunc { return status(404) }},
		"discovery is garbage":     {discovery: func(*provider) http.HandlerFunc { return says("<html>") }},
		"discovery of no keys":     {discovery: func(p *provider) http.HandlerFunc { return says(`{"issuer":"` + p.URL + `"}`) }},
		"no keys":                  {jwks: func(*provider) http.HandlerFunc { return status(204) }},
		"keys are garbage":         {jwks: func(*provider) http.HandlerFunc { return says("<html>") }},
		"keys are an empty list":   {jwks: func(*provider) http.HandlerFunc { return says(`{"keys":[]}`) }},
		"keys are huge":            {jwks: func(*provider) http.HandlerFunc { return says(strings.Repeat(" ", 1<<20) + good) }},
		"too many keys":            {jwks: func(*provider) http.HandlerFunc { return says(`{"keys":[` + strings.Repeat("{},", 200) + good[9:]) }},
		"discovery of another": {discovery: func(p *provider) http.HandlerFunc {
			return func(w http.ResponseWriter, _ *http.Request) { p.document(w, other.URL, p.URL+"/keys") }
		}},
		"keys by ftp": {discovery: func(p *provider) http.HandlerFunc {
			return func(w http.ResponseWriter, _ *http.Request) { p.document(w, p.URL, "ftp://127.0.0.1/") }
		}},
		"keys by plain HTTP": {discovery: func(p *provider) http.HandlerFunc {
			return func(w http.ResponseWriter, _ *http.Request) { p.document(w, p.URL, "http://example.com/") }
		}},
		"keys of the metadata": {discovery: func(p *provider) http.HandlerFunc {
			return func(w http.ResponseWriter, _ *http.Request) { p.document(w, p.URL, "https://169.254.169.254/") }
		}},
		"keys redirected": {jwks: func(*provider) http.HandlerFunc {
			return http.RedirectHandler(other.URL+"/keys", http.StatusFound).ServeHTTP
		}},
		"keys redirected within": {jwks: func(p *provider) http.HandlerFunc {
			return http.RedirectHandler(p.URL+"/k", http.StatusTemporaryRedirect).ServeHTTP
		}},
		"keys for another algorithm": {jwks: func(*provider) http.HandlerFunc { return says(strings.Replace(good, `"EdDSA"`, `"RS256"`, 1)) }},
		"keys for encryption":        {jwks: func(*provider) http.HandlerFunc { return says(strings.Replace(good, `"sig"`, `"enc"`, 1)) }},
		"a secret for a key":         {jwks: func(*provider) http.HandlerFunc { return says(`{"keys":[{"kty":"oct","kid":"one","k":"c2VjcmV0"}]}`) }},
		"a private key": {jwks: func(*provider) http.HandlerFunc {
			return says(text(jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{Key: s.key, KeyID: "one"}}}))
		}},
	} {
		t.Run(name, func(t *testing.T) {
			p := newProvider(t, s.jwk())
			timeout := 30 * time.Second
			if c.want != nil { // those whose answer may not come
				timeout = 100 * time.Millisecond
			}
			v := verifier(t, webidentity.Config{Now: new(clock).now, Timeout: timeout}, p, other)
			want := noKey
			if c.want != nil {
				want = c.want(p)
			}
			if c.discovery != nil {
				p.serve(c.discovery(p), nil)
			}
			if c.jwks != nil {
				p.serve(nil, c.jwks(p))
			}
			refused(t, verify(t, v, p, s), want)
		})
	}
	if got := other.asked.Load(); got != 0 {
		t.Errorf("got %d requests at another provider, want none", got)
	}
}

// What a provider answers may be as long as it likes, and every request may log why it failed.
func TestCausesAreShort(t *testing.T) {
	s := ed("one")
	p := newProvider(t, s.jwk())
	p.serve(func(w http.ResponseWriter, _ *http.Request) { p.document(w, strings.Repeat("\x00", 1<<19/6), p.URL) }, nil)
	v := verifier(t, webidentity.Config{Now: new(clock).now}, p)
	err := verify(t, v, p, s)
	refused(t, err, noKey)
	cause := errors.Unwrap(err)
	if _, is := errors.AsType[*oidc.IssuerMismatchError](cause); !is {
		t.Errorf("got cause %.200v, want the mismatch", cause)
	}
	if got := len(cause.Error()); got > 600 {
		t.Errorf("got a cause of %d bytes, want 600 at most", got)
	}
}

// Keys that cannot be used do not spoil those that can.
func TestKeysAreJudgedOneByOne(t *testing.T) {
	s := ed("one")
	p := newProvider(t)
	p.serve(nil, says(`{"keys":[{"kty":"new"},{"kty":"oct","kid":"one","k":"c2VjcmV0"},7,`+text(s.jwk())+`]}`))
	v := verifier(t, webidentity.Config{Now: new(clock).now}, p)
	refused(t, verify(t, v, p, s), "")
}

func TestWeakKey(t *testing.T) {
	s := signer{"RS256", weak(), "weak"}
	p := newProvider(t, s.jwk())
	v := verifier(t, webidentity.Config{Now: new(clock).now}, p)
	refused(t, verify(t, v, p, s), noKey)
}

func TestTokenWithoutKid(t *testing.T) {
	one, two := ed(""), ed("")
	p := newProvider(t, one.jwk(), two.jwk())
	v := verifier(t, webidentity.Config{Now: new(clock).now}, p)
	refused(t, verify(t, v, p, one), noKey) // there is a choice
}

func TestRotation(t *testing.T) {
	before, after := ed("before"), ed("after")
	p := newProvider(t, before.jwk())
	var c clock
	v := verifier(t, webidentity.Config{Now: c.now}, p)
	refused(t, verify(t, v, p, before), "")
	p.publish(before.jwk(), after.jwk())
	refused(t, verify(t, v, p, after), noKey) // asked a moment ago
	c.advance(10 * time.Second)
	refused(t, verify(t, v, p, after), "")
	p.publish(after.jwk())
	c.advance(15*time.Minute - time.Second)
	refused(t, verify(t, v, p, before), "") // withdrawn, unknown to us
	c.advance(time.Second)
	refused(t, verify(t, v, p, before), noKey)
}

func TestStrangersCannotMakeUsAsk(t *testing.T) {
	s := ed("one")
	p := newProvider(t, s.jwk())
	var c clock
	v := verifier(t, webidentity.Config{Now: c.now}, p)
	refused(t, verify(t, v, p, s), "")
	for i := range 100 {
		refused(t, verify(t, v, p, signer{"EdDSA", s.key, fmt.Sprint(i)}), noKey)
	}
	if got := p.asked.Load(); got != 2 {
		t.Errorf("got %d requests within a moment, want 2", got)
	}
	c.advance(10 * time.Second)
	for i := range 100 {
		refused(t, verify(t, v, p, signer{"EdDSA", s.key, fmt.Sprint(i)}), noKey)
	}
	if got := p.asked.Load(); got != 4 {
		t.Errorf("got %d requests within ten seconds, want 4", got)
	}
}

func TestFailuresAreRemembered(t *testing.T) {
	s := ed("one")
	p := newProvider(t, s.jwk())
	var c clock
	v := verifier(t, webidentity.Config{Now: c.now}, p)
	p.serve(nil, status(500))
	for range 10 {
		refused(t, verify(t, v, p, s), unreachable(p))
	}
	if got := p.asked.Load(); got != 2 {
		t.Errorf("got %d requests, want 2", got)
	}
	p.publish(s.jwk())
	refused(t, verify(t, v, p, s), unreachable(p))
	c.advance(10 * time.Second)
	refused(t, verify(t, v, p, s), "")
}

func TestKeysOutliveTheirProviderForAWhile(t *testing.T) {
	s := ed("one")
	p := newProvider(t, s.jwk())
	var c clock
	v := verifier(t, webidentity.Config{Now: c.now}, p)
	refused(t, verify(t, v, p, s), "")
	p.serve(status(500), nil)
	c.advance(6*time.Hour - time.Second)
	exp := start.Add(24 * time.Hour).Unix()
	refused(t, verify(t, v, p, s, "exp", exp), "")
	refused(t, verify(t, v, p, signer{"EdDSA", s.key, "unknown"}, "exp", exp), unreachable(p)) // may be there
	c.advance(time.Second)
	refused(t, verify(t, v, p, s, "exp", exp), unreachable(p))
}

// A clock that was wrong and is set right does not make keys live longer.
func TestClockSetBack(t *testing.T) {
	before, after := ed("before"), ed("after")
	p := newProvider(t, before.jwk())
	var c clock
	c.advance(30 * time.Minute)
	v := verifier(t, webidentity.Config{Now: c.now}, p)
	refused(t, verify(t, v, p, before), "")
	p.publish(after.jwk())
	c.advance(-20 * time.Minute)
	refused(t, verify(t, v, p, before), noKey)
	refused(t, verify(t, v, p, after), "")
}

func TestManyWaitForOneAttempt(t *testing.T) {
	s := ed("one")
	p := newProvider(t, s.jwk())
	v := verifier(t, webidentity.Config{Now: new(clock).now}, p)
	asked, answer := make(chan struct{}), make(chan struct{})
	p.serve(func(w http.ResponseWriter, _ *http.Request) {
		close(asked) // a second time panics
		<-answer
		p.document(w, p.URL, p.URL+"/keys")
	}, nil)
	var all sync.WaitGroup
	for range 20 {
		all.Go(func() { refused(t, verify(t, v, p, s), "") })
	}
	<-asked
	close(answer)
	all.Wait()
	if got := p.asked.Load(); got != 2 {
		t.Errorf("got %d requests, want 2", got)
	}
}

// While one provider hangs, others do not, and who gives up does not end it for the rest.
func TestHangingProviderHoldsUpNobodyElse(t *testing.T) {
	s := ed("one")
	slow, quick := newProvider(t, s.jwk()), newProvider(t, s.jwk())
	v := verifier(t, webidentity.Config{Now: new(clock).now, Timeout: time.Minute}, slow, quick)
	asked, answer := make(chan struct{}), make(chan struct{})
	slow.serve(func(w http.ResponseWriter, _ *http.Request) {
		close(asked)
		<-answer
		slow.document(w, slow.URL, slow.URL+"/keys")
	}, nil)
	impatient, giveUp := context.WithCancel(t.Context())
	var all sync.WaitGroup
	all.Go(func() {
		_, err := v.Verify(impatient, slow.registered(), s.token(slow.claims()))
		refused(t, err, unreachable(slow))
	})
	<-asked
	patient := make(chan error, 1)
	all.Go(func() { patient <- verify(t, v, slow, s) })
	refused(t, verify(t, v, quick, s), "")
	giveUp()
	close(answer)
	all.Wait()
	refused(t, <-patient, "")
}

func TestCloseEndsAttempts(t *testing.T) {
	s := ed("one")
	p := newProvider(t, s.jwk())
	asked := make(chan struct{})
	rest := hang(t)
	p.serve(func(w http.ResponseWriter, r *http.Request) { close(asked); rest(w, r) }, nil)
	v := verifier(t, webidentity.Config{Now: new(clock).now, Timeout: time.Hour}, p)
	ctx, cancel := context.WithCancel(t.Context())
	go func() { <-asked; cancel() }()
	_, err := v.Verify(ctx, p.registered(), s.token(p.claims()))
	refused(t, err, unreachable(p))
	v.Close() // returns
}

func TestFewProvidersAreRemembered(t *testing.T) {
	s := ed("one")
	a, b, c := newProvider(t, s.jwk()), newProvider(t, s.jwk()), newProvider(t, s.jwk())
	v := verifier(t, webidentity.Config{Now: new(clock).now, Remember: 2}, a, b, c)
	for _, p := range []*provider{a, b, a, c, a, b} { // c takes the place of b, b that of c
		refused(t, verify(t, v, p, s), "")
	}
	for p, want := range map[*provider]int64{a: 2, b: 4, c: 2} {
		if got := p.asked.Load(); got != want {
			t.Errorf("got %d requests, want %d", got, want)
		}
	}
}

// The keys of an issuer are those it says, whatever else its host serves.
func TestIssuersOfOneHost(t *testing.T) {
	one, two := ed("one"), ed("two")
	p := newProvider(t)
	p.serve(func(w http.ResponseWriter, r *http.Request) {
		tenant := strings.TrimSuffix(r.URL.Path, "/.well-known/openid-configuration")
		p.document(w, p.URL+tenant, p.URL+tenant+"/keys")
	}, func(w http.ResponseWriter, r *http.Request) {
		key := map[string]signer{"/one/keys": one, "/two/keys": two}[r.URL.Path].jwk()
		_ = json.NewEncoder(w).Encode(jose.JSONWebKeySet{Keys: []jose.JSONWebKey{key}})
	})
	v := verifier(t, webidentity.Config{Now: new(clock).now}, p)
	first := p.registered()
	first.URL += "/one"
	for _, c := range []struct {
		signer
		want string
	}{{one, ""}, {two, noKey}} {
		_, err := v.Verify(t.Context(), first, c.token(p.claims("iss", p.URL+"/one")))
		refused(t, err, c.want)
	}
}
