package policy_test

import (
	"slices"
	"strings"
	"testing"

	"qkms/internal/authz/policy"
)

const (
	otherUserID = "AIDAANOTHERANOTHERUS"
	otherRoleID = "AROAANOTHERANOTHERRO"
)

func with(p *policy.Principal, change func(*policy.Principal)) *policy.Principal {
	c := *p
	change(&c)
	return &c
}

// Whom an entry means that was bound when the policy was saved (access.md §2.2). Each row is one entry under
// each effect and element: whether the statement is about who asks.
func TestBoundEntries(t *testing.T) {
	const (
		toUser    = "arn:aws:iam::111122223333:user/team/u"
		toRole    = roleARN
		toSession = "arn:aws:sts::111122223333:assumed-role/app/s1"
	)
	all := map[string]string{toUser: userID, toRole: roleID, toSession: roleID}
	anew := func(id string) func(*policy.Principal) { return func(p *policy.Principal) { p.ID = id } }
	renamed := with(user, func(p *policy.Principal) { p.ARN = "arn:aws:iam::111122223333:user/team/renamed" })
	another := with(session, func(p *policy.Principal) { p.ARN = "arn:aws:sts::111122223333:assumed-role/app/s2" })
	nameless := anew("")
	for _, row := range []struct {
		name, entry string
		ids         map[string]string
		who         *policy.Principal
		means       bool
		leftOut     bool // by a NotPrincipal that allows: also by name
	}{
		{"the user", toUser, all, user, true, true},
		{"the user by another name", toUser, all, renamed, true, true},
		{"another user of the name", toUser, all, with(user, anew(otherUserID)), false, true},
		{"a user of the name without an id", toUser, all, with(user, nameless), false, true},
		{"a user that there was not", toUser, nil, user, false, true},
		{"… without an id", toUser, nil, with(user, nameless), false, true},
		{"a user bound to the id of a role", toUser, map[string]string{toUser: roleID}, session, false, false},
		{"in the other spelling", "arn:verenc:iam::111122223333:user/team/u", all, user, true, true},
		{"a session of the role", toRole, all, another, true, true},
		{"a session of another role of the name", toRole, all, with(session, anew(otherRoleID)), false, true},
		{"a role that there was not", toRole, map[string]string{toUser: userID}, session, false, true},
		{"the session", toSession, all, session, true, true},
		{"another session of the role", toSession, all, another, false, false},
		{"the session of another role of the name", toSession, all, with(session, anew(otherRoleID)), false, true},
		{"a session of a role that there was not", toSession, nil, session, false, true},
		{"a federated user is bound to nothing", federated.ARN, nil, federated, true, true},
		{"an account is bound to nothing", home, nil, user, true, true},
		{"an account by its root user", rootUser.ARN, nil, rootUser, true, true},
		{"everyone", "*", nil, awayUser, true, true},
		{"the id of the user, who lives", userID, all, user, false, false},
		{"the id of the role", roleID, all, session, false, false},
	} {
		t.Run(row.name, func(t *testing.T) {
			for element, want := range map[string]bool{
				`"Deny","Principal"`: row.means, `"Deny","NotPrincipal"`: !row.means,
				`"Allow","Principal"`: row.means, `"Allow","NotPrincipal"`: !row.leftOut,
			} {
				d, err := policy.Parse(`{"Statement":{"Effect":`+element+`:{"AWS":["`+row.entry+`"]},"Action":"kms:*","Resource":"*"}}`, "aws")
				if err != nil {
					t.Fatal(err)
				}
				q := ask(row.who, "kms:Encrypt", nil)
				var got bool
				if strings.HasPrefix(element, `"Deny`) {
					got = decide(q, &policy.Sources{Key: d.Bind(row.ids)}).Reason == policy.ExplicitDeny
				} else {
					yes := identityPolicy(t, `{"Effect":"Allow","Action":"*","Resource":"*"}`)
					got = decide(q, &policy.Sources{Key: d.Bind(row.ids), Identity: []*policy.Policy{yes}}).Allowed
				}
				if got != want {
					t.Errorf("%s: got %t, want %t", element, got, want)
				}
			}
		})
	}
}

func TestPrincipals(t *testing.T) {
	const text = `{"Statement":[
		{"Effect":"Allow","Principal":{"AWS":["*","111122223333","arn:aws:iam::111122223333:root","arn:verenc:iam::111122223333:user/u","AIDAEXAMPLEEXAMPLEUS"],"Service":"a.example","Federated":"x"},"Action":"kms:*","Resource":"*"},
		{"Effect":"Deny","NotPrincipal":{"AWS":"arn:aws:iam::111122223333:role/a/r"},"Action":"kms:*","Resource":"*"},
		{"Effect":"Deny","NotPrincipal":{"AWS":["arn:aws:iam::111122223333:user/u","arn:aws:sts::111122223333:assumed-role/r/s","arn:aws:sts::111122223333:federated-user/f"]},"Action":"kms:*","Resource":"*"},
		{"Effect":"Deny","Principal":"*"}]}`
	d, err := policy.Parse(text, "aws")
	if err != nil {
		t.Fatal(err)
	}
	want := []string{
		"arn:aws:iam::111122223333:user/u", "AIDAEXAMPLEEXAMPLEUS", "arn:aws:iam::111122223333:role/a/r",
		"arn:aws:sts::111122223333:assumed-role/r/s", "arn:aws:sts::111122223333:federated-user/f",
	}
	if got := d.Principals(); !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}

	was := d.Format()
	gone := d.Replace(map[string]string{"arn:aws:iam::111122223333:user/u": "AIDAGONEGONEGONEGONE", "arn:aws:iam::111122223333:role/a/r": "AROAGONEGONEGONEGONE", "*": "AIDAGONEGONEGONEGONE"})
	want = []string{
		"AIDAGONEGONEGONEGONE", "AIDAEXAMPLEEXAMPLEUS", "AROAGONEGONEGONEGONE",
		"arn:aws:sts::111122223333:assumed-role/r/s", "arn:aws:sts::111122223333:federated-user/f",
	}
	if got := gone.Principals(); !slices.Equal(got, want) {
		t.Errorf("replaced: got %q, want %q", got, want)
	}
	if d.Format() != was {
		t.Errorf("the document changed: got %s, want %s", d.Format(), was)
	}
	shown := strings.NewReplacer("arn:verenc:iam::111122223333:user/u", "AIDAGONEGONEGONEGONE", "arn:aws:iam::111122223333:user/u", "AIDAGONEGONEGONEGONE",
		"arn:aws:iam::111122223333:role/a/r", "AROAGONEGONEGONEGONE").Replace(was)
	if gone.Format() != shown {
		t.Errorf("replaced: got %s, want %s", gone.Format(), shown)
	}
	if got := d.Replace(nil).Format(); got != was {
		t.Errorf("nothing replaced: got %s, want %s", got, was)
	}
}
