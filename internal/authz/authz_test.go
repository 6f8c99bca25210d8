package authz_test

import (
	"errors"
	"testing"

	"qkms/internal/authn"
	"qkms/internal/authz"
	"qkms/internal/fault"
	"qkms/internal/key"
	"qkms/internal/record/recordpb"
)

const owner, issuer, other = "111122223333", "444455556666", "777788889999"

func root(account string) *authn.Caller {
	return &authn.Caller{Kind: authn.KindRoot, Account: account, ARN: authn.RootARN("aws", account)}
}

// Who may retire a grant is said by the grant and by whose the key is (access.md §6.6).
func TestRetire(t *testing.T) {
	user := root(owner)
	user.Kind = "IAMUser"
	plain := func(*recordpb.Grant) {}
	for _, row := range []struct {
		name   string
		caller *authn.Caller
		change func(*recordpb.Grant)
		want   bool
	}{
		{"the account that owns the key", root(owner), plain, true},
		{"the account that issued the grant", root(issuer), plain, true},
		{"anybody else", root(other), plain, false},
		{"a kind of caller without rights, of the right account", user, plain, false},
		{"the retiring principal", root(other), func(g *recordpb.Grant) { g.Retiring = authn.RootARN("aws", other) }, true},
		{"the account of the retiring principal", root(other), func(g *recordpb.Grant) { g.Retiring = "arn:aws:iam::" + other + ":user/x" }, false},
		{"the grantee", root(other), func(g *recordpb.Grant) { g.Grantee = authn.RootARN("aws", other) }, false},
		{"the grantee of RetireGrant", root(other), func(g *recordpb.Grant) {
			g.Grantee, g.Operations = authn.RootARN("aws", other), append(g.Operations, "RetireGrant")
		}, true},
		{"another than the grantee of RetireGrant", root(other), func(g *recordpb.Grant) { g.Operations = append(g.Operations, "RetireGrant") }, false},
	} {
		t.Run(row.name, func(t *testing.T) {
			g := &recordpb.Grant{Account: owner, IssuingAccount: issuer, Grantee: "arn:aws:iam::" + owner + ":user/x", Operations: []string{"Decrypt"}}
			row.change(g)
			k := &key.Key{Key: &recordpb.Key{Account: owner}}
			need := key.Need{Action: "kms:RetireGrant", Grant: &key.Grant{Found: g}, CrossAccount: true}
			req := &authz.Request{Caller: row.caller}
			err := authz.Rules{Naming: key.Naming{Partition: "aws"}}.Check(t.Context(), req, []key.Need{need}, []*key.Key{k})
			denied, _ := errors.AsType[*fault.Error](err)
			if row.want && err != nil || !row.want && (denied == nil || denied.Code != fault.AccessDenied) {
				t.Errorf("got %v, want allowed: %t", err, row.want)
			}
			// Whether there is such a grant is learned by nobody who may not retire it.
			need.Grant = &key.Grant{}
			missing := authz.Rules{}.Check(t.Context(), req, []key.Need{need}, []*key.Key{nil})
			if missing == nil || denied != nil && missing.Error() != denied.Error() {
				t.Errorf("no such grant: got %v, want %v", missing, err)
			}
		})
	}
}
