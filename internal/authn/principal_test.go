package authn_test

import (
	"errors"
	"strings"
	"testing"

	"qkms/internal/authn"
	"qkms/internal/fault"
)

func TestPrincipals(t *testing.T) {
	for _, arn := range []string{
		"arn:aws:iam::111122223333:root",
		"arn:aws:iam::111122223333:user/alice",
		"arn:aws:iam::111122223333:user/division/team/alice",
		"arn:aws:iam::111122223333:role/service-role/reader",
		"arn:aws:iam::111122223333:role/a+b=c,d.e@f-g_h",
		"arn:aws:sts::111122223333:assumed-role/reader/session@x",
		"arn:aws:sts::111122223333:federated-user/bob",
	} {
		for _, spelled := range []string{arn, strings.Replace(arn, ":aws:", ":verenc:", 1)} {
			got, err := authn.ParsePrincipal("aws", spelled)
			if want := (authn.Principal{ARN: arn, Account: "111122223333"}); err != nil || got != want {
				t.Errorf("%s: got %+v, %v, want %+v", spelled, got, err, want)
			}
		}
	}
}

func TestNoPrincipals(t *testing.T) {
	const malformed, none = "ARN is not valid: ", "ARN does not refer to a valid principal: "
	for _, row := range []struct{ name, arn, text string }{
		{"a group", "arn:aws:iam::111122223333:group/admins", none},
		{"another partition", "arn:aws-cn:iam::111122223333:root", malformed},
		{"another service", "arn:aws:kms::111122223333:root", malformed},
		{"a key", "arn:aws:kms:us-east-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab", malformed},
		{"a Region", "arn:aws:iam:us-east-1:111122223333:root", malformed},
		{"no account", "arn:aws:iam:::root", malformed},
		{"an account in letters", "arn:aws:iam::11112222333x:root", malformed},
		{"too few fields", "arn:aws:iam::111122223333", malformed},
		{"more than root", "arn:aws:iam::111122223333:root/x", malformed},
		{"a user without a name", "arn:aws:iam::111122223333:user/", malformed},
		{"every user", "arn:aws:iam::111122223333:user/*", malformed},
		{"a session of IAM", "arn:aws:iam::111122223333:assumed-role/r/s1", malformed},
		{"a role of STS", "arn:aws:sts::111122223333:role/r", malformed},
		{"a session with its role's path", "arn:aws:sts::111122223333:assumed-role/path/role/session", malformed},
		{"a session without a name", "arn:aws:sts::111122223333:assumed-role/role", malformed},
		{"a policy", "arn:aws:iam::111122223333:policy/p", malformed},
		{"a line break", "arn:aws:iam::111122223333:root\n", malformed},
	} {
		t.Run(row.name, func(t *testing.T) {
			_, err := authn.ParsePrincipal("aws", row.arn)
			got, is := errors.AsType[*fault.Error](err)
			if !is || got.Code != fault.InvalidArn || got.Text != row.text+row.arn {
				t.Errorf("got %v, want %s%s", err, row.text, row.arn)
			}
		})
	}
}

func TestServices(t *testing.T) {
	for name, want := range map[string]bool{
		"rds.amazonaws.com": true, "logs.us-east-1.amazonaws.com": true, "ec2.amazonaws.com.cn": true,
		"": false, "amazonaws.com": false, "rds.example.com": false, "RDS.amazonaws.com": false, "rds.amazonaws.com.evil": false, ".amazonaws.com": false,
	} {
		if got := authn.IsService(name); got != want {
			t.Errorf("%q: got %t, want %t", name, got, want)
		}
	}
}
