package server_test

import (
	"testing"

	"qkms/internal/kmstest"
	"qkms/internal/record/recordpb"
)

// Every parameter makes another grant of the same name, and the same parameters never do.
func TestGrantNames(t *testing.T) {
	root := withAlice(t).As(kmstest.Account)
	id, other := newKey(root), newKey(root)
	subset := func(k, v string) map[string]any {
		return map[string]any{"EncryptionContextSubset": map[string]string{k: v}}
	}
	seen := map[string]string{}
	for _, row := range []struct {
		name string
		body map[string]any
	}{
		{"plain", aGrant(id, map[string]any{"Name": "n"})},
		{"another name", aGrant(id, map[string]any{"Name": "N"})},
		{"another key", aGrant(other, map[string]any{"Name": "n"})},
		{"another grantee", aGrant(id, map[string]any{"Name": "n", "GranteePrincipal": alice + "2"})},
		{"a retiring principal", aGrant(id, map[string]any{"Name": "n", "RetiringPrincipal": alice})},
		{"other operations", aGrant(id, map[string]any{"Name": "n", "Operations": []string{"DescribeKey", "Decrypt"}})},
		{"a constraint", aGrant(id, map[string]any{"Name": "n", "Constraints": subset("a", "b")})},
		{"the same in other places", aGrant(id, map[string]any{"Name": "n", "Constraints": subset("ab", "")})},
		{"the other kind", aGrant(id, map[string]any{"Name": "n", "Constraints": map[string]any{"EncryptionContextEquals": map[string]string{"a": "b"}}})},
		{"a source", aGrant(id, map[string]any{"Name": "n", "Constraints": map[string]any{"SourceArn": "arn:aws:s3:::some-bucket"}})},
	} {
		first, again := root.Must("CreateGrant", row.body), root.Must("CreateGrant", row.body)
		grant := first.String("GrantId")
		if again.String("GrantId") != grant || again.String("GrantToken") == first.String("GrantToken") {
			t.Errorf("%s: said again: got %s after %s, want the same grant and another token", row.name, again.Raw, first.Raw)
		}
		if was := seen[grant]; was != "" {
			t.Errorf("%s: got the grant of %s", row.name, was)
		}
		seen[grant] = row.name
	}
	if got, _ := pages(root, "ListGrants", map[string]any{"KeyId": id}); len(got) != len(seen)-1 {
		t.Errorf("got %d grants on the key, want %d", len(got), len(seen)-1)
	}
}

// The name of a grant to somebody who is gone gives a new grant to who has their name now, not the former one,
// which nobody can use.
func TestGrantNamesOfThoseMadeAnew(t *testing.T) {
	s := withAlice(t)
	root := s.As(kmstest.Account)
	id := newKey(root)
	for _, row := range []struct {
		name string
		body map[string]any
	}{
		{"grantee", aGrant(id, map[string]any{"Name": "n"})},
		{"retiring principal", aGrant(id, map[string]any{"Name": "n", "GranteePrincipal": alice + "2", "RetiringPrincipal": alice})},
	} {
		former := root.Must("CreateGrant", row.body).String("GrantId")
		anew := s.User(&recordpb.User{Name: "alice"})
		if got := root.Must("CreateGrant", row.body).String("GrantId"); got == former {
			t.Errorf("%s made anew: got the former grant, want another", row.name)
		}
		if row.name == "grantee" {
			anew.Must("DescribeKey", map[string]any{"KeyId": id})
		}
	}
}
