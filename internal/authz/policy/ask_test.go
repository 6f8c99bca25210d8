package policy_test

import (
	"testing"

	"qkms/internal/authz/policy"
)

const (
	home, away     = "111122223333", "444455556666"
	keyARN         = "arn:aws:kms:us-east-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab"
	roleARN        = "arn:aws:iam::111122223333:role/svc/app"
	userID, roleID = "AIDAEXAMPLEEXAMPLEUS", "AROAEXAMPLEEXAMPLERO"
)

var (
	rootUser    = &policy.Principal{Kind: policy.Root, Account: home, ARN: "arn:aws:iam::111122223333:root"}
	awayRoot    = &policy.Principal{Kind: policy.Root, Account: away, ARN: "arn:aws:iam::444455556666:root"}
	user        = &policy.Principal{Kind: policy.User, Account: home, ARN: "arn:aws:iam::111122223333:user/team/u", ID: userID}
	awayUser    = &policy.Principal{Kind: policy.User, Account: away, ARN: "arn:aws:iam::444455556666:user/v", ID: "AIDAAWAYEXAMPLEEXAMP"}
	session     = &policy.Principal{Kind: policy.Session, Account: home, ARN: "arn:aws:sts::111122223333:assumed-role/app/s1", Role: "arn:aws:iam::111122223333:role/svc/app", ID: roleID}
	federated   = &policy.Principal{Kind: policy.Federated, Account: home, ARN: "arn:aws:sts::111122223333:federated-user/bob"}
	webIdentity = &policy.Principal{Kind: policy.WebIdentity, Account: home, ARN: "arn:aws:iam::111122223333:oidc-provider/idp.example/a"}
	service     = &policy.Principal{Kind: policy.Service, ARN: "rds.amazonaws.com"}
)

// said is what is known of a request, under folded names.
type said map[string][]string

func (s said) Values(name string) []string { return s[name] }

// ask is a question about the key of home that other accounts can be allowed.
func ask(p *policy.Principal, action string, c said) *policy.Question {
	return &policy.Question{Principal: p, Action: action, Resource: keyARN, Context: c, Key: true, Owner: home, CrossAccount: true}
}

// assume is a question about the role of home.
func assume(p *policy.Principal, action string, c said) *policy.Question {
	return &policy.Question{Principal: p, Action: action, Resource: roleARN, Context: c, Trust: true, Owner: home}
}

func decide(q *policy.Question, s *policy.Sources) policy.Decision {
	found := policy.Consult(q, s)
	return found.Decide(policy.NoGrant)
}

func keyPolicy(t testing.TB, statements string) *policy.Policy {
	t.Helper()
	d, err := policy.Parse(`{"Version":"2012-10-17","Statement":[`+statements+`]}`, "aws")
	if err != nil {
		t.Fatal(err)
	}
	return d.Compile()
}

func identityPolicy(t testing.TB, statements string) *policy.Policy {
	t.Helper()
	d, err := policy.ParseIdentity(`{"Version":"2012-10-17","Statement":[`+statements+`]}`, "aws")
	if err != nil {
		t.Fatal(err)
	}
	return d.Compile()
}

func trustPolicy(t testing.TB, statements string) *policy.Policy {
	t.Helper()
	d, err := policy.ParseTrust(`{"Version":"2012-10-17","Statement":[`+statements+`]}`, "aws")
	if err != nil {
		t.Fatal(err)
	}
	return d.Compile()
}
