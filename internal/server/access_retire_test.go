package server_test

import (
	"testing"

	"qkms/internal/kmstest"
)

// RetireGrant is by the grant (access.md §6.6): by whom it names, and by the policies of identities of the
// accounts it concerns. No key policy gives it or takes it away.
func TestRetireGrantAccess(t *testing.T) {
	t.Parallel()
	a := newAccess(t)
	const retire = "kms:RetireGrant"
	thisKey := func(s *scene) []fields { return []fields{allow(retire, s.on["key"])} }
	refusing := func(s *scene) []fields { return []fields{allow("kms:*", "*"), deny(retire, s.on["key"])} }
	nothing := func(*scene) []fields { return nil }
	for _, row := range []struct {
		name    string
		account string
		own     func(s *scene) []fields   // its own policy
		grant   func(arn string) fields   // more of the grant
		key     func(arn string) []fields // more of the key policy
		why     string                    // empty: it may
	}{
		{name: "the owner's account, by policy", own: thisKey},
		{name: "the owner's account, without", own: nothing, why: unsaid("identity-based policy", "RetireGrant")},
		{name: "a key policy alone", own: nothing, key: func(arn string) []fields { return []fields{by(arn, allow(retire, "*"))} }, why: unsaid("identity-based policy", "RetireGrant")},
		{name: "a Deny in the key policy", own: thisKey, key: func(arn string) []fields { return []fields{by(arn, deny(retire, "*"))} }},
		{name: "a Deny of its own", own: refusing, grant: retiredBy, why: explicitly + "an identity-based policy"},
		{name: "the retiring principal", own: nothing, grant: retiredBy},
		{name: "the grantee of RetireGrant", own: nothing, grant: grantedTo("RetireGrant")},
		{name: "the grantee of something else", own: nothing, grant: grantedTo("Decrypt"), why: unsaid("identity-based policy", "RetireGrant")},
		{name: "another account's retiring principal, without policy", account: outside, own: nothing, grant: retiredBy, why: unsaid("identity-based policy", "RetireGrant")},
		{name: "another account's retiring principal, by policy", account: outside, own: thisKey, grant: retiredBy},
		{name: "another account's grantee, by policy", account: outside, own: thisKey, grant: grantedTo("RetireGrant")},
		{name: "another account that it does not concern", account: outside, own: thisKey, why: notHere},
		{name: "another account named by the key policy", account: outside, own: thisKey, key: func(arn string) []fields { return []fields{by(arn, allow("kms:*", "*"))} }, why: notHere},
	} {
		t.Run(row.name, func(t *testing.T) {
			a := *a
			a.t = t
			account := orAccount(row.account)
			s := a.stage(&permission{request: special, demands: "RetireGrant × key"}, "")
			user, arn := a.user(account, row.own(s))
			if row.key != nil {
				a.keyPolicy(s, "key", append(row.key(arn), open())...)
			}
			made := fields{"KeyId": s.on["key"], "GranteePrincipal": alice, "Operations": []string{"Decrypt"}}
			if row.grant != nil {
				for name, v := range row.grant(arn) {
					made[name] = v
				}
			}
			s.body["GrantId"] = a.root.Must("CreateGrant", made).String("GrantId")
			a.unknown(nil, s)
			if row.why == "" {
				a.succeeds(row.name, user, s)
				return
			}
			a.refused(row.name, a.call(user, s), arn, "RetireGrant", "this resource", row.why)
		})
	}
	s := a.stage(&permission{request: special, demands: "RetireGrant × key"}, "")
	s.body["GrantId"] = a.root.Must("CreateGrant", body("CreateGrant", s.on["key"], "", "")).String("GrantId")
	a.succeeds("root user", a.root, s)
	a.recorded()
}

func retiredBy(arn string) fields { return fields{"RetiringPrincipal": arn} }

func grantedTo(operation string) func(arn string) fields {
	return func(arn string) fields { return fields{"GranteePrincipal": arn, "Operations": []string{operation}} }
}

func orAccount(account string) string {
	if account == "" {
		return kmstest.Account
	}
	return account
}
