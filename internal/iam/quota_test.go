package iam_test

import (
	"fmt"
	"testing"

	"qkms/internal/kmstest"
	"qkms/internal/record"
	"qkms/internal/record/recordpb"
)

// One account cannot fill the store with identities: it may have as many as AWS lets it, and others go on.
func TestIdentitiesPerAccount(t *testing.T) {
	s := kmstest.New(t)
	root := s.As(kmstest.Account)
	for i := range 300 {
		c := s.Book.Change()
		name := fmt.Sprint("g", i)
		c.Insert(record.OfGroup(kmstest.Account, name), &recordpb.Group{Account: kmstest.Account, Name: name, Path: "/", Id: "AGPA" + name})
		if err := s.Book.Commit(t.Context(), c, "", nil); err != nil {
			t.Fatal(err)
		}
	}
	r := root.IAM("CreateGroup", "GroupName", "one-more")
	if r.Status != 409 || r.Text("Code") != "LimitExceeded" || r.Text("Message") != "Cannot exceed quota for GroupsPerAccount: 300" {
		t.Errorf("got %d %s, want LimitExceeded", r.Status, r.Raw)
	}
	s.As("444455556666").MustIAM("CreateGroup", "GroupName", "one-more")
	root.MustIAM("DeleteGroup", "GroupName", "g7")
	root.MustIAM("CreateGroup", "GroupName", "one-more")
}
