package policy_test

import (
	"strings"
	"testing"

	"qkms/internal/authz/policy"
)

// Whom an entry of a key policy means (access.md §2.2), seen by what a Deny for it does.
func TestPrincipalEntries(t *testing.T) {
	everybody := []*policy.Principal{rootUser, awayRoot, user, awayUser, session, federated, service}
	for name, row := range map[string]struct {
		entry string
		means []*policy.Principal
	}{
		"everyone":                        {`"*"`, everybody},
		"everyone, said longer":           {`{"AWS":"*"}`, everybody},
		"an account":                      {`{"AWS":"111122223333"}`, []*policy.Principal{rootUser, user, session, federated}},
		"an account by its root":          {`{"AWS":"arn:aws:iam::111122223333:root"}`, []*policy.Principal{rootUser, user, session, federated}},
		"a user":                          {`{"AWS":"arn:aws:iam::111122223333:user/team/u"}`, []*policy.Principal{user}},
		"a user of another path":          {`{"AWS":"arn:aws:iam::111122223333:user/u"}`, nil},
		"a role":                          {`{"AWS":"arn:aws:iam::111122223333:role/svc/app"}`, []*policy.Principal{session}},
		"a role without its path":         {`{"AWS":"arn:aws:iam::111122223333:role/app"}`, nil},
		"a role in the other spelling":    {`{"AWS":"arn:verenc:iam::111122223333:role/svc/app"}`, []*policy.Principal{session}},
		"a session":                       {`{"AWS":"arn:aws:sts::111122223333:assumed-role/app/s1"}`, []*policy.Principal{session}},
		"another session":                 {`{"AWS":"arn:aws:sts::111122223333:assumed-role/app/s2"}`, nil},
		"a federated user":                {`{"AWS":"arn:aws:sts::111122223333:federated-user/bob"}`, []*policy.Principal{federated}},
		"a service":                       {`{"Service":"rds.amazonaws.com"}`, []*policy.Principal{service}},
		"another service":                 {`{"Service":"s3.amazonaws.com"}`, nil},
		"a user named like a service":     {`{"AWS":"AROAEXAMPLEEXAMPLEEX"}`, nil},
		"a provider":                      {`{"Federated":"rds.amazonaws.com"}`, nil},
		"several":                         {`{"AWS":["444455556666","arn:aws:iam::111122223333:user/team/u"],"Service":"rds.amazonaws.com"}`, []*policy.Principal{awayRoot, awayUser, user, service}},
		"the case of a name is its own":   {`{"AWS":"arn:aws:iam::111122223333:user/team/U"}`, nil},
		"the unique id of one who's gone": {`{"AWS":"AIDAEXAMPLEEXAMPLEEX"}`, nil},
	} {
		t.Run(name, func(t *testing.T) {
			for _, p := range everybody {
				var means bool
				for _, m := range row.means {
					means = means || m == p
				}
				for element, want := range map[string]bool{"Principal": means, "NotPrincipal": !means} {
					s := `{"Effect":"Deny","` + element + `":` + row.entry + `,"Action":"kms:*","Resource":"*"}`
					d := decide(ask(p, "kms:Encrypt", nil), &policy.Sources{Key: keyPolicy(t, s)})
					if got := d.Reason == policy.ExplicitDeny; got != want {
						t.Errorf("%s %s: got %t, want %t", element, p.ARN, got, want)
					}
				}
			}
		})
	}
}

func TestActions(t *testing.T) {
	for _, row := range []struct {
		name, element string
		want          bool
	}{
		{"by name", `"Action":"kms:Encrypt"`, true},
		{"ignoring case", `"Action":"KMS:eNCRYPT"`, true},
		{"another", `"Action":"kms:Decrypt"`, false},
		{"all", `"Action":"*"`, true},
		{"all of the service", `"Action":"kms:*"`, true},
		{"all of another service", `"Action":"s3:*"`, false},
		{"a run in the middle", `"Action":"kms:E*t"`, true},
		{"one character", `"Action":"kms:Encryp?"`, true},
		{"one character too many", `"Action":"kms:Encrypt?"`, false},
		{"one of several", `"Action":["kms:Sign","kms:Enc*"]`, true},
		{"no prefix of another", `"Action":"kms:Enc"`, false},
		{"none but others", `"NotAction":"kms:Decrypt"`, true},
		{"none but others of another service", `"NotAction":"s3:*"`, true},
		{"all but this", `"NotAction":["kms:Decrypt","kms:e*"]`, false},
		{"a variable is none here", `"Action":"kms:${x:none, 'Encrypt'}"`, false},
		{"stars without end", `"Action":"kms:` + strings.Repeat("*", 5000) + strings.Repeat("*n", 5000) + `"`, false},
		{"no action at all: no effect", `"Sid":"half"`, false},
		{"the Kelvin sign is no k", `"Action":"` + "\u212a" + `ms:Encrypt"`, false},
	} {
		t.Run(row.name, func(t *testing.T) {
			p := keyPolicy(t, `{"Effect":"Allow","Principal":"*",`+row.element+`,"Resource":"*"}`)
			if got := decide(ask(user, "kms:Encrypt", nil), &policy.Sources{Key: p}).Allowed; got != row.want {
				t.Errorf("got %t, want %t", got, row.want)
			}
		})
	}
}

// In a key policy only the key itself is a resource.
func TestResourcesOfKeyPolicies(t *testing.T) {
	for _, row := range []struct {
		name, element string
		want          bool
	}{
		{"this key", `"Resource":"*",`, true},
		{"by its ARN", `"Resource":"` + keyARN + `",`, true},
		{"in the other spelling", `"Resource":"arn:verenc:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab",`, true},
		{"another account in the other spelling", `"Resource":"arn:verenc:444455556666:key/1234abcd-12ab-34cd-56ef-1234567890ab",`, false},
		{"the end of its ARN in the other spelling", `"Resource":"arn:verenc:key/1234abcd-12ab-34cd-56ef-1234567890ab",`, false},
		{"a pattern", `"Resource":"arn:aws:kms:*",`, false},
		{"this key in another Region", `"Resource":"` + strings.Replace(keyARN, "us-east-1", "eu-west-1", 1) + `",`, false},
		{"an alias of it", `"Resource":"arn:aws:kms:us-east-1:111122223333:alias/a",`, false},
		{"another key", `"Resource":"` + strings.Replace(keyARN, "1234", "0000", 1) + `",`, false},
		{"one of several", `"Resource":["x","*"],`, true},
		{"everything but this", `"NotResource":"*",`, false},
		{"everything but another", `"NotResource":"x",`, true},
		{"no resource at all: no effect", ``, false},
	} {
		t.Run(row.name, func(t *testing.T) {
			p := keyPolicy(t, `{"Effect":"Allow","Principal":"*",`+row.element+`"Action":"kms:*"}`)
			if got := decide(ask(user, "kms:Encrypt", nil), &policy.Sources{Key: p}).Allowed; got != row.want {
				t.Errorf("got %t, want %t", got, row.want)
			}
		})
	}
}

// In an identity policy a resource is a pattern, part by part (access.md §3.2).
func TestResourcesOfIdentityPolicies(t *testing.T) {
	const alias = "arn:aws:kms:us-east-1:111122223333:alias/team/a"
	for _, row := range []struct {
		name, pattern, resource string
		want                    bool
	}{
		{"anything", "*", keyARN, true},
		{"itself", keyARN, keyARN, true},
		{"a key pattern", "arn:aws:kms:us-east-1:111122223333:key/*", keyARN, true},
		{"any Region and account", "arn:aws:kms:*:*:key/*", keyARN, true},
		{"characters", "arn:aws:kms:us-east-?:11112222333?:key/*", keyARN, true},
		{"not in upper case", strings.ToUpper(keyARN), keyARN, false},
		{"a star at an end runs on", "arn:aws:kms:*", keyARN, true},
		{"… past parts that follow", "arn:aws:kms:*:key/*", keyARN, true},
		{"a star inside does not", "arn:aws:kms:us*1111:key/*", keyARN, false},
		{"nor does a character", "arn:aws:kms:us-east-1?111122223333:key/*", keyARN, false},
		{"none in the service", "arn:aws:k*:us-east-1:111122223333:key/*", keyARN, false},
		{"a part that ends in a star runs on too", "arn:aws:kms:us-*:key/*", keyARN, true},
		{"one that begins with a star does not", "arn:aws:kms:*1:key/*", keyARN, false},
		{"the replica in another Region is another key", strings.Replace(keyARN, "us-east-1", "eu-west-1", 1), keyARN, false},
		{"nor instead of it", "arn:aws:*", keyARN, false},
		{"a star crosses slashes", "arn:aws:kms:us-east-1:111122223333:alias/*", alias, true},
		{"an alias is not the key behind it", alias, keyARN, false},
		{"a key pattern does not make keys", keyARN, "*", false},
		{"too short", "arn:aws:kms:us-east-1:111122223333", keyARN, false},
		{"empty", "", keyARN, false},
		{"a variable", "arn:aws:kms:us-east-1:${aws:PrincipalAccount}:key/*", keyARN, false},
		{"a variable at the end", "arn:aws:kms:us-east-1:111122223333:alias/${aws:username}/*", alias, true},
		{"its stars are text", "arn:aws:kms:us-east-1:111122223333:alias/${x:star}", alias, false},
		{"one without a value", "arn:aws:kms:us-east-1:111122223333:alias/${x:none}*", alias, false},
	} {
		t.Run(row.name, func(t *testing.T) {
			q := ask(user, "kms:CreateAlias", said{"aws:username": {"team"}, "aws:principalaccount": {home}, "x:star": {"*"}})
			q.Key, q.Resource = false, row.resource
			for element, want := range map[string]bool{"Resource": row.want, "NotResource": !row.want} {
				p := identityPolicy(t, `{"Effect":"Allow","Action":"kms:*","`+element+`":"`+row.pattern+`"}`)
				if got := decide(q, &policy.Sources{Identity: []*policy.Policy{p}}).Allowed; got != want {
					t.Errorf("%s: got %t, want %t", element, got, want)
				}
			}
		})
	}
}

func TestMalformedIdentityPolicies(t *testing.T) {
	for name, statement := range map[string]string{
		"a principal":  `{"Effect":"Allow","Principal":"*","Action":"kms:*","Resource":"*"}`,
		"no action":    `{"Effect":"Allow","Resource":"*"}`,
		"no resource":  `{"Effect":"Allow","Action":"kms:*"}`,
		"a spaced Sid": `{"Sid":"a b","Effect":"Allow","Action":"kms:*","Resource":"*"}`,
		"everyone but": `{"Effect":"Allow","NotPrincipal":"*","Action":"kms:*","Resource":"*"}`,
	} {
		if _, err := policy.ParseIdentity(`{"Statement":`+statement+`}`, "aws"); err == nil {
			t.Errorf("%s: got no error", name)
		}
	}
}

func TestWildcards(t *testing.T) {
	for _, row := range []struct {
		pattern, s string
		want       bool
	}{
		{"", "x", false},
		{"*", "x", true},
		{"?", "x", true},
		{"??", "x", false},
		{"a*c", "abbbc", true},
		{"a*c", "abbb", false},
		{"a*a", "a", false},
		{"a?c", "abc", true},
		{"a?c", "ac", false},
		{"**b", "ab", true},
		{"a*b*c", "a-b-b-c", true},
		{"a*b*c", "a-c-b", false},
		{"*b?d*", "abcbdbxde", true},
		{"abc", "abcd", false},
		{"?", "é", true},
		{"??", "é", false},
		{"*?", "é", true},
		{"a*??c", "aéxc", true},
		{"*\u00ff*", "a\xffb", false},
		{"a\u00ffb", "a*b", false},
	} {
		p := keyPolicy(t, `{"Effect":"Allow","Principal":"*","Action":"*","Resource":"*","Condition":{"StringLike":{"x:k":"`+row.pattern+`"}}}`)
		if got := decide(ask(user, "kms:Encrypt", said{"x:k": {row.s}}), &policy.Sources{Key: p}).Allowed; got != row.want {
			t.Errorf("%q against %q: got %v, want %v", row.pattern, row.s, got, row.want)
		}
	}
}
