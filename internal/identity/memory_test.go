package identity_test

import (
	"strings"
	"testing"

	"qkms/internal/authz/policy"
	"qkms/internal/identity"
	"qkms/internal/kmstest"
	"qkms/internal/record/recordpb"
)

// Policies that are large when compiled count as what they then take, whoever's they are.
func TestPoliciesAreCounted(t *testing.T) {
	f := fixture{kmstest.New(t), t}
	stars := `"Condition":{"ArnLike":{"x:k":[` + strings.TrimSuffix(strings.Repeat(`"*",`, 500), ",") + `]}}}}`
	inline := `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"*","Resource":"*",` + stars
	trust := `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"sts:AssumeRole","Principal":{"AWS":"` + kmstest.Account + `"},` + stars
	f.User(&recordpb.User{Name: "alice", Inline: []*recordpb.NamedPolicy{{Name: "one", Text: inline}, {Name: "two", Text: inline}}})
	f.Role(&recordpb.Role{Name: "app", Trust: trust, Inline: []*recordpb.NamedPolicy{{Name: "one", Text: inline}}})
	doc, err := policy.ParseIdentity(inline, "aws")
	if err != nil {
		t.Fatal(err)
	}
	one := doc.Compile().MemorySize()
	if one < 30*int64(len(inline)) {
		t.Fatalf("a policy of %d bytes is counted as %d", len(inline), one)
	}
	for _, of := range []struct {
		name string
		read func() (any, error)
	}{
		{"user", func() (any, error) { return f.Identities.User(t.Context(), kmstest.Account, "alice") }},
		{"role", func() (any, error) { return f.Identities.Role(t.Context(), kmstest.Account, "app") }},
	} {
		before := f.Book.Budget().Used()
		who, err := of.read()
		if u, _ := who.(*identity.User); err != nil || of.name == "user" && u == nil {
			t.Fatal(of.name, who, err)
		}
		if got := f.Book.Budget().Used() - before; got < 2*one-one/10 || got > 2*one+16<<10 {
			t.Errorf("%s: counted as %d with two policies of %d", of.name, got, one)
		}
	}
}
