package policy_test

import (
	"errors"
	"strings"
	"testing"

	"qkms/internal/authz/policy"
	"qkms/internal/fault"
)

func TestTrustPolicies(t *testing.T) {
	for name, statement := range map[string]string{
		"an account":                     `{"Sid":"A1","Effect":"Allow","Principal":{"AWS":"111122223333"},"Action":"sts:AssumeRole"}`,
		"everyone":                       `{"Effect":"Allow","Principal":"*","Action":["sts:AssumeRole","sts:TagSession"]}`,
		"a service":                      `{"Effect":"Allow","Principal":{"Service":["ec2.amazonaws.com"]},"Action":"sts:AssumeRole"}`,
		"a provider":                     `{"Effect":"Allow","Principal":{"Federated":"arn:aws:iam::111122223333:oidc-provider/idp.example/a/b"},"Action":"sts:AssumeRoleWithWebIdentity"}`,
		"a provider in other spelling":   `{"Effect":"Allow","Principal":{"Federated":"arn:verenc:iam::111122223333:oidc-provider/idp.example:8443"},"Action":"STS:*"}`,
		"a certificate":                  `{"Effect":"Allow","Principal":{"Federated":"arn:aws:iam::111122223333:certificate/build-1"},"Action":"sts:AssumeRoleWithCertificate"}`,
		"a Deny of every action but one": `{"Effect":"Deny","Principal":"*","NotAction":"sts:AssumeRole"}`,
	} {
		if _, err := policy.ParseTrust(`{"Statement":`+statement+`}`, "aws"); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	for _, row := range []struct{ name, statement, says string }{
		{"no principal", `{"Effect":"Allow","Action":"sts:AssumeRole"}`, "has no Principal"},
		{"everyone but", `{"Effect":"Deny","NotPrincipal":"*","Action":"sts:AssumeRole"}`, "NotPrincipal"},
		{"a resource", `{"Effect":"Allow","Principal":"*","Action":"sts:AssumeRole","Resource":"*"}`, "resource"},
		{"every resource but", `{"Effect":"Allow","Principal":"*","Action":"sts:AssumeRole","NotResource":"*"}`, "resource"},
		{"no action", `{"Effect":"Allow","Principal":"*"}`, "has no Action"},
		{"an action of another service", `{"Effect":"Allow","Principal":"*","Action":["sts:AssumeRole","kms:*"]}`, `"kms:*"`},
		{"every action", `{"Effect":"Allow","Principal":"*","Action":"*"}`, `"*"`},
		{"every action of other services", `{"Effect":"Allow","Principal":"*","NotAction":"kms:*"}`, `"kms:*"`},
		{"a spaced Sid", `{"Sid":"a b","Effect":"Allow","Principal":"*","Action":"sts:AssumeRole"}`, "Sid"},
		{"a group", `{"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::111122223333:group/g"},"Action":"sts:AssumeRole"}`, `Invalid principal in policy: "AWS":"arn:aws:iam::111122223333:group/g"`},
		{"no ARN", `{"Effect":"Allow","Principal":{"AWS":"u"},"Action":"sts:AssumeRole"}`, `Invalid principal in policy: "AWS":"u"`},
		{"no service", `{"Effect":"Allow","Principal":{"Service":"*"},"Action":"sts:AssumeRole"}`, `"Service":"*"`},
		{"every provider", `{"Effect":"Allow","Principal":{"Federated":"*"},"Action":"sts:AssumeRoleWithWebIdentity"}`, `"Federated":"*"`},
		{"a provider with a wildcard", `{"Effect":"Allow","Principal":{"Federated":"arn:aws:iam::111122223333:oidc-provider/*"},"Action":"sts:AssumeRoleWithWebIdentity"}`, `"Federated"`},
		{"every certificate", `{"Effect":"Allow","Principal":{"Federated":"arn:aws:iam::111122223333:certificate/*"},"Action":"sts:AssumeRoleWithCertificate"}`, `"Federated"`},
		{"a provider of another kind", `{"Effect":"Allow","Principal":{"Federated":"arn:aws:iam::111122223333:saml-provider/p"},"Action":"sts:AssumeRoleWithSAML"}`, `"Federated"`},
		{"a provider of another partition", `{"Effect":"Allow","Principal":{"Federated":"arn:aws-cn:iam::111122223333:oidc-provider/a.example"},"Action":"sts:AssumeRoleWithWebIdentity"}`, `"Federated"`},
		{"a canonical user", `{"Effect":"Allow","Principal":{"CanonicalUser":"x"},"Action":"sts:AssumeRole"}`, `"CanonicalUser"`},
	} {
		t.Run(row.name, func(t *testing.T) {
			_, err := policy.ParseTrust(`{"Statement":`+row.statement+`}`, "aws")
			got, is := errors.AsType[*fault.Error](err)
			if !is || got.Code != fault.MalformedPolicy || !strings.Contains(got.Text, row.says) {
				t.Errorf("got %v, want %s that says %q", err, fault.MalformedPolicy, row.says)
			}
		})
	}
}

// Who may assume a role (access.md §2.4): the trust policy is to a role what its key policy is to a key.
func TestTrust(t *testing.T) {
	const (
		assumes  = `"Action":"sts:AssumeRole"`
		toHome   = `{"Effect":"Allow","Principal":{"AWS":"111122223333"},` + assumes + `}`
		toAway   = `{"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::444455556666:root"},` + assumes + `}`
		toUser   = `{"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::111122223333:user/team/u"},` + assumes + `}`
		toGuest  = `{"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::444455556666:user/v"},` + assumes + `}`
		toRole   = `{"Effect":"Allow","Principal":{"AWS":"` + roleARN + `"},` + assumes + `}`
		toThis   = `{"Effect":"Allow","Principal":{"AWS":"arn:aws:sts::111122223333:assumed-role/app/s1"},` + assumes + `}`
		toAll    = `{"Effect":"Allow","Principal":"*","Action":"sts:*"}`
		toRDS    = `{"Effect":"Allow","Principal":{"Service":"rds.amazonaws.com"},` + assumes + `}`
		toIdP    = `{"Effect":"Allow","Principal":{"Federated":"arn:aws:iam::111122223333:oidc-provider/idp.example/a"},"Action":"sts:AssumeRoleWithWebIdentity","Condition":{"StringEquals":{"idp.example/a:sub":"pod"}}}`
		toOther  = `{"Effect":"Allow","Principal":{"Federated":"arn:aws:iam::111122223333:oidc-provider/idp.example/b"},"Action":"sts:AssumeRoleWithWebIdentity"}`
		tags     = `{"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::111122223333:user/team/u"},"Action":"sts:TagSession"}`
		deny     = `{"Effect":"Deny","Principal":"*","Action":"sts:*"}`
		may      = `{"Effect":"Allow","Action":"sts:AssumeRole","Resource":"` + roleARN + `"}`
		elsewhat = `{"Effect":"Allow","Action":"sts:AssumeRole","Resource":"arn:aws:iam::111122223333:role/other"}`
		mayNot   = `{"Effect":"Deny","Action":"sts:AssumeRole","Resource":"*"}`
	)
	type side = []string
	for _, row := range []struct {
		name              string
		who               *policy.Principal
		action            string
		trust             string
		identity          side
		boundary, session string
		want              policy.Reason
	}{
		{"a user who is named needs no policy of theirs", user, "sts:AssumeRole", toUser, nil, "", "", policy.Allowed},
		{"… and is not limited", user, "sts:AssumeRole", toUser, nil, elsewhat, "", policy.Allowed},
		{"… but may be denied", user, "sts:AssumeRole", toUser, side{mayNot}, "", "", policy.ExplicitDeny},
		{"the account, and a policy of theirs", user, "sts:AssumeRole", toHome, side{may}, "", "", policy.Allowed},
		{"the account alone", user, "sts:AssumeRole", toHome, nil, "", "", policy.NoIdentityPolicy},
		{"the account, and a policy about another role", user, "sts:AssumeRole", toHome, side{elsewhat}, "", "", policy.NoIdentityPolicy},
		{"the account, beyond the boundary", user, "sts:AssumeRole", toHome, side{may}, elsewhat, "", policy.NoBoundary},
		{"a policy of theirs alone", user, "sts:AssumeRole", toAway, side{may}, "", "", policy.NoTrustPolicy},
		{"everyone", user, "sts:AssumeRole", toAll, nil, "", "", policy.Allowed},
		{"everyone, but denied", user, "sts:AssumeRole", toAll + "," + deny, nil, "", "", policy.ExplicitDeny},
		{"tags need their own permission", user, "sts:TagSession", toUser, nil, "", "", policy.NoTrustPolicy},
		{"… and have it", user, "sts:TagSession", toUser + "," + tags, nil, "", "", policy.Allowed},
		{"a session by its role", session, "sts:AssumeRole", toRole, nil, "", "", policy.Allowed},
		{"… within its policy only", session, "sts:AssumeRole", toRole, nil, "", elsewhat, policy.NoSessionPolicy},
		{"… and its boundary", session, "sts:AssumeRole", toRole, nil, elsewhat, "", policy.NoBoundary},
		{"a session that is named", session, "sts:AssumeRole", toThis, nil, elsewhat, elsewhat, policy.Allowed},
		{"the account's root user", rootUser, "sts:AssumeRole", toHome, nil, "", "", policy.Allowed},
		{"its own account is not enough", rootUser, "sts:AssumeRole", toUser, nil, "", "", policy.NoTrustPolicy},

		{"another account's user, both sides", awayUser, "sts:AssumeRole", toAway, side{may}, "", "", policy.Allowed},
		{"… by name, both sides", awayUser, "sts:AssumeRole", toGuest, side{may}, "", "", policy.Allowed},
		{"… by name alone", awayUser, "sts:AssumeRole", toGuest, nil, "", "", policy.OutsideTheAccount},
		{"… by everyone alone", awayUser, "sts:AssumeRole", toAll, nil, "", "", policy.OutsideTheAccount},
		{"… not trusted", awayUser, "sts:AssumeRole", toHome, side{may}, "", "", policy.OutsideTheAccount},
		{"… beyond the boundary", awayUser, "sts:AssumeRole", toGuest, side{may}, elsewhat, "", policy.OutsideTheAccount},
		{"… denied by the trust policy", awayUser, "sts:AssumeRole", toGuest + "," + deny, side{may}, "", "", policy.ExplicitDeny},

		{"a service that is named", service, "sts:AssumeRole", toRDS, nil, "", "", policy.Allowed},
		{"a service is not everyone", service, "sts:AssumeRole", toAll, nil, "", "", policy.NoTrustPolicy},
		{"a web identity of the provider", webIdentity, "sts:AssumeRoleWithWebIdentity", toIdP, nil, "", "", policy.Allowed},
		{"… is not one who assumes", webIdentity, "sts:AssumeRole", toIdP, nil, "", "", policy.NoTrustPolicy},
		{"… of another provider", webIdentity, "sts:AssumeRoleWithWebIdentity", toOther, nil, "", "", policy.NoTrustPolicy},
		{"… is not everyone", webIdentity, "sts:AssumeRoleWithWebIdentity", toAll, nil, "", "", policy.NoTrustPolicy},
		{"… is not of the account", webIdentity, "sts:AssumeRoleWithWebIdentity", strings.Replace(toHome, "AssumeRole", "*", 1), side{may}, "", "", policy.NoTrustPolicy},
		{"… is denied with everyone", webIdentity, "sts:AssumeRoleWithWebIdentity", toIdP + "," + deny, nil, "", "", policy.ExplicitDeny},
		{"a user is not the provider", with(user, func(p *policy.Principal) { p.ARN = webIdentity.ARN }), "sts:AssumeRoleWithWebIdentity", toIdP, nil, "", "", policy.NoTrustPolicy},
	} {
		t.Run(row.name, func(t *testing.T) {
			s := &policy.Sources{Trust: trustPolicy(t, row.trust)}
			for _, p := range row.identity {
				s.Identity = append(s.Identity, identityPolicy(t, p))
			}
			if row.boundary != "" {
				s.Boundary = identityPolicy(t, row.boundary)
			}
			if row.session != "" {
				s.Session = []*policy.Policy{identityPolicy(t, row.session)}
			}
			found := policy.Consult(assume(row.who, row.action, said{"idp.example/a:sub": {"pod"}}), s)
			for _, g := range []policy.Grant{policy.NoGrant, policy.GrantedOwn} { // there are no grants on roles
				got := found.Decide(g)
				if got.Reason != row.want || got.Allowed != (row.want == policy.Allowed) {
					t.Errorf("got %+v, want reason %d", got, row.want)
				}
				if from := got.By.Source; got.Allowed && from != policy.TrustPolicy {
					t.Errorf("it comes from %d, want the trust policy", from)
				}
			}
		})
	}
}

// A role's trust policy is not asked about a key, nor a key's policy about a role.
func TestTrustIsOfRoles(t *testing.T) {
	s := &policy.Sources{
		Key:   keyPolicy(t, `{"Effect":"Allow","Principal":"*","Action":"*","Resource":"*"}`),
		Trust: trustPolicy(t, `{"Effect":"Allow","Principal":"*","Action":"sts:*"}`),
	}
	if got := decide(ask(user, "sts:AssumeRole", nil), &policy.Sources{Trust: s.Trust}); got.Allowed {
		t.Errorf("a key by a trust policy: got %+v", got)
	}
	if got := decide(assume(user, "kms:Encrypt", nil), s); got.Allowed {
		t.Errorf("a role by a key policy: got %+v", got)
	}
	both := ask(user, "sts:AssumeRole", nil)
	both.Trust = true
	if got := decide(both, s); got.Allowed {
		t.Errorf("a key that is a role: got %+v", got)
	}
}
