package policy_test

import (
	"fmt"
	"strings"
	"testing"

	"qkms/internal/authz/policy"
)

func holds(t *testing.T, condition string, c said) bool {
	t.Helper()
	p := keyPolicy(t, `{"Effect":"Allow","Principal":"*","Action":"*","Resource":"*","Condition":`+condition+`}`)
	return decide(ask(user, "kms:Encrypt", c), &policy.Sources{Key: p}).Allowed
}

// One value of the policy, one of the request (access.md §3.3).
func TestOperators(t *testing.T) {
	for _, row := range []struct{ operator, policy, value, want string }{
		{"StringEquals", "a", "a", "yes"},
		{"StringEquals", "a", "A", "no"},
		{"StringEquals", "*", "a", "no"},
		{"StringEquals", "é", "e\u0301", "no"}, // one letter, two spellings: bytes differ
		{"StringEqualsIgnoreCase", "aB", "Ab", "yes"},
		{"StringEqualsIgnoreCase", "k", "\u212a", "no"}, // the Kelvin sign
		{"StringLike", "a*", "abc", "yes"},
		{"StringLike", "a*", "Abc", "no"},
		{"NumericEquals", "10", "10.0", "yes"},
		{"NumericEquals", "10", "1e1", "yes"},
		{"NumericEquals", "10", "x", "no"},
		{"NumericEquals", "NaN", "NaN", "no"},
		{"NumericEquals", "0x10", "16", "no"},
		{"NumericLessThan", "10", "9", "yes"},
		{"NumericLessThan", "10", "10", "no"},
		{"NumericLessThan", "10", "-11", "yes"},
		{"NumericLessThanEquals", "10", "10", "yes"},
		{"NumericLessThanEquals", "1546257599.0", "1546257599", "yes"},
		{"NumericGreaterThan", "10", "11", "yes"},
		{"NumericGreaterThan", "10", "9", "no"},
		{"NumericGreaterThanEquals", "10", "10", "yes"},
		{"NumericGreaterThanEquals", "10", "", "no"},
		{"DateEquals", "2026-01-02T03:04:05Z", "2026-01-02T04:04:05+01:00", "yes"},
		{"DateEquals", "2026-01-02", "1767312000", "yes"},
		{"DateLessThan", "2026-01-02T03:04:05Z", "2026-01-02T03:04:04.9Z", "yes"},
		{"DateLessThan", "2026-01-02T03:04:05Z", "2026-01-02T03:04:05Z", "no"},
		{"DateLessThanEquals", "2026-01-02T03:04Z", "2026-01-02T03:04:00Z", "yes"},
		{"DateGreaterThan", "2026", "2026-01-01T00:00:01Z", "yes"},
		{"DateGreaterThan", "tomorrow", "2026-01-01T00:00:01Z", "no"},
		{"DateGreaterThanEquals", "2026-02", "2026-02-01", "yes"},
		{"Bool", "true", "TRUE", "yes"},
		{"Bool", "false", "true", "no"},
		{"Bool", "1", "1", "no"},
		{"BinaryEquals", "aGk=", "aGk=", "yes"},
		{"BinaryEquals", "aGk=", "aGo=", "no"},
		{"BinaryEquals", "?", "?", "no"},
		{"IpAddress", "192.0.2.0/24", "192.0.2.77", "yes"},
		{"IpAddress", "192.0.2.0/24", "192.0.3.77", "no"},
		{"IpAddress", "192.0.2.7", "192.0.2.7", "yes"},
		{"IpAddress", "192.0.2.7", "192.0.2.8", "no"},
		{"IpAddress", "192.0.2.7/24", "192.0.2.8", "yes"},
		{"IpAddress", "2001:db8::/32", "2001:db8::1", "yes"},
		{"IpAddress", "2001:db8::1", "2001:db8::2", "no"},
		{"IpAddress", "0.0.0.0/0", "2001:db8::1", "no"},
		{"IpAddress", "::/0", "192.0.2.7", "no"},
		{"IpAddress", "0.0.0.0/0", "::ffff:192.0.2.7", "yes"},
		{"IpAddress", "192.0.2.0/99", "192.0.2.0", "no"},
		{"ArnEquals", "arn:aws:iam::*:role/a*", "arn:aws:iam::111122223333:role/app", "yes"},
		{"ArnLike", "arn:aws:iam::111122223333:role/app", "arn:aws:iam::111122223333:role/app", "yes"},
		{"ArnLike", "arn:aws:iam::*", "arn:aws:iam::111122223333:role/app", "no"},
		{"ArnLike", "*", "arn:aws:iam::111122223333:role/app", "no"},
		{"ArnLike", "arn:aws:iam:*:role/app", "arn:aws:iam::111122223333:role/app", "no"},
		{"ArnLike", "arn:aws:iam::111122223333:ROLE/app", "arn:aws:iam::111122223333:role/app", "no"},
		{"ArnLike", "arn:aws:iam::111122223333:role/*", "no ARN", "no"},
	} {
		opposites := map[string]string{
			"StringEquals": "StringNotEquals", "StringEqualsIgnoreCase": "StringNotEqualsIgnoreCase", "StringLike": "StringNotLike",
			"NumericEquals": "NumericNotEquals", "DateEquals": "DateNotEquals", "IpAddress": "NotIpAddress",
			"ArnEquals": "ArnNotEquals", "ArnLike": "ArnNotLike",
		}
		t.Run(fmt.Sprintf("%s %s %s", row.operator, row.policy, row.value), func(t *testing.T) {
			want := row.want == "yes"
			condition := `{"%s":{"x:k":"` + row.policy + `"}}`
			if got := holds(t, fmt.Sprintf(condition, row.operator), said{"x:k": {row.value}}); got != want {
				t.Errorf("got %t, want %t", got, want)
			}
			if opposite := opposites[row.operator]; opposite != "" {
				if got := holds(t, fmt.Sprintf(condition, opposite), said{"x:k": {row.value}}); got == want {
					t.Errorf("%s: got %t, want %t", opposite, got, !want)
				}
			}
		})
	}
}

// How many values there are, of the policy and of the request, under each prefix and suffix: a positive
// operator, then its negation. The policy says a or b.
func TestHowManyValues(t *testing.T) {
	for _, row := range []struct {
		name            string
		values          []string
		plain, negated  bool
		all, allNegated bool
		any, anyNegated bool
	}{
		{"absent", nil, false, true, true, true, false, false},
		{"one that is there", []string{"b"}, true, false, true, false, true, false},
		{"one that is not", []string{"c"}, false, true, false, true, false, true},
		{"two that are", []string{"a", "b"}, true, false, true, false, true, false},
		{"one of two", []string{"a", "c"}, true, false, false, false, true, true},
		{"none of two", []string{"c", "d"}, false, true, false, true, false, true},
	} {
		for form, want := range map[string]bool{
			"StringEquals": row.plain, "StringNotEquals": row.negated,
			"ForAllValues:StringEquals": row.all, "ForAllValues:StringNotEquals": row.allNegated,
			"ForAnyValue:StringEquals": row.any, "ForAnyValue:StringNotEquals": row.anyNegated,
		} {
			for _, suffix := range []string{"", "IfExists"} {
				want := want || suffix != "" && row.values == nil
				t.Run(row.name+" "+form+suffix, func(t *testing.T) {
					if got := holds(t, `{"`+form+suffix+`":{"X:K":["a","b"]}}`, said{"x:k": row.values}); got != want {
						t.Errorf("got %t, want %t", got, want)
					}
				})
			}
		}
	}
}

func TestConditions(t *testing.T) {
	c := said{"x:a": {"1"}, "x:b": {"2"}, "kms:encryptioncontext:app": {"orders"}, "aws:resourcetag/t": {"v"}, "aws:requesttag/team": {"v"}, "kms:resourcealiases": {"alias/x"}}
	for _, row := range []struct {
		name, condition string
		want            bool
	}{
		{"none", `{}`, true},
		{"two operators: both", `{"StringEquals":{"x:a":"1"},"StringLike":{"x:b":"2"}}`, true},
		{"… and one fails", `{"StringEquals":{"x:a":"1"},"StringLike":{"x:b":"3"}}`, false},
		{"two keys: both", `{"StringEquals":{"x:a":"1","x:b":"3"}}`, false},
		{"the name of a key in any case", `{"StringEquals":{"X:A":"1"}}`, true},
		{"the name of a pair in any case", `{"StringEquals":{"kms:EncryptionContext:APP":"orders"}}`, true},
		{"its value in its own", `{"StringEquals":{"kms:EncryptionContext:app":"Orders"}}`, false},
		{"the name of a tag in any case", `{"StringEquals":{"aws:RequestTag/Team":"v"}}`, true},
		{"no value in the policy", `{"StringEquals":{"x:a":[]}}`, false},
		{"no value in the policy, negated", `{"StringNotEquals":{"x:a":[]}}`, true},
		{"Null of what is there", `{"Null":{"x:a":"true"}}`, false},
		{"not Null of what is there", `{"Null":{"x:a":false}}`, true},
		{"Null of what is absent", `{"Null":{"x:c":"TRUE"}}`, true},
		{"not Null of what is absent", `{"Null":{"x:c":"false"}}`, false},
		{"Null of nonsense", `{"Null":{"x:c":"yes"}}`, false},
		{"a number as a value", `{"NumericEquals":{"x:a":1}}`, true},
		{"a number as a string", `{"StringEquals":{"x:a":[1,2]}}`, true},
		{"tags of the key are not for key policies", `{"StringEquals":{"aws:ResourceTag/t":"v"}}`, false},
		{"nor are its aliases", `{"ForAnyValue:StringEquals":{"kms:ResourceAliases":"alias/x"}}`, false},
	} {
		t.Run(row.name, func(t *testing.T) {
			if got := holds(t, row.condition, c); got != row.want {
				t.Errorf("got %t, want %t", got, row.want)
			}
		})
	}
	p := identityPolicy(t, `{"Effect":"Allow","Action":"*","Resource":"*","Condition":{"StringEquals":{"aws:ResourceTag/t":"v"},"ForAnyValue:StringEquals":{"kms:ResourceAliases":"alias/x"}}}`)
	delegates := keyPolicy(t, root)
	if !decide(ask(user, "kms:Encrypt", c), &policy.Sources{Key: delegates, Identity: []*policy.Policy{p}}).Allowed {
		t.Error("tags and aliases of a key are for identity policies: got refused, want allowed")
	}
}

// Variables are values of the request in the text of a policy (access.md §3.4).
func TestVariables(t *testing.T) {
	c := said{
		"aws:userid": {"AIDA1"}, "x:star": {"*"}, "x:mark": {"?"}, "x:many": {"a", "b"}, "x:odd": {"\xff"}, "x:arn": {"a:b"},
		"kms:encryptioncontextkeys": {"AIDA1"},
	}
	for _, row := range []struct {
		name, condition, value string
		want                   bool
	}{
		{"a value", `{"StringEquals":{"x:v":"${aws:userid}"}}`, "AIDA1", true},
		{"inside text, its name in any case", `{"StringEquals":{"x:v":"home/${AWS:UserId}/x"}}`, "home/AIDA1/x", true},
		{"beside a wildcard", `{"StringLike":{"x:v":"${aws:userid}/*"}}`, "AIDA1/x", true},
		{"a star it brings is a star", `{"StringLike":{"x:v":"${x:star}"}}`, "*", true},
		{"… and no wildcard", `{"StringLike":{"x:v":"${x:star}"}}`, "abc", false},
		{"nor is a question mark", `{"StringLike":{"x:v":"${x:mark}"}}`, "a", false},
		{"nor a byte that is no text", `{"StringLike":{"x:v":"a${x:odd}c"}}`, "abc", false},
		{"a colon it brings ends no part", `{"ArnLike":{"x:v":"arn:${x:arn}:c:d:e"}}`, "arn:a:b:c:d:e", false},
		{"it may be in the last part", `{"ArnLike":{"x:v":"arn:a:b:c:d:${x:arn}"}}`, "arn:a:b:c:d:a:b", true},
		{"literal star", `{"StringLike":{"x:v":"a${*}"}}`, "a*", true},
		{"a literal star is no wildcard", `{"StringLike":{"x:v":"a${*}"}}`, "ab", false},
		{"literal question mark and dollar", `{"StringLike":{"x:v":"${?}${$}"}}`, "?$", true},
		{"absent", `{"StringEquals":{"x:v":"${x:none}"}}`, "", false},
		{"absent, negated", `{"StringNotEquals":{"x:v":"${x:none}"}}`, "a", true},
		{"a default", `{"StringEquals":{"x:v":"${x:none, 'team'}"}}`, "team", true},
		{"a default that is not needed", `{"StringEquals":{"x:v":"${aws:userid,'team'}"}}`, "team", false},
		{"a malformed default", `{"StringEquals":{"x:v":"${aws:userid, team}"}}`, "AIDA1", false},
		{"several values", `{"StringEquals":{"x:v":"${x:many}"}}`, "a", false},
		{"a key that may have several", `{"StringEquals":{"x:v":"${kms:EncryptionContextKeys}"}}`, "AIDA1", false},
		{"never closed", `{"StringEquals":{"x:v":"${aws:userid"}}`, "${aws:userid", true},
		{"a boolean", `{"Bool":{"x:v":"${x:none, 'true'}"}}`, "true", true},
		{"not in numbers", `{"NumericEquals":{"x:v":"${x:none, '1'}"}}`, "1", false},
		{"not in names", `{"Null":{"${x:v}":"true"}}`, "x", true},
	} {
		t.Run(row.name, func(t *testing.T) {
			c["x:v"] = []string{row.value}
			if got := holds(t, row.condition, c); got != row.want {
				t.Errorf("got %t, want %t", got, row.want)
			}
		})
	}
	for _, version := range []string{`"Version":"2008-10-17",`, ``} {
		d, err := policy.Parse(`{`+version+`"Statement":{"Effect":"Allow","Principal":"*","Action":"*","Resource":"*","Condition":{"StringLike":{"x:v":"${aws:userid}*"}}}}`, "aws")
		if err != nil {
			t.Fatal(err)
		}
		for value, want := range map[string]bool{"AIDA1": false, "${aws:userid}!": true} {
			c["x:v"] = []string{value}
			if got := decide(ask(user, "kms:Encrypt", c), &policy.Sources{Key: d.Compile()}).Allowed; got != want {
				t.Errorf("%s against %s: got %t, want %t", strings.TrimSuffix(version, ","), value, got, want)
			}
		}
	}
}
