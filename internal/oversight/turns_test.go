package oversight_test

import (
	"testing"

	"qkms/internal/kmstest"
)

// While two long operations of an account go on there is no third, and what others ask for is done all the same.
func TestTurns(t *testing.T) {
	s := with(t)
	root := s.As(kmstest.Account)
	key := root.Must("CreateKey", `{}`).String("KeyMetadata.KeyId")
	long := map[string][]string{
		"LookupEvents": nil, "ExplainKeyUse": {"KeyId", key},
		"ExplainAuthorization": {"Principal", "root", "ActionName", "kms:Decrypt", "KeyId", key},
		"PreviewKeyPolicy":     {"KeyId", key, "Policy", policy(toAccount)},
	}
	for range 2 {
		if !s.Turns.Take(kmstest.Account) {
			t.Fatal("a turn of two is not to be had")
		}
	}
	for action, parameters := range long {
		wantRefusal(t, root, action, "ThrottlingException", "Rate exceeded", parameters...)
	}
	if r := s.As(other).Query("qkms", "LookupEvents"); r.Status != 200 {
		t.Errorf("another account: got %d %s", r.Status, r.Raw)
	}
	s.Turns.Leave(kmstest.Account)
	for action, parameters := range long {
		for range 2 { // each gives its turn back
			if r := root.Query("qkms", action, parameters...); r.Status != 200 {
				t.Errorf("%s: got %d %s", action, r.Status, r.Raw)
			}
		}
	}
}
