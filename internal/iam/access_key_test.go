package iam_test

import (
	"strings"
	"testing"

	"qkms/internal/kmstest"
)

func TestAccessKeys(t *testing.T) {
	s := kmstest.New(t)
	root := s.As(account)
	alice := s.NewUser(account, "alice", anyKMS)
	like(t, root.MustIAM("ListAccessKeys", "UserName", "alice"), "AccessKeyId", `^AKIA[A-Z2-7]{16}$`)
	has(t, root.MustIAM("GetAccessKeyLastUsed", "AccessKeyId", alice.AccessKeyID), "ServiceName", "N/A")
	alice.Must("ListKeys", "{}")
	used := root.MustIAM("GetAccessKeyLastUsed", "AccessKeyId", alice.AccessKeyID)
	has(t, used, "ServiceName", "kms")
	has(t, used, "Region", kmstest.Region)
	has(t, used, "UserName", "alice")
	has(t, used, "LastUsedDate", s.Clock.Now().Format("2006-01-02T15:04:05Z"))

	other := root.MustIAM("CreateAccessKey", "UserName", "alice")
	want(t, root.IAM("CreateAccessKey", "UserName", "alice"), "LimitExceeded", "Cannot exceed quota for AccessKeysPerUser: 2")
	want(t, root.IAM("DeleteUser", "UserName", "alice"), "DeleteConflict", "Cannot delete entity, must delete access keys first.")

	root.MustIAM("UpdateAccessKey", "UserName", "alice", "AccessKeyId", alice.AccessKeyID, "Status", "Inactive")
	if r := alice.Call("ListKeys", "{}"); r.Code() != "UnrecognizedClientException" {
		t.Errorf("an inactive key: got %d %s", r.Status, r.Raw)
	}
	root.MustIAM("UpdateAccessKey", "UserName", "alice", "AccessKeyId", alice.AccessKeyID, "Status", "Active")
	alice.Must("ListKeys", "{}")

	root.MustIAM("CreateUser", "UserName", "bob")
	want(t, root.IAM("DeleteAccessKey", "UserName", "bob", "AccessKeyId", alice.AccessKeyID), "NoSuchEntity", "The Access Key with id "+alice.AccessKeyID+" cannot be found.")
	want(t, root.IAM("DeleteAccessKey", "AccessKeyId", alice.AccessKeyID), "NoSuchEntity", "The Access Key with id "+alice.AccessKeyID+" cannot be found.")
	want(t, s.As("444455556666").IAM("GetAccessKeyLastUsed", "AccessKeyId", alice.AccessKeyID), "NoSuchEntity", "The Access Key with id "+alice.AccessKeyID+" cannot be found.")
	root.MustIAM("DeleteAccessKey", "UserName", "alice", "AccessKeyId", alice.AccessKeyID)
	if r := alice.Call("ListKeys", "{}"); r.Code() != "UnrecognizedClientException" {
		t.Errorf("a deleted key: got %d %s", r.Status, r.Raw)
	}
	has(t, root.MustIAM("ListAccessKeys", "UserName", "alice"), "AccessKeyId", other.Text("AccessKeyId"))

	// An operator takes it away from outside.
	change, err := s.AccessKeys.Delete(t.Context(), other.Text("AccessKeyId"))
	if err == nil {
		err = s.Book.Commit(t.Context(), change, "", nil)
	}
	if err != nil {
		t.Fatal(err)
	}
	has(t, root.MustIAM("ListAccessKeys", "UserName", "alice"), "AccessKeyId")

	// The root user's own.
	has(t, root.MustIAM("ListAccessKeys"), "AccessKeyId", root.AccessKeyID)
	second := root.MustIAM("CreateAccessKey")
	want(t, root.IAM("CreateAccessKey"), "LimitExceeded", "Cannot exceed quota for AccessKeysPerUser: 2")
	root.MustIAM("DeleteAccessKey", "AccessKeyId", second.Text("AccessKeyId"))

	for _, e := range s.Records() {
		for _, secret := range []string{alice.Secret, other.Text("SecretAccessKey"), second.Text("SecretAccessKey")} {
			if strings.Contains(string(e.Line), secret) {
				t.Errorf("a secret is recorded: %s", e.Line)
			}
		}
	}
}
