package webidentity_test

import (
	"crypto/elliptic"
	"crypto/x509"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"qkms/internal/authn/webidentity"
	"qkms/internal/fault"
)

func TestAlgorithms(t *testing.T) {
	p256, p384, p521 := ecKey(elliptic.P256()), ecKey(elliptic.P384()), ecKey(elliptic.P521())
	signers := []signer{
		{"RS256", rsaKey(), "rs256"}, {"RS384", rsaKey(), "rs384"}, {"RS512", rsaKey(), "rs512"},
		{"PS256", rsaKey(), "ps256"}, {"PS384", rsaKey(), "ps384"}, {"PS512", rsaKey(), "ps512"},
		{"ES256", p256, "es256"}, {"ES384", p384, "es384"}, {"ES512", p521, "es512"}, ed("eddsa"),
	}
	var keys []jose.JSONWebKey
	for _, s := range signers {
		keys = append(keys, s.jwk())
	}
	p := newProvider(t, keys...)
	v := verifier(t, webidentity.Config{Now: new(clock).now}, p)
	for _, s := range signers {
		t.Run(s.alg, func(t *testing.T) {
			id, err := v.Verify(t.Context(), p.registered(), s.token(p.claims()))
			if err != nil {
				t.Fatal(err)
			}
			if want := "system:serviceaccount:prod:billing"; id.Subject != want {
				t.Errorf("got subject %q, want %q", id.Subject, want)
			}
		})
	}
	if got := p.asked.Load(); got != 2 {
		t.Errorf("got %d requests, want 2: discovery, keys", got)
	}
}

func TestIdentity(t *testing.T) {
	s := ed("one")
	p := newProvider(t, s.jwk())
	v := verifier(t, webidentity.Config{Now: new(clock).now}, p)
	got, err := v.Verify(t.Context(), p.registered(), s.token(p.claims(
		"aud", []string{"stranger", "another", "qkms"}, "azp", "qkms", "amr", []string{"authenticated", "mfa"},
		"email", "billing@example.com", "email_verified", true, "nbf", start.Unix(), "exp", float64(start.Unix())+60.9,
		"https://aws.amazon.com/source_identity", "alice",
		"https://aws.amazon.com/tags", map[string]any{
			"principal_tags":      map[string]any{"team": []string{"payments"}, "stage": "prod"},
			"transitive_tag_keys": []string{"team"},
		},
	)))
	if err != nil {
		t.Fatal(err)
	}
	want := &webidentity.Identity{
		Provider: p.registered().URL, Issuer: p.URL, Subject: "system:serviceaccount:prod:billing",
		Audience: "qkms", Audiences: []string{"stranger", "another", "qkms"}, Methods: []string{"authenticated", "mfa"},
		Email: "billing@example.com", Issued: start, Expires: start.Add(time.Minute),
		SourceIdentity: "alice", Tags: map[string]string{"team": "payments", "stage": "prod"}, TransitiveTags: []string{"team"},
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
	at := p.registered().URL
	if got, want := got.Keys(), map[string][]string{
		at + ":sub": {want.Subject}, at + ":aud": {"qkms"}, at + ":oaud": want.Audiences,
		at + ":amr": want.Methods, at + ":email": {want.Email},
	}; !reflect.DeepEqual(got, want) {
		t.Errorf("got condition keys\n     %v\nwant %v", got, want)
	}
}

func TestKeysOfPlainToken(t *testing.T) {
	id := webidentity.Identity{Provider: "issuer.example/a", Subject: "s", Audience: "c", Audiences: []string{"c"}}
	want := map[string][]string{"issuer.example/a:sub": {"s"}, "issuer.example/a:aud": {"c"}, "issuer.example/a:oaud": {"c"}}
	if got := id.Keys(); !reflect.DeepEqual(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

func TestClaims(t *testing.T) {
	s := ed("one")
	p := newProvider(t, s.jwk())
	now := start.Add(time.Minute)
	v := verifier(t, webidentity.Config{Now: func() time.Time { return now }}, p)
	expired := func(at int64) string {
		return fmt.Sprintf("WebIdentityTokenExpiredException: Token expired: current date/time %d must be before the expiration date/time %d", now.Unix(), at)
	}
	const wrongAudience = "InvalidIdentityTokenException: Incorrect token audience"
	missing := func(name string) string { return "InvalidIdentityTokenException: Missing a required claim: " + name }
	bad := func(name string) string {
		return "InvalidIdentityTokenException: The ID Token has an invalid claim: " + name
	}
	for name, c := range map[string]struct {
		changes []any
		want    string // empty: accepted
	}{
		"one of several audiences":            {[]any{"aud", []string{"x", "qkms"}}, ""},
		"another audience":                    {[]any{"aud", "sts.amazonaws.com"}, wrongAudience},
		"an audience that is longer":          {[]any{"aud", "qkms2"}, wrongAudience},
		"an audience in other case":           {[]any{"aud", "QKMS"}, wrongAudience},
		"no audience":                         {[]any{"aud", nil}, missing("aud")},
		"an empty list of audiences":          {[]any{"aud", []string{}}, missing("aud")},
		"an audience that is no text":         {[]any{"aud", 7}, bad("aud")},
		"an audience null in a list":          {[]any{"aud", []any{"qkms", nil}}, bad("aud")},
		"more audiences than anybody has":     {[]any{"aud", append(make([]string, 100), "qkms")}, bad("aud")},
		"a party of another account":          {[]any{"azp", "stranger"}, wrongAudience},
		"a party of ours, foreign audience":   {[]any{"aud", "stranger", "azp", "qkms"}, wrongAudience},
		"an empty party":                      {[]any{"azp", ""}, bad("azp")},
		"a party that is no text":             {[]any{"azp", []string{"qkms"}}, bad("azp")},
		"no subject":                          {[]any{"sub", nil}, missing("sub")},
		"an empty subject":                    {[]any{"sub", ""}, bad("sub")},
		"a subject that is a number":          {[]any{"sub", 1}, bad("sub")},
		"a subject of 255 bytes":              {[]any{"sub", strings.Repeat("s", 255)}, ""},
		"a subject of 256 bytes":              {[]any{"sub", strings.Repeat("s", 256)}, bad("sub")},
		"a subject with a line break":         {[]any{"sub", "a\nb"}, bad("sub")},
		"expires next second":                 {[]any{"exp", now.Unix() + 1}, ""},
		"expires now":                         {[]any{"exp", now.Unix()}, expired(now.Unix())},
		"expires in part of a second":         {[]any{"exp", float64(now.Unix()) + 0.9}, expired(now.Unix())},
		"expired a second ago":                {[]any{"exp", now.Unix() - 1}, expired(now.Unix() - 1)},
		"never expires":                       {[]any{"exp", nil}, missing("exp")},
		"expires at a text":                   {[]any{"exp", "9999999999"}, bad("exp")},
		"expires beyond all clocks":           {[]any{"exp", 1e300}, bad("exp")},
		"expires before there were clocks":    {[]any{"exp", -1}, bad("exp")},
		"not before the skew's end":           {[]any{"nbf", now.Unix() + 300}, ""},
		"not before a second later":           {[]any{"nbf", now.Unix() + 301}, "InvalidIdentityTokenException: Token not yet valid: current date/time 1773489660 must not be before the date/time 1773489961 of claim nbf"},
		"not before a text":                   {[]any{"nbf", "soon"}, bad("nbf")},
		"issued at the skew's end":            {[]any{"iat", now.Unix() + 300}, ""},
		"issued a second later":               {[]any{"iat", now.Unix() + 301}, "InvalidIdentityTokenException: Token not yet valid: current date/time 1773489660 must not be before the date/time 1773489961 of claim iat"},
		"never issued":                        {[]any{"iat", nil}, missing("iat")},
		"methods as one text":                 {[]any{"amr", "pwd"}, ""},
		"methods that are no texts":           {[]any{"amr", []any{1}}, bad("amr")},
		"an email that is no text, verified":  {[]any{"email", 1, "email_verified", true}, bad("email")},
		"an empty source identity":            {[]any{"https://aws.amazon.com/source_identity", ""}, bad("https://aws.amazon.com/source_identity")},
		"a tag of two values":                 {[]any{"https://aws.amazon.com/tags", map[string]any{"principal_tags": map[string]any{"k": []string{"a", "b"}}}}, bad("https://aws.amazon.com/tags")},
		"tags that are no object":             {[]any{"https://aws.amazon.com/tags", "k=v"}, bad("https://aws.amazon.com/tags")},
		"transitive tags that are no list":    {[]any{"https://aws.amazon.com/tags", map[string]any{"transitive_tag_keys": 1}}, bad("https://aws.amazon.com/tags")},
		"claims of somebody else's namespace": {[]any{"https://example.com/tags", 1, "SUB", "root"}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := v.Verify(t.Context(), p.registered(), s.token(p.claims(c.changes...)))
			refused(t, err, c.want)
		})
	}
}

// An address that nobody has verified is no condition key.
func TestUnverifiedEmail(t *testing.T) {
	s := ed("one")
	p := newProvider(t, s.jwk())
	v := verifier(t, webidentity.Config{Now: new(clock).now}, p)
	for name, verified := range map[string]any{"absent": nil, "false": false, "text": "true"} {
		id, err := v.Verify(t.Context(), p.registered(), s.token(p.claims("email", "root@example.com", "email_verified", verified)))
		if err != nil {
			t.Fatal(err)
		}
		if id.Email != "" {
			t.Errorf("%s: got email %q, want none", name, id.Email)
		}
	}
}

const (
	notJWT         = "InvalidIdentityTokenException: The ID Token provided is not a valid JWT. (You may see this error if you sent an Access Token)"
	noKey          = "InvalidIdentityTokenException: Couldn't retrieve verification key from your identity provider,  please reference AssumeRoleWithWebIdentity documentation for requirements"
	wrongSignature = "InvalidIdentityTokenException: The signature of the ID Token does not verify with the keys of its issuer."
)

func TestForgeries(t *testing.T) {
	real, second, attacker := signer{"RS256", rsaKey(), "real"}, ed("second"), ed("real")
	p := newProvider(t, real.jwk(), second.jwk())
	other := newProvider(t, attacker.jwk())
	v := verifier(t, webidentity.Config{Now: new(clock).now}, p, other)
	good := real.token(p.claims())
	parts := strings.Split(good, ".")
	head, claims := text(real.header()), text(p.claims())
	public := x509.MarshalPKCS1PublicKey(&rsaKey().PublicKey)
	none := func(alg string) string {
		return b64([]byte(`{"alg":"`+alg+`","kid":"real"}`)) + "." + parts[1] + "."
	}
	elsewhere := map[string]any{"jwk": attacker.jwk(), "jku": other.URL + "/keys", "x5u": other.URL + "/cert"}
	for name, c := range map[string]struct{ token, want string }{
		"a good one":                         {good, ""},
		"alg none, no signature":             {none("none"), notJWT},
		"alg None, no signature":             {none("None"), notJWT},
		"alg none, some signature":           {none("none") + parts[2], notJWT},
		"alg empty":                          {real.with(map[string]any{"alg": ""}, p.claims()), notJWT},
		"alg null":                           {real.with(map[string]any{"alg": nil}, p.claims()), notJWT},
		"alg absent":                         {real.raw(`{"kid":"real"}`, claims), notJWT},
		"alg named twice":                    {real.raw(`{"alg":"RS256","alg":"none","kid":"real"}`, claims), notJWT},
		"alg in other case":                  {real.raw(`{"ALG":"RS256","kid":"real"}`, claims), notJWT},
		"MAC with the public key":            {mac(`{"alg":"HS256","kid":"real"}`, claims, public), notJWT},
		"MAC with the public key, alg RS256": {mac(head, claims, public), wrongSignature},
		"algorithm the key is not for":       {signer{"PS256", rsaKey(), "real"}.token(p.claims()), noKey},
		"no signature":                       {parts[0] + "." + parts[1] + ".", notJWT},
		"signature of another token":         {parts[0] + "." + b64([]byte(text(p.claims("sub", "root")))) + "." + parts[2], wrongSignature},
		"attacker's key under the kid":       {signer{"RS256", weak(), "real"}.token(p.claims()), wrongSignature},
		"a key of another issuer":            {attacker.token(p.claims()), noKey},
		"unknown kid":                        {signer{"RS256", rsaKey(), "unreal"}.token(p.claims()), noKey},
		"kid of another key":                 {signer{"RS256", rsaKey(), "second"}.token(p.claims()), noKey},
		"kid that is no text":                {real.with(map[string]any{"kid": 1}, p.claims()), notJWT},
		"no kid, and one key fits":           {signer{"RS256", rsaKey(), ""}.token(p.claims()), ""},
		"keys brought along":                 {attacker.with(elsewhere, p.claims()), noKey},
		"keys brought along, ignored":        {real.with(elsewhere, p.claims()), ""},
		"a critical extension":               {real.with(map[string]any{"crit": []string{"exp"}, "exp": 1}, p.claims()), notJWT},
		"an empty list of critical ones":     {real.with(map[string]any{"crit": []string{}}, p.claims()), notJWT},
		"payload not encoded":                {real.with(map[string]any{"b64": false, "crit": []string{"b64"}}, p.claims()), notJWT},
		"another issuer":                     {real.token(p.claims("iss", other.URL)), "InvalidIdentityTokenException: No OpenIDConnect provider found in your account for " + other.URL},
		"the issuer with a slash":            {real.token(p.claims("iss", p.URL+"/")), "InvalidIdentityTokenException: No OpenIDConnect provider found in your account for " + p.URL + "/"},
		"the issuer without a scheme":        {real.token(p.claims("iss", p.registered().URL)), "InvalidIdentityTokenException: No OpenIDConnect provider found in your account for " + p.registered().URL},
		"no issuer":                          {real.token(p.claims("iss", nil)), "InvalidIdentityTokenException: Missing a required claim: iss"},
		"subject named twice":                {real.raw(head, `{"sub":"root",`+claims[1:]), notJWT},
		"subject named twice, escaped":       {real.raw(head, `{"su\u0062":"root",`+claims[1:]), notJWT},
		"issuer in two spellings":            {real.raw(head, claims[:len(claims)-1]+`,"ISS":"`+other.URL+`"}`), notJWT},
		"text after the claims":              {real.raw(head, claims+"{}"), notJWT},
		"claims that are a list":             {real.raw(head, "[]"), notJWT},
		"claims that are null":               {real.raw(head, "null"), notJWT},
		"claims that are not UTF-8":          {real.raw(head, `{"a":"`+"\xff"+`",`+claims[1:]), notJWT},
		"nothing":                            {"", notJWT},
		"two dots":                           {"....", notJWT},
		"five parts, as of an encrypted one": {good + "." + parts[1] + "." + parts[2], notJWT},
		"JSON form":                          {text(map[string]string{"protected": parts[0], "payload": parts[1], "signature": parts[2]}), notJWT},
		"padding":                            {good + "=", notJWT},
		"a line break within":                {parts[0] + ".\n" + parts[1] + "." + parts[2], notJWT},
		"a space before":                     {" " + good, notJWT},
		"20,001 bytes":                       {parts[0] + "." + strings.Repeat("A", 20001-len(parts[0])-len(parts[2])-2) + "." + parts[2], notJWT},
		"a megabyte":                         {strings.Repeat("A", 1<<20), notJWT},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := v.Verify(t.Context(), p.registered(), c.token)
			refused(t, err, c.want)
		})
	}
	if got := other.asked.Load(); got != 0 {
		t.Errorf("a token made the server ask somebody else %d times", got)
	}
}

// Every signature is over one text: no other text with the same meaning verifies, whatever bit is flipped.
func TestEveryBitCounts(t *testing.T) {
	s := ed("one")
	p := newProvider(t, s.jwk())
	v := verifier(t, webidentity.Config{Now: new(clock).now}, p)
	good := s.token(p.claims())
	for i := range good {
		for bit := range 8 {
			b := []byte(good)
			b[i] ^= 1 << bit
			if _, err := v.Verify(t.Context(), p.registered(), string(b)); err == nil {
				t.Fatalf("byte %d, bit %d: got no error", i, bit)
			}
		}
	}
}

func TestIssuer(t *testing.T) {
	s := ed("one")
	token := s.token(map[string]any{"iss": "https://issuer.example/path"})
	if got, err := webidentity.Issuer(token); got != "https://issuer.example/path" || err != nil {
		t.Errorf("got %q, %v, want the issuer", got, err)
	}
	_, err := webidentity.Issuer("not a token")
	refused(t, err, notJWT)
	_, err = webidentity.Issuer(s.token(map[string]any{"iss": []string{"https://issuer.example"}}))
	refused(t, err, "InvalidIdentityTokenException: The ID Token has an invalid claim: iss")
}

// refused checks that err is what a caller may see, and reads want; none if that is empty.
func refused(t *testing.T, err error, want string) {
	t.Helper()
	if want == "" {
		if err != nil {
			t.Errorf("got %v, want none", err)
		}
		return
	}
	if f, is := errors.AsType[*fault.Error](err); !is || f.Error() != want {
		t.Errorf("got  %v\nwant %s\nbecause of %v", err, want, errors.Unwrap(err))
	}
}
