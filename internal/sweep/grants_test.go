package sweep_test

import (
	"bytes"
	"context"
	"fmt"
	"testing"
	"time"

	"qkms/internal/kmstest"
	"qkms/internal/record"
	"qkms/internal/store"
)

// A deleted key takes its grants along, with every record that leads to them, also when the sweep was
// interrupted; the grants of another key stay.
func TestGrantsGoWithTheirKey(t *testing.T) {
	s := kmstest.New(t)
	s.Exists("user/a", "user/b")
	root := s.As(kmstest.Account)
	newKey := func() string { return root.Must("CreateKey", `{}`).String("KeyMetadata.KeyId") }
	grant := func(id string, i int) string {
		return root.Must("CreateGrant", fmt.Sprintf(`{"KeyId":"%s","Name":"n%d","GranteePrincipal":"arn:aws:iam::%[3]s:user/a","RetiringPrincipal":"arn:aws:iam::%[3]s:user/b","Operations":["Decrypt"]}`, id, i, kmstest.Account)).String("GrantId")
	}
	id, other := newKey(), newKey()
	kept := grant(other, 0)
	var first string
	for i := range 60 {
		first = grant(id, i)
	}
	root.Must("ScheduleKeyDeletion", fmt.Sprintf(`{"KeyId":"%s","PendingWindowInDays":7}`, id))
	s.Clock.Advance(8 * 24 * time.Hour)

	k, err := s.Resolver.Stored(context.Background(), kmstest.Account, kmstest.Region, id)
	if err != nil {
		t.Fatal(err)
	}
	g, _, err := s.Resolver.Grant(context.Background(), k, first)
	if err != nil {
		t.Fatal(err)
	}
	half := k.Edit() // as a process leaves it that ends between two commits
	half.Gone = true
	c := s.Book.Change()
	c.Replace(k.Record(), k.Ver, half)
	c.Discard(record.OfGrant(g.Account, g.Region, g.KeyId, g.Id))
	for _, ref := range s.Book.GrantIndex(g) {
		c.Discard(ref)
	}
	if err := s.Book.Commit(context.Background(), c, "", nil); err != nil {
		t.Fatal(err)
	}
	s.Restart()
	s.Sweep()

	for _, r := range everything(t, s) {
		if bytes.Contains(r.Key, []byte(id)) {
			t.Errorf("got a record %q left", r.Key)
		}
	}
	got := s.As(kmstest.Account).Must("ListRetirableGrants", fmt.Sprintf(`{"RetiringPrincipal":"arn:aws:iam::%s:user/b"}`, kmstest.Account))
	if grants := got.Fields["Grants"].([]any); len(grants) != 1 || grants[0].(map[string]any)["GrantId"] != kept {
		t.Errorf("got %s, want the other key's grant", got.Raw)
	}
}

func everything(t *testing.T, s *kmstest.Server) (all []store.Record) {
	t.Helper()
	for from := []byte(nil); ; {
		page, more, err := s.Engine.List(context.Background(), from, nil, store.MaxList)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, page...)
		if !more {
			return all
		}
		from = append(page[len(page)-1].Key, 0)
	}
}
