package server_test

import (
	"testing"

	"qkms/internal/kmstest"
	"qkms/internal/op"
	"qkms/internal/record/recordpb"
)

// A key with more aliases than there may be, which a quota that was lowered leaves behind: what asks about them
// denies, an Allow and a Deny alike (access.md §5.1).
func TestAliasesBeyondTheirQuota(t *testing.T) {
	s := kmstest.With(t, kmstest.Options{Quota: op.Quota{AliasesPerKey: 2}})
	root := s.As(kmstest.Account)
	id := newKey(root)
	for _, name := range []string{"alias/a", "alias/b"} {
		root.Must("CreateAlias", map[string]string{"AliasName": name, "TargetKeyId": id})
	}
	user := func(name, effect, alias string) *kmstest.Client {
		return s.User(&recordpb.User{Name: name, Inline: []*recordpb.NamedPolicy{{Name: "p", Text: `{"Version":"2012-10-17","Statement":[
			{"Effect":"Allow","Action":"kms:DescribeKey","Resource":"*"},
			{"Effect":"` + effect + `","Action":"kms:DescribeKey","Resource":"*","Condition":{"ForAnyValue:StringEquals":{"kms:ResourceAliases":"` + alias + `"}}}]}`}}})
	}
	allow, deny := user("allow", "Allow", "alias/a"), user("deny", "Deny", "alias/other")
	for _, c := range []*kmstest.Client{allow, deny} {
		c.Must("DescribeKey", map[string]string{"KeyId": id})
	}
	s.Ops.Authz.Aliases = 1
	for name, c := range map[string]*kmstest.Client{"allow": allow, "deny": deny} {
		if r := c.Call("DescribeKey", map[string]string{"KeyId": id}); r.Code() != "AccessDeniedException" {
			t.Errorf("%s: got %d %s, want AccessDeniedException", name, r.Status, r.Raw)
		}
	}
}
