package policy_test

import (
	"errors"
	"strings"
	"testing"

	"qkms/internal/authz/policy"
	"qkms/internal/fault"
)

const root = `{"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::111122223333:root"},"Action":"kms:*","Resource":"*"}`

func TestMalformedPolicies(t *testing.T) {
	statement := func(s string) string { return `{"Statement":` + s + `}` }
	for _, row := range []struct {
		name, text string
		code       fault.Code
		says       string
	}{
		{"no JSON", `{`, fault.MalformedPolicy, "not JSON"},
		{"text after the end", statement(root) + "x", fault.MalformedPolicy, "not JSON"},
		{"a comment", "// policy\n" + statement(root), fault.MalformedPolicy, "not JSON"},
		{"a byte order mark", "\ufeff" + statement(root), fault.MalformedPolicy, "not JSON"},
		{"a trailing comma", `{"Statement":[` + root + `,]}`, fault.MalformedPolicy, "not JSON"},
		{"a member twice, once escaped", `{"Statement":{"Effect":"Deny","\u0045ffect":"Allow","Principal":"*","Action":"kms:*","Resource":"*"}}`, fault.MalformedPolicy, `"Effect" occurs twice`},
		{"a list where a policy should be: where", "{\n \"Statement\": [{},\n  ]}", fault.MalformedPolicy, "(line 3, column 3)"},
		{"an end that is missing: where", "{\n \"Version\": \"2012", fault.MalformedPolicy, "it ends too early (line 2, column 13)"},
		{"no object", `[]`, fault.MalformedPolicy, "not an object"},
		{"no statement", `{}`, fault.MalformedPolicy, "no Statement"},
		{"an empty list of statements", `{"Statement":[]}`, fault.MalformedPolicy, "Statement"},
		{"an unknown element", `{"Statement":` + root + `,"Extra":1}`, fault.MalformedPolicy, `"Extra"`},
		{"an element in the wrong case", `{"statement":` + root + `}`, fault.MalformedPolicy, `"statement"`},
		{"an unknown element of a statement", statement(`{"Effect":"Allow","Principal":"*","Comment":"x"}`), fault.MalformedPolicy, `statement 1 has an unknown element "Comment"`},
		{"an element of a statement in the wrong case", statement(`{"effect":"Allow","Principal":"*"}`), fault.MalformedPolicy, `"effect"`},
		{"Null of all values", statement(`{"Effect":"Allow","Principal":"*","Condition":{"ForAllValues:Null":{"a":"true"}}}`), fault.MalformedPolicy, `"ForAllValues:Null"`},
		{"an operator in the wrong case", statement(`{"Effect":"Allow","Principal":"*","Condition":{"stringEquals":{"a":"b"}}}`), fault.MalformedPolicy, `"stringEquals"`},
		{"a variable in a principal", statement(`{"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::111122223333:user/${aws:username}"}}`), fault.MalformedPolicy, "invalid principals"},
		{"a second statement is said to be one", `{"Statement":[` + root + `,{"Principal":"*"}]}`, fault.MalformedPolicy, "statement 2 has an Effect"},
		{"a member twice", `{"Statement":{"Effect":"Deny","Effect":"Allow","Principal":"*","Action":"kms:*","Resource":"*"}}`, fault.MalformedPolicy, `"Effect" occurs twice`},
		{"a version that is none", `{"Version":"2020-01-01","Statement":` + root + `}`, fault.MalformedPolicy, "Version"},
		{"a Sid twice", `{"Statement":[{"Sid":"a","Effect":"Deny","Principal":"*"},{"Sid":"a","Effect":"Deny","Principal":"*"}]}`, fault.MalformedPolicy, `"a" occurs twice`},
		{"no effect", statement(`{"Principal":"*"}`), fault.MalformedPolicy, "statement 1 has an Effect"},
		{"an effect in the wrong case", statement(`{"Effect":"allow","Principal":"*"}`), fault.MalformedPolicy, "Effect"},
		{"no principal", statement(`{"Effect":"Allow","Action":"kms:*","Resource":"*"}`), fault.MalformedPolicy, "Policy contains a statement with no principal."},
		{"principal and its opposite", statement(`{"Effect":"Allow","Principal":"*","NotPrincipal":"*"}`), fault.MalformedPolicy, "both"},
		{"an action without a service", statement(`{"Effect":"Allow","Principal":"*","Action":"Encrypt"}`), fault.MalformedPolicy, `"Encrypt"`},
		{"an unknown operator", statement(`{"Effect":"Allow","Principal":"*","Condition":{"StringIs":{"a":"b"}}}`), fault.MalformedPolicy, `"StringIs"`},
		{"Null with IfExists", statement(`{"Effect":"Allow","Principal":"*","Condition":{"NullIfExists":{"a":"true"}}}`), fault.MalformedPolicy, `"NullIfExists"`},
		{"a condition value of the wrong kind", statement(`{"Effect":"Allow","Principal":"*","Condition":{"StringEquals":{"a":{}}}}`), fault.MalformedPolicy, "value"},
		{"a null condition value", statement(`{"Effect":"Allow","Principal":"*","Condition":{"StringEquals":{"a":null}}}`), fault.MalformedPolicy, "value"},
		{"ForAllValues on the encryption context", statement(`{"Effect":"Allow","Principal":"*","Condition":{"ForAllValues:StringEquals":{"KMS:EncryptionContext:a":"b"}}}`), fault.MalformedPolicy, "OverlyPermissiveCondition:EncryptionContext:"},
		{"nested without end", `{"Statement":` + strings.Repeat("[", 1000) + strings.Repeat("]", 1000) + `}`, fault.MalformedPolicy, "nested"},
		{"a group", statement(`{"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::111122223333:group/g"}}`), fault.InvalidArn, "An ARN in the specified key policy is invalid."},
		{"another partition", statement(`{"Effect":"Allow","Principal":{"AWS":"arn:aws-cn:iam::111122223333:root"}}`), fault.MalformedPolicy, "invalid principals"},
		{"a path with a wildcard", statement(`{"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::111122223333:user/*/u"}}`), fault.MalformedPolicy, "invalid principals"},
		{"a user spelled in other letters", statement(`{"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::111122223333:user/\uff55"}}`), fault.MalformedPolicy, "invalid principals"},
		{"a path in other letters", statement(`{"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::111122223333:user/\u202e/u"}}`), fault.MalformedPolicy, "invalid principals"},
		{"an account in other digits", statement(`{"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::11112222333\u0663:root"}}`), fault.MalformedPolicy, "invalid principals"},
		{"an account id in other digits", statement(`{"Effect":"Allow","Principal":{"AWS":"11112222333\u0663"}}`), fault.InvalidArn, "invalid"},
		{"a line break behind an account", statement(`{"Effect":"Allow","Principal":{"AWS":"111122223333\n"}}`), fault.InvalidArn, "invalid"},
		{"an ARN in another case", statement(`{"Effect":"Allow","Principal":{"AWS":"ARN:aws:iam::111122223333:root"}}`), fault.InvalidArn, "invalid"},
		{"a root in another case", statement(`{"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::111122223333:Root"}}`), fault.MalformedPolicy, "invalid principals"},
		{"a user of any account", statement(`{"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::*:user/u"}}`), fault.MalformedPolicy, "invalid principals"},
		{"no ARN at all", statement(`{"Effect":"Allow","Principal":{"AWS":"bob"}}`), fault.InvalidArn, "An ARN in the specified key policy is invalid."},
		{"ForAllValues on a request tag", statement(`{"Effect":"Allow","Principal":"*","Condition":{"ForAllValues:StringLikeIfExists":{"AWS:RequestTag/a":"b"}}}`), fault.MalformedPolicy, "OverlyPermissiveCondition: Using"},
		{"a role with a wildcard", statement(`{"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::111122223333:role/*"}}`), fault.MalformedPolicy, "invalid principals"},
		{"an unknown kind of principal", statement(`{"Effect":"Allow","Principal":{"Group":"g"}}`), fault.MalformedPolicy, `"Group"`},
		{"one byte over the limit", statement(root) + strings.Repeat(" ", policy.MaxSize+1-len(statement(root))), fault.LimitExceeded, "32768"},
	} {
		t.Run(row.name, func(t *testing.T) {
			_, err := policy.Parse(row.text, "aws")
			got, is := errors.AsType[*fault.Error](err)
			if !is || got.Code != row.code || !strings.Contains(got.Text, row.says) {
				t.Errorf("got %v, want %s that says %q", err, row.code, row.says)
			}
		})
	}
}

func TestPoliciesThatArePolicies(t *testing.T) {
	for name, text := range map[string]string{
		"a single statement":               `{"Statement":` + root + `}`,
		"one of the limit's size":          `{"Statement":` + root + `}` + strings.Repeat(" ", policy.MaxSize-len(root)-14),
		"no action and no resource":        `{"Statement":{"Effect":"Allow","Principal":"*"}}`,
		"an account, a session, a service": `{"Version":"2008-10-17","Statement":{"Effect":"Deny","Principal":{"AWS":["111122223333","arn:aws:sts::111122223333:assumed-role/r/s","AROAEXAMPLEEXAMPLEEX"],"Service":"s3.amazonaws.com"},"Action":["kms:*"],"Resource":["*"]}}`,
		"booleans and numbers as values":   `{"Statement":{"Effect":"Allow","Principal":"*","Action":"kms:*","Resource":"*","Condition":{"Bool":{"kms:GrantIsForAWSResource":true},"NumericLessThanIfExists":{"kms:x":[1,2]},"ForAnyValue:StringLike":{"kms:EncryptionContextKeys":"a*"}}}}`,
		"everything but":                   `{"Statement":{"Effect":"Deny","NotPrincipal":{"AWS":"111122223333"},"NotAction":"kms:List*","NotResource":"x"}}`,
		"a Sid with spaces, an empty Sid":  `{"Statement":[{"Sid":"Enable IAM User Permissions","Effect":"Deny","Principal":"*"},{"Sid":"","Effect":"Deny","Principal":"*"},{"Sid":"","Effect":"Deny","Principal":"*"}]}`,
		"a role with a path":               `{"Statement":{"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::111122223333:role/a/b/c"}}}`,
	} {
		t.Run(name, func(t *testing.T) {
			d, err := policy.Parse(text, "aws")
			if err != nil {
				t.Fatal(err)
			}
			again, err := policy.Parse(d.Format(), "aws")
			if err != nil || again.Format() != d.Format() {
				t.Errorf("printed, it reads as %v, %v", again, err)
			}
		})
	}
}

// What is given back to its author is read the same way again, however often.
func FuzzParse(f *testing.F) {
	f.Add(`{"Statement":` + root + `}`)
	f.Add(policy.Default("aws", "111122223333").Format())
	f.Add(`{"Statement":{"Effect":"Allow","Principal":"*","Condition":{"Bool":{"a":[true,1.5,"ü<>&\u2028"]}}}}`)
	f.Fuzz(func(t *testing.T, text string) {
		d, err := policy.Parse(text, "aws")
		if err != nil {
			if _, is := errors.AsType[*fault.Error](err); !is {
				t.Fatalf("got %v, which is no fault", err)
			}
			return
		}
		printed := d.Format()
		again, err := policy.Parse(printed, "aws")
		if err != nil && !strings.Contains(err.Error(), "at most 32768") {
			t.Fatalf("printed as %q: %v", printed, err)
		}
		if err == nil && again.Format() != printed {
			t.Fatalf("got %q, want %q", again.Format(), printed)
		}
		if err == nil && keeps(d) != keeps(again) {
			t.Fatal("the printed policy locks out whom the policy did not, or the reverse")
		}
	})
}

// Whatever reads as a policy of any kind can be bound, shown with others' names, asked and explained.
func FuzzUse(f *testing.F) {
	f.Add(`{"Statement":` + root + `}`)
	f.Add(`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"kms:*","Resource":"arn:aws:kms:*:key/${aws:userid}*","Condition":{"StringLike":{"x:k":"a*?${x:k}*"}}}]}`)
	f.Add(`{"Statement":{"Effect":"Allow","Principal":{"AWS":["arn:aws:iam::111122223333:user/team/u","*"],"Federated":"arn:aws:iam::111122223333:oidc-provider/a.example"},"Action":"sts:*"}}`)
	f.Add(`{"Statement":{"Effect":"Deny","NotPrincipal":{"AWS":"arn:verenc:iam::111122223333:role/svc/app","Service":"a.b"},"NotAction":"kms:E*","NotResource":"*","Condition":{"ForAnyValue:DateLessThanIfExists":{"x:k":["2026","1"]}}}}`)
	c := said{"x:k": {"aab", "2025-01-01"}, "aws:userid": {"u"}}
	f.Fuzz(func(t *testing.T, text string) {
		for _, parse := range []func(text, partition string) (*policy.Document, error){policy.Parse, policy.ParseIdentity, policy.ParseTrust} {
			d, err := parse(text, "aws")
			if err != nil {
				if _, is := errors.AsType[*fault.Error](err); !is {
					t.Fatalf("got %v, which is no fault", err)
				}
				continue
			}
			ids := map[string]string{}
			for _, p := range d.Principals() {
				ids[p] = userID
			}
			if got := d.Replace(map[string]string{}).Format(); got != d.Format() {
				t.Fatalf("nothing replaced: got %q, want %q", got, d.Format())
			}
			p := d.Bind(ids)
			s := &policy.Sources{Key: p, Trust: p, Identity: []*policy.Policy{p}, Boundary: p, Session: []*policy.Policy{p}}
			for _, q := range []*policy.Question{ask(user, "kms:Encrypt", c), ask(session, "kms:Sign", c), assume(awayUser, "sts:AssumeRole", c)} {
				found := policy.Consult(q, s)
				was := found.Decide(policy.NoGrant)
				for _, step := range policy.Trace(q, s) {
					if step.Deny && step.Applies() && was.Reason != policy.ExplicitDeny {
						t.Fatalf("%+v applies; got %+v", step, was)
					}
				}
				if was.Reason != policy.NotDecided && was.Allowed != (len(found.Remedies(policy.NoGrant)) == 0) {
					t.Fatalf("got %+v and the remedies %v", was, found.Remedies(policy.NoGrant))
				}
			}
		}
	})
}

// keeps reports whether the root user may change the policy.
func keeps(d *policy.Document) bool {
	q := ask(rootUser, "kms:PutKeyPolicy", nil)
	return decide(q, &policy.Sources{Key: d.Compile()}).Allowed
}

func TestLockout(t *testing.T) {
	for name, row := range map[string]struct {
		statement string
		keeps     bool
	}{
		"the root user by ARN":     {root, true},
		"the account by its id":    {`{"Effect":"Allow","Principal":{"AWS":["111122223333"]},"Action":"KMS:putkey*","Resource":"*"}`, true},
		"in the other spelling":    {`{"Effect":"Allow","Principal":{"AWS":"arn:verenc:iam::111122223333:root"},"Action":"kms:*","Resource":"*"}`, true},
		"everyone":                 {`{"Effect":"Allow","Principal":"*","Action":"*","Resource":"*"}`, true},
		"another account":          {`{"Effect":"Allow","Principal":{"AWS":"444455556666"},"Action":"kms:*","Resource":"*"}`, false},
		"a user":                   {`{"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::111122223333:user/u"},"Action":"kms:*","Resource":"*"}`, false},
		"other actions":            {`{"Effect":"Allow","Principal":"*","Action":"kms:Get*","Resource":"*"}`, false},
		"every action but this":    {`{"Effect":"Allow","Principal":"*","NotAction":"kms:Put*","Resource":"*"}`, false},
		"every action but another": {`{"Effect":"Allow","Principal":"*","NotAction":"kms:Get*","Resource":"*"}`, true},
		"no resource":              {`{"Effect":"Allow","Principal":"*","Action":"kms:*"}`, false},
		"a condition that holds":   {`{"Effect":"Allow","Principal":"*","Action":"kms:*","Resource":"*","Condition":{"Null":{"kms:ViaService":true}}}`, true},
		"one that does not":        {`{"Effect":"Allow","Principal":"*","Action":"kms:*","Resource":"*","Condition":{"Bool":{"aws:SecureTransport":"true"}}}`, false},
		"everyone but the account": {`{"Effect":"Allow","NotPrincipal":{"AWS":"111122223333"},"Action":"kms:*","Resource":"*"}`, false},
	} {
		t.Run(name, func(t *testing.T) {
			for deny, want := range map[string]bool{
				"": row.keeps,
				`,{"Effect":"Deny","Principal":"*","Action":"kms:P?tKeyPolicy","Resource":"*"}`:                                                    false,
				`,{"Effect":"Deny","Principal":"*","Action":"kms:PutKeyPolicy","Resource":"*","Condition":{"StringNotEquals":{"aws:x":"absent"}}}`: false,
				`,{"Effect":"Deny","Principal":"*","Action":"kms:PutKeyPolicy","Resource":"*","Condition":{"Bool":{"aws:SecureTransport":false}}}`: row.keeps,
				`,{"Effect":"Deny","Principal":{"AWS":"444455556666"},"Action":"kms:PutKeyPolicy","Resource":"*"}`:                                 row.keeps,
			} {
				d, err := policy.Parse(`{"Statement":[`+row.statement+deny+`]}`, "aws")
				if err != nil {
					t.Fatal(err)
				}
				if got := keeps(d); got != want {
					t.Errorf("with %q: got %v, want %v", deny, got, want)
				}
			}
		})
	}
}
