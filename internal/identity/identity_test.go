package identity_test

import (
	"slices"
	"testing"

	"qkms/internal/identity"
	"qkms/internal/kmstest"
	"qkms/internal/record"
	"qkms/internal/record/recordpb"
)

const statement = `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"kms:ListKeys","Resource":"*"}}`

func named(names ...string) (all []*recordpb.NamedPolicy) {
	for _, n := range names {
		all = append(all, &recordpb.NamedPolicy{Name: n, Text: statement})
	}
	return all
}

type fixture struct {
	*kmstest.Server
	t *testing.T
}

func (f fixture) managed(name string, number uint32) {
	f.t.Helper()
	at := record.OfManagedPolicy(kmstest.Account, name)
	_, ver, err := record.Read[recordpb.ManagedPolicy](f.t.Context(), f.Book, at)
	if err != nil {
		f.t.Fatal(err)
	}
	c := f.Book.Change()
	c.Replace(at, ver, &recordpb.ManagedPolicy{
		Account: kmstest.Account, Name: name, Path: "/", Id: identity.NewID("ANPA"), Default: number,
		Versions: []*recordpb.PolicyVersion{{Number: number, Text: statement}},
	})
	f.commit(c)
}

func (f fixture) group(name string, inline ...string) {
	f.t.Helper()
	at := record.OfGroup(kmstest.Account, name)
	_, ver, err := record.Read[recordpb.Group](f.t.Context(), f.Book, at)
	if err != nil {
		f.t.Fatal(err)
	}
	c := f.Book.Change()
	c.Replace(at, ver, &recordpb.Group{Account: kmstest.Account, Name: name, Path: "/", Id: identity.NewID("AGPA"), Inline: named(inline...)})
	f.commit(c)
}

func (f fixture) commit(c *record.Change) {
	f.t.Helper()
	if err := f.Book.Commit(f.t.Context(), c, "", nil); err != nil {
		f.t.Fatal(err)
	}
}

// What an identity may do follows every change of a policy that others share with it, and is the same object
// as long as nothing changes: what was put together once is not put together for each request.
func TestPoliciesFollowTheirParts(t *testing.T) {
	f := fixture{kmstest.New(t), t}
	const arn = "arn:aws:iam::" + kmstest.Account + ":policy/shared"
	f.managed("shared", 1)
	f.group("ops", "of-ops")
	f.User(&recordpb.User{
		Name: "alice", Inline: named("own"), Attached: []string{arn, "arn:aws:iam::aws:policy/IAMReadOnlyAccess"}, Groups: []string{"ops"}, Boundary: arn,
	})
	policies := func() *identity.Policies {
		t.Helper()
		u, err := f.Identities.User(t.Context(), kmstest.Account, "alice")
		if err != nil {
			t.Fatal(err)
		}
		p, err := f.Identities.PoliciesOf(t.Context(), u)
		if err != nil {
			t.Fatal(err)
		}
		return p
	}
	names := func(p *identity.Policies) (all []string) {
		for _, o := range p.Origins {
			all = append(all, o.Of+o.ARN+" "+o.Name)
		}
		return all
	}
	first := policies()
	want := []string{"user/alice own", arn + " shared", "arn:aws:iam::aws:policy/IAMReadOnlyAccess IAMReadOnlyAccess", "group/ops of-ops"}
	if got := names(first); !slices.Equal(got, want) || first.BoundaryARN != arn || first.Boundary == nil || len(first.Identity) != len(want) {
		t.Errorf("got %q and boundary %q, want %q and %q", got, first.BoundaryARN, want, arn)
	}
	if policies() != first {
		t.Error("put together again although nothing changed")
	}
	f.managed("shared", 2)
	second := policies()
	if second == first || second.Boundary == first.Boundary || second.Identity[1] == first.Identity[1] {
		t.Error("a managed policy that changed is still the one before")
	}
	f.group("ops", "of-ops", "more")
	if got := names(policies()); len(got) != len(want)+1 {
		t.Errorf("got %q, want what its group has now too", got)
	}
	gone := f.Book.Change()
	gone.Remove(record.OfManagedPolicy(kmstest.Account, "shared"), 2)
	f.commit(gone)
	u, _ := f.Identities.User(t.Context(), kmstest.Account, "alice")
	if p, err := f.Identities.PoliciesOf(t.Context(), u); err == nil {
		t.Errorf("a policy that is gone, and might have denied: got %q, want an error", names(p))
	}
}

// A name finds the identity that has exactly that name; an ARN only the one that has its path too.
func TestNames(t *testing.T) {
	s := kmstest.New(t)
	s.Exists("user/people/Alice", "role/apps/reader")
	for name, known := range map[string]bool{"Alice": true, "alice": false, "Bob": false} {
		u, err := s.Identities.User(t.Context(), kmstest.Account, name)
		if err != nil || (u != nil) != known {
			t.Errorf("%s: got %v, %v, want known: %t", name, u, err, known)
		}
	}
	const iam, sts = "arn:aws:iam::" + kmstest.Account + ":", "arn:aws:sts::" + kmstest.Account + ":"
	for arn, want := range map[string]struct{ bound, known bool }{
		iam + "user/people/Alice":                        {true, true},
		"arn:verenc:iam::111122223333:user/people/Alice": {true, true},
		iam + "user/Alice":                               {},
		iam + "user/people/alice":                        {},
		iam + "role/apps/reader":                         {true, true},
		iam + "role/reader":                              {},
		sts + "assumed-role/reader/any":                  {true, true},
		sts + "assumed-role/writer/any":                  {},
		iam + "root":                                     {false, true},
		sts + "federated-user/x":                         {false, true},
		iam + "group/people/Alice":                       {},
		"AIDAAAAAAAAAAAAAAAAAA":                          {},
	} {
		id, known, err := s.Identities.Bind(t.Context(), arn)
		if err != nil || (id != "") != want.bound || known != want.known {
			t.Errorf("%s: got %q, %t, %v, want bound: %t, known: %t", arn, id, known, err, want.bound, want.known)
		}
	}
}

func TestNewIDIsNeverGivenTwice(t *testing.T) {
	seen := map[string]bool{}
	for range 1000 {
		id := identity.NewID("AIDA")
		if len(id) != 21 || seen[id] {
			t.Fatalf("got %q", id)
		}
		seen[id] = true
	}
}
