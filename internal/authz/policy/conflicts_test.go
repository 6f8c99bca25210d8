package policy_test

import (
	"errors"
	"strings"
	"testing"

	"qkms/internal/authz/policy"
	"qkms/internal/fault"
)

// What access.md §10 chose where its sources contradict each other, as far as policies are concerned.
func TestConflicts(t *testing.T) {
	const (
		may  = `{"Effect":"Allow","Action":"kms:*","Resource":"*"}`
		none = `{"Effect":"Allow","Action":"s3:*","Resource":"*"}`
	)
	conditions := func(rows map[string]bool, c said) func(*testing.T) {
		return func(t *testing.T) {
			for condition, want := range rows {
				if got := holds(t, condition, c); got != want {
					t.Errorf("%s: got %t, want %t", condition, got, want)
				}
			}
		}
	}
	granted := func(who *policy.Principal, g policy.Grant, limits policy.Sources, want policy.Reason) func(*testing.T) {
		return func(t *testing.T) {
			limits.Key = keyPolicy(t, `{"Effect":"Allow","Principal":{"AWS":"111122223333"},"Action":"kms:Describe*","Resource":"*"}`)
			found := policy.Consult(ask(who, "kms:Encrypt", nil), &limits)
			if got := found.Decide(g); got.Reason != want || got.Allowed != (want == policy.Allowed) {
				t.Errorf("got %+v, want reason %d", got, want)
			}
		}
	}
	refused := func(text string, code fault.Code) func(*testing.T) {
		return func(t *testing.T) {
			_, err := policy.Parse(text, "aws")
			if got, is := errors.AsType[*fault.Error](err); code == "" && err != nil || code != "" && (!is || got.Code != code) {
				t.Errorf("got %v, want %q", err, code)
			}
		}
	}
	allows, silent := identityPolicy(t, may), identityPolicy(t, none)
	forAll := func(effect, key string) string {
		return `{"Statement":{"Effect":"` + effect + `","Principal":"*","Action":"*","Resource":"*","Condition":{"ForAllValues:StringEquals":{"` + key + `":"a"}}}}`
	}
	base := `{"Statement":` + root + `}`
	for name, check := range map[string]func(*testing.T){
		"§10 #4 values of kms:MacAlgorithm are alternatives": conditions(map[string]bool{
			`{"StringEquals":{"kms:MacAlgorithm":["HMAC_SHA_256","HMAC_SHA_512"]}}`:    true,
			`{"StringEquals":{"kms:MacAlgorithm":["HMAC_SHA_224","HMAC_SHA_512"]}}`:    false,
			`{"StringNotEquals":{"kms:MacAlgorithm":["HMAC_SHA_256","HMAC_SHA_512"]}}`: false,
		}, said{"kms:macalgorithm": {"HMAC_SHA_256"}}),
		"§10 #5 Bool takes variables": conditions(map[string]bool{
			`{"Bool":{"aws:SecureTransport":"${x:yes}"}}`:          true,
			`{"Bool":{"aws:SecureTransport":"${x:no}"}}`:           false,
			`{"Bool":{"aws:SecureTransport":"${x:none, 'TRUE'}"}}`: true,
			`{"Bool":{"aws:SecureTransport":"${x:none}"}}`:         false,
		}, said{"aws:securetransport": {"true"}, "x:yes": {"true"}, "x:no": {"false"}}),
		"§10 #8 a key policy of the quota":      refused(base+strings.Repeat(" ", 32768-len(base)), ""),
		"§10 #8 one beyond it, below the model": refused(base+strings.Repeat(" ", 32769-len(base)), fault.LimitExceeded),

		"§10 #9 a grant of the key's account is no trust":     granted(awayUser, policy.Granted, policy.Sources{}, policy.OutsideTheAccount),
		"§10 #9 a grant of the caller's own account is":       granted(awayUser, policy.GrantedOwn, policy.Sources{}, policy.Allowed),
		"§10 #9 a policy of the caller's is":                  granted(awayUser, policy.Granted, policy.Sources{Identity: []*policy.Policy{allows}}, policy.Allowed),
		"§10 #10 a boundary limits a grant":                   granted(user, policy.Granted, policy.Sources{Boundary: silent}, policy.NoBoundary),
		"§10 #10 … to what it allows":                         granted(user, policy.Granted, policy.Sources{Boundary: allows}, policy.Allowed),
		"§10 #10 a session policy limits a grant":             granted(session, policy.Granted, policy.Sources{Session: []*policy.Policy{silent}}, policy.NoSessionPolicy),
		"§10 #10 … to what one of them allows":                granted(session, policy.Granted, policy.Sources{Session: []*policy.Policy{silent, allows}}, policy.Allowed),
		"§10 #10 … also one of the caller's own account":      granted(awayUser, policy.GrantedOwn, policy.Sources{Boundary: silent}, policy.OutsideTheAccount),
		"§10 #14 a syntax error has a code, and our own text": refused(`{"Statement":}`, fault.MalformedPolicy),

		"§10 #18 ForAllValues in a Deny":              refused(forAll("Deny", "aws:TagKeys"), ""),
		"§10 #18 … on another single-valued key":      refused(forAll("Allow", "aws:PrincipalTag/t"), ""),
		"§10 #18 … on the encryption context, denied": refused(forAll("Deny", "kms:EncryptionContext:a"), fault.MalformedPolicy),

		"§10 #20 several values without a set operator": conditions(map[string]bool{
			`{"StringEquals":{"x:m":"a"}}`:          true,
			`{"StringEquals":{"x:m":"c"}}`:          false,
			`{"StringNotEquals":{"x:m":"a"}}`:       false,
			`{"StringNotEquals":{"x:m":"c"}}`:       true,
			`{"StringLike":{"x:m":["b*"]}}`:         true,
			`{"ArnNotLike":{"x:m":"arn:*"}}`:        true,
			`{"StringNotLikeIfExists":{"x:m":"?"}}`: false,
		}, said{"x:m": {"a", "b"}}),
	} {
		t.Run(name, check)
	}
}
