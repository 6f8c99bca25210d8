package policy_test

import (
	"testing"

	"qkms/internal/authz/policy"
)

// The rows of access.md §4.3: who is allowed by which side, and why not.
func TestDecisions(t *testing.T) {
	const (
		toHome   = `{"Effect":"Allow","Principal":{"AWS":"111122223333"},"Action":"kms:Encrypt","Resource":"*"}`
		toAway   = `{"Effect":"Allow","Principal":{"AWS":"444455556666"},"Action":"kms:Encrypt","Resource":"*"}`
		toUser   = `{"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::111122223333:user/team/u"},"Action":"kms:Encrypt","Resource":"*"}`
		toRole   = `{"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::111122223333:role/svc/app"},"Action":"kms:Encrypt","Resource":"*"}`
		toThis   = `{"Effect":"Allow","Principal":{"AWS":"arn:aws:sts::111122223333:assumed-role/app/s1"},"Action":"kms:Encrypt","Resource":"*"}`
		toAll    = `{"Effect":"Allow","Principal":"*","Action":"kms:Encrypt","Resource":"*"}`
		toBob    = `{"Effect":"Allow","Principal":{"AWS":"arn:aws:sts::111122223333:federated-user/bob"},"Action":"kms:Encrypt","Resource":"*"}`
		toWho    = `{"Effect":"Allow","Principal":"*","Action":"kms:Encrypt","Resource":"*","Condition":{"ArnEquals":{"aws:PrincipalArn":"` + roleARN + `"}}}`
		toSome   = `{"Effect":"Allow","Principal":{"AWS":"111122223333"},"Action":"kms:Encrypt","Resource":"*","Condition":{"ArnEquals":{"aws:PrincipalArn":"` + roleARN + `"}}}`
		denyNot  = `{"Effect":"Deny","Principal":"*","Action":"kms:*","Resource":"*","Condition":{"StringNotEquals":{"aws:PrincipalOrgID":"o-1"}}}`
		toRDS    = `{"Effect":"Allow","Principal":{"Service":"rds.amazonaws.com"},"Action":"kms:Encrypt","Resource":"*"}`
		describe = `{"Effect":"Allow","Principal":{"AWS":"111122223333"},"Action":"kms:Describe*","Resource":"*"}`
		deny     = `{"Effect":"Deny","Principal":"*","Action":"kms:Encrypt","Resource":"*"}`
		may      = `{"Effect":"Allow","Action":"kms:Encrypt","Resource":"*"}`
		mayNot   = `{"Effect":"Deny","Action":"kms:Encrypt","Resource":"*"}`
		silent   = `{"Effect":"Allow","Action":"kms:Sign","Resource":"*"}`
	)
	key := func(s string) func(*policy.Sources) { return func(x *policy.Sources) { x.Key = keyPolicy(t, s) } }
	id := func(s string) func(*policy.Sources) {
		return func(x *policy.Sources) { x.Identity = append(x.Identity, identityPolicy(t, s)) }
	}
	boundary := func(s string) func(*policy.Sources) {
		return func(x *policy.Sources) { x.Boundary = identityPolicy(t, s) }
	}
	limit := func(s string) func(*policy.Sources) {
		return func(x *policy.Sources) { x.Session = append(x.Session, identityPolicy(t, s)) }
	}
	type sources = []func(*policy.Sources)
	for _, row := range []struct {
		name    string
		who     *policy.Principal
		sources sources
		grant   policy.Grant
		want    policy.Reason
	}{
		{"root has what the key policy gives the account", rootUser, sources{key(toHome)}, 0, policy.Allowed},
		{"root has nothing of its own", rootUser, sources{key(toUser)}, 0, policy.NoKeyPolicy},
		{"root is not given what another is", rootUser, sources{key(toAway)}, 0, policy.NoKeyPolicy},
		{"root under everyone", rootUser, sources{key(toAll)}, 0, policy.Allowed},
		{"root through a grant", rootUser, sources{key(toUser)}, policy.Granted, policy.Allowed},
		{"root is denied like anybody", rootUser, sources{key(toHome + "," + deny)}, policy.Granted, policy.ExplicitDeny},
		{"a statement delegates its own actions only", rootUser, sources{key(describe)}, 0, policy.NoKeyPolicy},

		{"a user named needs no policy of theirs", user, sources{key(toUser)}, 0, policy.Allowed},
		{"a boundary does not limit who is named", user, sources{key(toUser), boundary(silent)}, 0, policy.Allowed},
		{"a Deny of theirs does", user, sources{key(toUser), id(mayNot)}, 0, policy.ExplicitDeny},
		{"a Deny of the boundary does", user, sources{key(toUser), boundary(mayNot)}, 0, policy.ExplicitDeny},
		{"delegated, and their policy allows", user, sources{key(toHome), id(silent), id(may)}, 0, policy.Allowed},
		{"delegated, and their policies say nothing", user, sources{key(toHome), id(silent)}, 0, policy.NoIdentityPolicy},
		{"delegated, beyond the boundary", user, sources{key(toHome), id(may), boundary(silent)}, 0, policy.NoBoundary},
		{"delegated, within the boundary", user, sources{key(toHome), id(may), boundary(may)}, 0, policy.Allowed},
		{"not delegated, their policy is void", user, sources{key(toRole), id(may)}, 0, policy.NoKeyPolicy},
		{"no key policy statement at all", user, sources{key(describe), id(may)}, 0, policy.NoKeyPolicy},
		{"a user under everyone", user, sources{key(toAll)}, 0, policy.Allowed},
		{"a user through a grant", user, sources{key(describe)}, policy.Granted, policy.Allowed},
		{"a grant within the boundary only", user, sources{key(describe), boundary(silent)}, policy.Granted, policy.NoBoundary},
		{"a grant is beaten by a Deny", user, sources{key(describe + "," + deny)}, policy.GrantedOwn, policy.ExplicitDeny},

		{"a session by its role", session, sources{key(toRole)}, 0, policy.Allowed},
		{"the session policy limits that", session, sources{key(toRole), limit(silent)}, 0, policy.NoSessionPolicy},
		{"the boundary limits that", session, sources{key(toRole), boundary(silent)}, 0, policy.NoBoundary},
		{"a session that is named has no limits", session, sources{key(toThis), limit(silent), boundary(silent)}, 0, policy.Allowed},
		{"a session beyond its policy, delegated", session, sources{key(toHome), id(may), limit(silent)}, 0, policy.NoSessionPolicy},
		{"of several session policies one must allow", session, sources{key(toHome), id(may), limit(silent), limit(may)}, 0, policy.Allowed},
		{"… but none does", session, sources{key(toHome), id(may), limit(silent), limit(silent)}, 0, policy.NoSessionPolicy},
		{"… and none denies", session, sources{key(toHome), id(may), limit(may), limit(mayNot)}, 0, policy.ExplicitDeny},
		{"a session policy gives nothing by itself", session, sources{key(toHome), limit(may)}, 0, policy.NoIdentityPolicy},
		{"a federated user who is named has no limits", federated, sources{key(toBob), limit(silent)}, 0, policy.Allowed},
		{"a federated user under everyone", federated, sources{key(toAll), limit(silent)}, 0, policy.Allowed},
		{"a federated user, delegated, within the session policy", federated, sources{key(toHome), id(may), limit(silent)}, 0, policy.NoSessionPolicy},
		{"everyone under a condition on who", session, sources{key(toWho), limit(silent), boundary(silent)}, 0, policy.Allowed},
		{"… which another does not meet", user, sources{key(toWho), id(may)}, 0, policy.NoKeyPolicy},
		{"conditions of the account's statement hold for whom it delegates to", user, sources{key(toSome), id(may)}, 0, policy.NoKeyPolicy},
		{"… and are met by one", session, sources{key(toSome), id(may)}, 0, policy.Allowed},
		{"a Deny whose key is absent denies", user, sources{key(toAll + "," + denyNot)}, 0, policy.ExplicitDeny},
		{"a web identity asks for no key", webIdentity, sources{key(toAll), id(may)}, policy.GrantedOwn, policy.UnknownPrincipal},

		{"another account's root, let in", awayRoot, sources{key(toAway)}, 0, policy.Allowed},
		{"another account's root, not let in", awayRoot, sources{key(toHome)}, 0, policy.OutsideTheAccount},
		{"another account's root under everyone", awayRoot, sources{key(toAll)}, 0, policy.Allowed},
		{"another account's root through a grant", awayRoot, sources{key(toHome)}, policy.Granted, policy.Allowed},
		{"another account's root, denied", awayRoot, sources{key(toAway + "," + deny)}, 0, policy.ExplicitDeny},
		{"another account's user needs both sides", awayUser, sources{key(toAway)}, 0, policy.OutsideTheAccount},
		{"… and has them", awayUser, sources{key(toAway), id(may)}, 0, policy.Allowed},
		{"another account's user under everyone still needs theirs", awayUser, sources{key(toAll)}, 0, policy.OutsideTheAccount},
		{"… beyond the boundary", awayUser, sources{key(toAll), id(may), boundary(silent)}, 0, policy.OutsideTheAccount},
		{"their own policy alone does not do", awayUser, sources{key(toHome), id(may)}, 0, policy.OutsideTheAccount},
		{"a grant of the key's account needs their policy", awayUser, sources{key(toHome)}, policy.Granted, policy.OutsideTheAccount},
		{"… which allows", awayUser, sources{key(toHome), id(may)}, policy.Granted, policy.Allowed},
		{"a grant that their own account made does not", awayUser, sources{key(toHome)}, policy.GrantedOwn, policy.Allowed},
		{"… but their boundary still holds", awayUser, sources{key(toHome), boundary(silent)}, policy.GrantedOwn, policy.OutsideTheAccount},

		{"a service that is named", service, sources{key(toRDS)}, 0, policy.Allowed},
		{"a service is not everyone", service, sources{key(toAll)}, 0, policy.NoKeyPolicy},
		{"a service through a grant", service, sources{key(toHome)}, policy.Granted, policy.Allowed},
		{"a kind that nobody knows", &policy.Principal{Account: home, ARN: rootUser.ARN}, sources{key(toAll), id(may)}, policy.GrantedOwn, policy.UnknownPrincipal},
	} {
		t.Run(row.name, func(t *testing.T) {
			var s policy.Sources
			for _, set := range row.sources {
				set(&s)
			}
			c := said{"aws:principalarn": {row.who.ARN}}
			if row.who.Role != "" {
				c["aws:principalarn"] = []string{row.who.Role}
			}
			found := policy.Consult(ask(row.who, "kms:Encrypt", c), &s)
			got := found.Decide(row.grant)
			if got.Reason != row.want || got.Allowed != (row.want == policy.Allowed) {
				t.Errorf("got %+v, want reason %d", got, row.want)
			}
		})
	}
}

// An action that only an account's own principals can do stays refused to others, whatever a key policy
// says; what is about no key is for identities alone.
func TestReachOfKeyPolicies(t *testing.T) {
	everything := keyPolicy(t, `{"Effect":"Allow","Principal":"*","Action":"*","Resource":"*"}`)
	inert := ask(awayRoot, "kms:DisableKey", nil)
	inert.CrossAccount = false
	if got := decide(inert, &policy.Sources{Key: everything}); got.Reason != policy.OutsideTheAccount {
		t.Errorf("an operation without other accounts: got %+v", got)
	}
	list := &policy.Question{Principal: user, Action: "kms:ListKeys", Resource: "*", Context: said{}}
	if got := decide(list, &policy.Sources{Key: everything}); got.Reason != policy.NoIdentityPolicy {
		t.Errorf("ListKeys by key policy: got %+v", got)
	}
	may, silent := identityPolicy(t, `{"Effect":"Allow","Action":"kms:List*","Resource":"*"}`), identityPolicy(t, `{"Effect":"Allow","Action":"s3:*","Resource":"*"}`)
	deny := identityPolicy(t, `{"Effect":"Deny","Action":"kms:*","Resource":"*"}`)
	of := func(all ...*policy.Policy) []*policy.Policy { return all }
	for _, row := range []struct {
		name    string
		sources policy.Sources
		want    policy.Reason
	}{
		{"by their policy", policy.Sources{Identity: of(silent, may)}, policy.Allowed},
		{"within the boundary", policy.Sources{Identity: of(may), Boundary: silent}, policy.NoBoundary},
		{"within the session policies", policy.Sources{Identity: of(may), Session: of(silent, silent)}, policy.NoSessionPolicy},
		{"denied by one", policy.Sources{Identity: of(may, deny)}, policy.ExplicitDeny},
		{"denied by the session policy", policy.Sources{Identity: of(may), Session: of(may, deny)}, policy.ExplicitDeny},
	} {
		if got := decide(list, &row.sources); got.Reason != row.want {
			t.Errorf("ListKeys %s: got %+v, want reason %d", row.name, got, row.want)
		}
	}
	list.Principal = rootUser
	if got := decide(list, &policy.Sources{}); !got.Allowed {
		t.Errorf("ListKeys by the root user: got %+v", got)
	}
}

// A decision names the statement it comes from.
func TestDecidingStatements(t *testing.T) {
	p := keyPolicy(t, `{"Sid":"other","Effect":"Allow","Principal":"*","Action":"kms:Sign","Resource":"*"},
		{"Sid":"this one","Effect":"Allow","Principal":"*","Action":"kms:Encrypt","Resource":"*"},
		{"Sid":"but","Effect":"Deny","Principal":{"AWS":"444455556666"},"Action":"kms:Encrypt","Resource":"*"}`)
	if got, want := decide(ask(user, "kms:Encrypt", nil), &policy.Sources{Key: p}).By, (policy.Ref{Source: policy.KeyPolicy, Statement: 1, Sid: "this one"}); got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
	if got, want := decide(ask(awayRoot, "kms:Encrypt", nil), &policy.Sources{Key: p}).By, (policy.Ref{Source: policy.KeyPolicy, Statement: 2, Sid: "but"}); got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
	p = keyPolicy(t, root+`,{"Sid":"him","Effect":"Allow","Principal":{"AWS":"arn:aws:iam::111122223333:user/team/u"},"Action":"kms:*","Resource":"*"}`)
	if got, want := decide(ask(user, "kms:Encrypt", nil), &policy.Sources{Key: p}).By, (policy.Ref{Source: policy.KeyPolicy, Statement: 1, Sid: "him"}); got != want {
		t.Errorf("the account is named before: got %+v, want %+v", got, want)
	}
	p = keyPolicy(t, `{"Sid":"him","Effect":"Allow","Principal":{"AWS":"arn:aws:iam::111122223333:user/team/u"},"Action":"kms:*","Resource":"*"},
		{"Sid":"all","Effect":"Allow","Principal":"*","Action":"kms:*","Resource":"*"}`)
	if got, want := decide(ask(user, "kms:Encrypt", nil), &policy.Sources{Key: p}).By, (policy.Ref{Source: policy.KeyPolicy, Sid: "him"}); got != want {
		t.Errorf("everyone is named behind: got %+v, want %+v", got, want)
	}
	other, denies := identityPolicy(t, `{"Effect":"Allow","Action":"kms:Sign","Resource":"*"}`),
		identityPolicy(t, `{"Effect":"Allow","Action":"kms:*","Resource":"*"},{"Sid":"no","Effect":"Deny","Action":"kms:En*","Resource":"*"}`)
	for _, row := range []struct {
		sources policy.Sources
		want    policy.Ref
	}{
		{policy.Sources{Key: p, Identity: []*policy.Policy{other, other, denies}}, policy.Ref{Source: policy.IdentityPolicy, Policy: 2, Statement: 1, Sid: "no"}},
		{policy.Sources{Key: p, Session: []*policy.Policy{other, denies}}, policy.Ref{Source: policy.SessionPolicy, Policy: 1, Statement: 1, Sid: "no"}},
	} {
		if got := decide(ask(session, "kms:Encrypt", nil), &row.sources).By; got != row.want {
			t.Errorf("got %+v, want %+v", got, row.want)
		}
	}
}
