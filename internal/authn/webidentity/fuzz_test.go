package webidentity_test

import (
	"encoding/base64"
	"errors"
	"slices"
	"strings"
	"testing"

	"qkms/internal/authn/webidentity"
	"qkms/internal/fault"
)

// What is read has one spelling, and what is not read is refused in words for the caller.
func FuzzIssuer(f *testing.F) {
	s := ed("one")
	f.Add(s.token(map[string]any{"iss": "https://issuer.example"}))
	f.Add(s.with(map[string]any{"crit": []string{"b64"}, "b64": false}, map[string]any{"iss": "https://issuer.example"}))
	f.Add(s.raw(`{"alg":"none"}`, `{"iss":"a","iss":"b"}`))
	f.Add(s.raw(`{"alg":"RS256"}`, `{"iss":{"iss":[[[]]]}} `))
	f.Add("eyJhbGciOiJub25lIn0.e30.")
	f.Add("....")
	f.Fuzz(func(t *testing.T, token string) {
		issuer, err := webidentity.Issuer(token)
		if err != nil {
			if _, is := errors.AsType[*fault.Error](err); !is || issuer != "" {
				t.Fatalf("got %q, %v, want a fault alone", issuer, err)
			}
			return
		}
		if issuer == "" || len(issuer) > 255 {
			t.Errorf("got issuer %q, want one of 1 to 255 bytes", issuer)
		}
		parts := strings.Split(token, ".")
		for i, part := range parts {
			b, err := base64.RawURLEncoding.DecodeString(part)
			if err != nil {
				t.Fatal(err)
			}
			parts[i] = b64(b)
		}
		if got := strings.Join(parts, "."); got != token {
			t.Errorf("got %q again, want %q", got, token)
		}
	})
}

// Whatever a provider signs, what comes out of it keeps what the callers of Verify rely on.
func FuzzClaims(f *testing.F) {
	s := ed("one")
	p := newProvider(f, s.jwk())
	v := verifier(f, webidentity.Config{Now: new(clock).now}, p)
	const here = `https://issuer.example` // stands for the provider, whose port is another each time
	for _, changes := range [][]any{
		nil,
		{"aud", []string{"a", "another"}, "azp", "qkms", "amr", []string{"mfa"}},
		{"nbf", 1.5e9, "email", "a@example.com", "email_verified", true},
		{"exp", 0, "aud", nil},
		{"https://aws.amazon.com/tags", map[string]any{"principal_tags": map[string]any{"k": []string{"v"}}, "transitive_tag_keys": []string{"k"}}},
	} {
		c := p.claims(changes...)
		c["iss"] = here
		f.Add(text(c))
	}
	f.Add(`{"iss":"` + here + `","ISS":"x","sub":"a","sub":"b","exp":1e99}`)
	f.Fuzz(func(t *testing.T, payload string) {
		payload = strings.ReplaceAll(payload, here, p.URL)
		id, err := v.Verify(t.Context(), p.registered(), s.raw(text(s.header()), payload))
		if err != nil {
			if f, is := errors.AsType[*fault.Error](err); !is || f.Code == fault.IDPCommunication {
				t.Fatalf("got %v, want a fault of the token", err)
			}
			return
		}
		if id.Issuer != p.URL || id.Subject == "" || len(id.Subject) > 255 || !id.Expires.After(start) ||
			!slices.Contains(p.registered().ClientIDs, id.Audience) {
			t.Errorf("got %+v", id)
		}
	})
}

// Keys come from whoever an account trusts.
func FuzzKeys(f *testing.F) {
	s := ed("one")
	f.Add(`{"keys":[` + text(s.jwk()) + `]}`)
	f.Add(`{"keys":[{"kty":"RSA","n":"AQAB","e":"AQAB"},{"kty":"EC","crv":"P-256","x":"","y":""},{"kty":"oct","k":"AA"}]}`)
	f.Add(`{"keys":[{"kty":"OKP","crv":"Ed25519","x":"AA","x5c":["AA=="]},null,[]]}`)
	f.Add(`{"keys":{}}`)
	f.Fuzz(func(t *testing.T, set string) {
		if n, err := webidentity.CountKeys([]byte(set)); (err == nil) != (n > 0) || n > 200 {
			t.Errorf("got %d keys, %v", n, err)
		}
	})
}
