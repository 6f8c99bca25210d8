package hostile_test

import (
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"

	"qkms/compat/harness"
)

const mismatch = "The request signature we calculated does not match the signature you provided. " +
	"Check your AWS Secret Access Key and signing method. Consult the service documentation for details."

// The ladder of access.md §1.6, from outside.
func TestAuthentication(t *testing.T) {
	p := &probe{Server: harness.Start(t)}
	before := len(p.Records())
	authorization := func(old, by string) func(*http.Request) {
		return func(r *http.Request) {
			r.Header.Set("Authorization", strings.Replace(r.Header.Get("Authorization"), old, by, 1))
		}
	}
	for name, tt := range map[string]struct {
		f             forgery
		code, message string
	}{
		"unsigned": {forgery{unsigned: true}, "MissingAuthenticationTokenException", "Missing Authentication Token"},
		"another secret": {
			forgery{login: func(l *harness.Login) { l.Secret = strings.ToLower(l.Secret) + "x" }}, "InvalidSignatureException", mismatch,
		},
		"body changed on the way": {
			forgery{body: `{"Limit":1}`, rewritten: func(s string) string { return strings.Replace(s, `:1}`, `:9}`, 1) }}, "InvalidSignatureException", mismatch,
		},
		"operation changed on the way": {
			forgery{after: func(r *http.Request) { r.Header.Set("X-Amz-Target", "TrentService.CreateKey") }}, "InvalidSignatureException", mismatch,
		},
		"host changed on the way":  {forgery{after: func(r *http.Request) { r.Host = "elsewhere" }}, "InvalidSignatureException", mismatch},
		"query added on the way":   {forgery{after: func(r *http.Request) { r.URL.RawQuery = "x=y" }}, "InvalidSignatureException", mismatch},
		"one digit of it":          {forgery{after: authorization("Signature=", "Signature=0")}, "InvalidSignatureException", mismatch},
		"an unknown access key":    {forgery{login: func(l *harness.Login) { l.AccessKeyID = "AKIAIOSFODNN7EXAMPLE" }}, "UnrecognizedClientException", "The security token included in the request is invalid."},
		"a token with a long key":  {forgery{before: func(r *http.Request) { r.Header.Set("X-Amz-Security-Token", "FwoGZXIvYXdzEXAMPLE") }}, "UnrecognizedClientException", "The security token included in the request is invalid."},
		"a malformed Region":       {forgery{login: func(l *harness.Login) { l.Region = "nowhere" }}, "InvalidSignatureException", "Credential should be scoped to a valid region, not 'nowhere'. "},
		"another service":          {forgery{service: "s3"}, "InvalidSignatureException", "Credential should be scoped to correct service: 'kms'. "},
		"wrong Region and service": {forgery{service: "s3", login: func(l *harness.Login) { l.Region = "nowhere" }}, "InvalidSignatureException", "Credential should be scoped to a valid region, not 'nowhere'. Credential should be scoped to correct service: 'kms'. "},
		"another terminator":       {forgery{after: authorization("aws4_request", "aws5_request")}, "InvalidSignatureException", "Credential should be scoped with a valid terminator: 'aws4_request', not 'aws5_request'. "},
		"another algorithm":        {forgery{after: authorization("AWS4-HMAC-SHA256", "AWS4-ECDSA-P256-SHA256")}, "IncompleteSignatureException", "Unsupported AWS 'algorithm': 'AWS4-ECDSA-P256-SHA256' (only AWS4-HMAC-SHA256 for now). "},
		"four parts of five":       {forgery{after: authorization("/aws4_request", "")}, "IncompleteSignatureException", ""},
		"no date":                  {forgery{after: func(r *http.Request) { r.Header.Set("X-Amz-Date", "yesterday") }}, "IncompleteSignatureException", "Date must be in ISO-8601 'basic format'. Got 'yesterday'. See http://en.wikipedia.org/wiki/ISO_8601"},
		"host not signed":          {forgery{after: authorization("host;", "")}, "InvalidSignatureException", "'Host' or ':authority' must be a 'SignedHeader' in the AWS Authorization."},
		"both forms":               {forgery{after: func(r *http.Request) { r.URL.RawQuery = "X-Amz-Algorithm=AWS4-HMAC-SHA256" }}, "InvalidSignatureException", "Found both 'X-Amz-Algorithm' as a query-string param and 'Authorization' as HTTP header."},
		"a lone word":              {forgery{after: func(r *http.Request) { r.Header.Set("Authorization", "AWS4-HMAC-SHA256 Credential") }}, "IncompleteSignatureException", "'Credential' not a valid key=value pair (missing equal-sign) in Authorization header: 'AWS4-HMAC-SHA256 Credential'."},
	} {
		t.Run(name, func(t *testing.T) {
			tt.f.op = "ListKeys"
			if tt.f.body == "" {
				tt.f.body = "{}"
			}
			a := p.send(t, tt.f)
			if name == "four parts of five" { // it quotes the scope, which has today's date
				got := string(a.body)
				if !strings.Contains(got, `"IncompleteSignatureException","message":"Credential must have exactly 5 slash-delimited elements, e.g. keyid/date/region/service/term, got '`+p.AccessKeyID+"/") {
					t.Errorf("got %s", got)
				}
				return
			}
			a.checkFault(t, tt.code, tt.message)
		})
	}
	t.Run("six minutes late", func(t *testing.T) {
		a := p.send(t, forgery{op: "ListKeys", body: "{}", late: 6 * time.Minute})
		checkSkew(t, a, `Signature expired: (\w+) is now earlier than (\w+) \((\w+) - 5 min\.\)`, 6*time.Minute, -5*time.Minute)
	})
	t.Run("six minutes early", func(t *testing.T) {
		a := p.send(t, forgery{op: "ListKeys", body: "{}", late: -6 * time.Minute})
		checkSkew(t, a, `Signature not yet current: (\w+) is still later than (\w+) \((\w+) \+ 5 min\.\)`, -6*time.Minute, 5*time.Minute)
	})
	for name, late := range map[string]time.Duration{"four minutes late": 4 * time.Minute, "four minutes early": -4 * time.Minute} {
		t.Run(name, func(t *testing.T) {
			if a := p.send(t, forgery{op: "ListKeys", body: "{}", late: late}); a.status != http.StatusOK {
				t.Errorf("got %d %s, want 200", a.status, a.body)
			}
		})
	}
	p.checkRecorded(t, before)
}

// checkSkew reads the three times of the sentence: that of the signature, the limit, and now.
func checkSkew(t *testing.T, a answer, sentence string, late, window time.Duration) {
	t.Helper()
	m := regexp.MustCompile(`^{"__type":"InvalidSignatureException","message":"` + sentence + `"}$`).FindStringSubmatch(string(a.body))
	if m == nil || a.status != http.StatusBadRequest {
		t.Fatalf("got %d %s, want %s", a.status, a.body, sentence)
	}
	var at [3]time.Time
	for i := range at {
		var err error
		if at[i], err = time.Parse("20060102T150405Z", m[i+1]); err != nil {
			t.Fatal(err)
		}
	}
	if got := at[1].Sub(at[2]); got != window {
		t.Errorf("got a limit %v from now, want %v", got, window)
	}
	if got := at[2].Sub(at[0]); (got - late).Abs() > 10*time.Second {
		t.Errorf("got a signature %v ago, want %v", got, late)
	}
}
