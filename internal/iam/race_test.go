package iam_test

import (
	"fmt"
	"net/http"
	"sync"
	"testing"

	"qkms/internal/kmstest"
)

// atOnce calls each at the same time and returns what they answered.
func atOnce(each ...func() *kmstest.Reply) []*kmstest.Reply {
	replies := make([]*kmstest.Reply, len(each))
	var wg sync.WaitGroup
	for i, f := range each {
		wg.Go(func() { replies[i] = f() })
	}
	wg.Wait()
	return replies
}

// A policy that is given to somebody while it is being deleted is either gone, or theirs.
func TestAttachWhileDeleting(t *testing.T) {
	root := kmstest.New(t).As(account)
	root.MustIAM("CreateUser", "UserName", "alice")
	root.MustIAM("CreateGroup", "GroupName", "team")
	for i := range 20 {
		p := root.MustIAM("CreatePolicy", "PolicyName", fmt.Sprintf("p%d", i), "PolicyDocument", anyKMS).Text("Arn")
		r := atOnce(
			func() *kmstest.Reply { return root.IAM("AttachUserPolicy", "UserName", "alice", "PolicyArn", p) },
			func() *kmstest.Reply { return root.IAM("DeletePolicy", "PolicyArn", p) },
			func() *kmstest.Reply { return root.IAM("AttachGroupPolicy", "GroupName", "team", "PolicyArn", p) },
		)
		deleted := r[1].Status == http.StatusOK
		for _, attach := range []*kmstest.Reply{r[0], r[2]} {
			if deleted == (attach.Status == http.StatusOK) {
				t.Errorf("got %s and %s", attach.Raw, r[1].Raw)
			}
		}
		if !deleted {
			root.MustIAM("DetachUserPolicy", "UserName", "alice", "PolicyArn", p)
			root.MustIAM("DetachGroupPolicy", "GroupName", "team", "PolicyArn", p)
		}
	}
}

// A boundary that is deleted while it is being given to somebody would leave them without a decision.
func TestLimitWhileDeleting(t *testing.T) {
	root := kmstest.New(t).As(account)
	root.MustIAM("CreateUser", "UserName", "alice")
	for i := range 20 {
		p := root.MustIAM("CreatePolicy", "PolicyName", fmt.Sprintf("p%d", i), "PolicyDocument", anyKMS).Text("Arn")
		r := atOnce(
			func() *kmstest.Reply {
				return root.IAM("PutUserPermissionsBoundary", "UserName", "alice", "PermissionsBoundary", p)
			},
			func() *kmstest.Reply { return root.IAM("DeletePolicy", "PolicyArn", p) },
		)
		if (r[0].Status == http.StatusOK) == (r[1].Status == http.StatusOK) {
			t.Errorf("got %s and %s", r[0].Raw, r[1].Raw)
		}
		if r[0].Status == http.StatusOK {
			root.MustIAM("DeleteUserPermissionsBoundary", "UserName", "alice")
		}
	}
}

// However many are asked for at once, a user has two access keys.
func TestAccessKeysAtOnce(t *testing.T) {
	root := kmstest.New(t).As(account)
	root.MustIAM("CreateUser", "UserName", "alice")
	create := func() *kmstest.Reply { return root.IAM("CreateAccessKey", "UserName", "alice") }
	made := 0
	for _, r := range atOnce(create, create, create, create) {
		if r.Status == http.StatusOK {
			made++
		}
	}
	if made != 2 || len(root.MustIAM("ListAccessKeys", "UserName", "alice").Texts("AccessKeyId")) != 2 {
		t.Errorf("got %d access keys, want 2", made)
	}
}

// Somebody who joins a group while it is being deleted is in no group that is not there.
func TestJoinWhileDeleting(t *testing.T) {
	root := kmstest.New(t).As(account)
	root.MustIAM("CreateUser", "UserName", "alice")
	for i := range 20 {
		g := fmt.Sprintf("g%d", i)
		root.MustIAM("CreateGroup", "GroupName", g)
		r := atOnce(
			func() *kmstest.Reply { return root.IAM("AddUserToGroup", "GroupName", g, "UserName", "alice") },
			func() *kmstest.Reply { return root.IAM("DeleteGroup", "GroupName", g) },
		)
		if (r[0].Status == http.StatusOK) == (r[1].Status == http.StatusOK) {
			t.Errorf("got %s and %s", r[0].Raw, r[1].Raw)
		}
		if r[0].Status == http.StatusOK {
			root.MustIAM("RemoveUserFromGroup", "GroupName", g, "UserName", "alice")
		}
	}
}

// Who has lost a name does not come back with what somebody else was writing.
func TestRecreateWhileWriting(t *testing.T) {
	root := kmstest.New(t).As(account)
	for range 20 {
		first := root.MustIAM("CreateUser", "UserName", "alice").Text("UserId")
		var second string
		atOnce(
			func() *kmstest.Reply { return root.IAM("UpdateUser", "UserName", "alice", "NewPath", "/x/") },
			func() *kmstest.Reply {
				root.IAM("DeleteUser", "UserName", "alice")
				r := root.IAM("CreateUser", "UserName", "alice")
				second = r.Text("UserId")
				return r
			},
		)
		if got := root.MustIAM("GetUser", "UserName", "alice").Text("UserId"); got != second || got == first {
			t.Errorf("got %s, want %s and not %s", got, second, first)
		}
		root.MustIAM("DeleteUser", "UserName", "alice")
	}
}
