package iam_test

import (
	"fmt"
	"net/url"
	"slices"
	"strings"
	"testing"

	"qkms/internal/kmstest"
)

func TestManagedPolicies(t *testing.T) {
	root := kmstest.New(t).As(account)
	made := root.MustIAM("CreatePolicy", "PolicyName", "keys", "Path", "/x/", "PolicyDocument", anyKMS, "Description", "d")
	p := made.Text("Arn")
	has(t, made, "Arn", arn("policy/x/keys"))
	has(t, made, "DefaultVersionId", "v1")
	like(t, made, "PolicyId", `^ANPA[A-Z2-7]{17}$`)
	want(t, root.IAM("CreatePolicy", "PolicyName", "KEYS", "PolicyDocument", anyKMS), "EntityAlreadyExists",
		"A policy called KEYS already exists. Duplicate names are not allowed.")
	want(t, root.IAM("CreatePolicy", "PolicyName", "big", "PolicyDocument", strings.Replace(anyKMS, `"kms:*"`, `["kms:*"`+strings.Repeat(`,"kms:Decrypt"`, 500)+`]`, 1)),
		"LimitExceeded", "Cannot exceed quota for PolicySize: 6144")
	want(t, root.IAM("GetPolicy", "PolicyArn", arn("policy/keys")), "NoSuchEntity", "Policy "+arn("policy/keys")+" was not found.")
	want(t, root.IAM("GetPolicy", "PolicyArn", arn("user/keys")+"aaa"), "InvalidInput", "ARN "+arn("user/keys")+"aaa is not valid.")

	want(t, root.IAM("CreatePolicyVersion", "PolicyArn", p, "PolicyDocument", "{}"), "MalformedPolicyDocument", "Policy is not well-formed: it has no Statement")
	has(t, root.MustIAM("CreatePolicyVersion", "PolicyArn", p, "PolicyDocument", allowIAM), "VersionId", "v2")
	has(t, root.MustIAM("ListPolicyVersions", "PolicyArn", p), "VersionId", "v2", "v1")
	got := root.MustIAM("GetPolicyVersion", "PolicyArn", p, "VersionId", "v2")
	if text, err := url.PathUnescape(got.Text("Document")); err != nil || text != allowIAM {
		t.Errorf("got %q, %v", text, err)
	}
	has(t, got, "IsDefaultVersion", "false")
	want(t, root.IAM("GetPolicyVersion", "PolicyArn", p, "VersionId", "v9"), "NoSuchEntity", "Policy "+p+" version v9 does not exist or is not attachable.")
	want(t, root.IAM("DeletePolicyVersion", "PolicyArn", p, "VersionId", "v1"), "DeleteConflict", "Cannot delete the default version of a policy.")
	root.MustIAM("SetDefaultPolicyVersion", "PolicyArn", p, "VersionId", "v2")
	has(t, root.MustIAM("GetPolicy", "PolicyArn", p), "DefaultVersionId", "v2")
	want(t, root.IAM("DeletePolicy", "PolicyArn", p), "DeleteConflict",
		"This policy has more than one version. Before you delete a policy, you must delete the policy's versions. The default version is deleted with the policy.")
	root.MustIAM("DeletePolicyVersion", "PolicyArn", p, "VersionId", "v1")
	for range 4 {
		root.MustIAM("CreatePolicyVersion", "PolicyArn", p, "PolicyDocument", anyKMS, "SetAsDefault", "true")
	}
	want(t, root.IAM("CreatePolicyVersion", "PolicyArn", p, "PolicyDocument", anyKMS), "LimitExceeded",
		"A managed policy can have up to 5 versions. Before you create a new version, you must delete an existing version.")
	has(t, root.MustIAM("ListPolicyVersions", "PolicyArn", p), "VersionId", "v6", "v5", "v4", "v3", "v2")

	has(t, root.MustIAM("ListPolicies", "Scope", "Local"), "PolicyName", "keys")
	if got := root.MustIAM("ListPolicies", "Scope", "AWS").Texts("PolicyName"); !slices.Contains(got, "IAMFullAccess") || slices.Contains(got, "keys") {
		t.Errorf("got %q of AWS's", got)
	}
	has(t, root.MustIAM("ListPolicies", "OnlyAttached", "true"), "PolicyName")
	const admin = "arn:aws:iam::aws:policy/AdministratorAccess"
	has(t, root.MustIAM("GetPolicy", "PolicyArn", admin), "Arn", admin)
	want(t, root.IAM("DeletePolicy", "PolicyArn", admin), "AccessDenied", "Policy "+admin+" is managed by AWS and cannot be changed.")
	want(t, root.IAM("CreatePolicyVersion", "PolicyArn", admin, "PolicyDocument", anyKMS), "AccessDenied", "Policy "+admin+" is managed by AWS and cannot be changed.")
	want(t, root.IAM("TagPolicy", "PolicyArn", admin, "Tags.member.1.Key", "a", "Tags.member.1.Value", ""), "AccessDenied", "Policy "+admin+" is managed by AWS and cannot be changed.")
}

// Users, groups and roles have managed policies, inline ones, boundaries and tags in the same way.
func TestPoliciesOfEntities(t *testing.T) {
	root := kmstest.New(t).As(account)
	root.MustIAM("CreateUser", "UserName", "it")
	root.MustIAM("CreateGroup", "GroupName", "it")
	root.MustIAM("CreateRole", "RoleName", "it", "AssumeRolePolicyDocument", anyone)
	p := root.MustIAM("CreatePolicy", "PolicyName", "p", "PolicyDocument", anyKMS).Text("Arn")
	const ofAWS = "arn:aws:iam::aws:policy/IAMReadOnlyAccess"
	for _, row := range []struct {
		noun, attached string
		inline         int
	}{{"User", "ListAttachedUserPolicies", 2048}, {"Group", "ListAttachedGroupPolicies", 5120}, {"Role", "ListAttachedRolePolicies", 10240}} {
		t.Run(row.noun, func(t *testing.T) {
			name := row.noun + "Name"
			lower := strings.ToLower(row.noun)
			put, get, list, remove := "Put"+row.noun+"Policy", "Get"+row.noun+"Policy", "List"+row.noun+"Policies", "Delete"+row.noun+"Policy"
			attach, detach := "Attach"+row.noun+"Policy", "Detach"+row.noun+"Policy"

			root.MustIAM(attach, name, "it", "PolicyArn", p)
			root.MustIAM(attach, name, "it", "PolicyArn", p) // again is fine
			root.MustIAM(attach, name, "it", "PolicyArn", ofAWS)
			has(t, root.MustIAM(row.attached, name, "it"), "PolicyArn", p, ofAWS)
			has(t, root.MustIAM(row.attached, name, "it", "PathPrefix", "/none/"), "PolicyArn")
			has(t, root.MustIAM("ListEntitiesForPolicy", "PolicyArn", ofAWS), name, "it")
			has(t, root.MustIAM("ListEntitiesForPolicy", "PolicyArn", p, "EntityFilter", row.noun), name, "it")
			has(t, root.MustIAM("GetPolicy", "PolicyArn", p), "AttachmentCount", "1")
			want(t, root.IAM("DeletePolicy", "PolicyArn", p), "DeleteConflict", "Cannot delete a policy attached to entities.")
			want(t, root.IAM("Delete"+row.noun, name, "it"), "DeleteConflict", "Cannot delete entity, must detach all policies first.")
			want(t, root.IAM(attach, name, "it", "PolicyArn", p+"x"), "NoSuchEntity", "Policy "+p+"x does not exist or is not attachable.")
			want(t, root.IAM(attach, name, "other", "PolicyArn", p), "NoSuchEntity", "The "+lower+" with name other cannot be found.")
			root.MustIAM(detach, name, "it", "PolicyArn", p)
			root.MustIAM(detach, name, "it", "PolicyArn", ofAWS)
			want(t, root.IAM(detach, name, "it", "PolicyArn", p), "NoSuchEntity", "Policy "+p+" was not found.")

			root.MustIAM(put, name, "it", "PolicyName", "two", "PolicyDocument", anyKMS)
			root.MustIAM(put, name, "it", "PolicyName", "one", "PolicyDocument", anyKMS)
			root.MustIAM(put, name, "it", "PolicyName", "one", "PolicyDocument", allowIAM)
			has(t, root.MustIAM(list, name, "it"), "member", "one", "two")
			got := root.MustIAM(get, name, "it", "PolicyName", "one")
			has(t, got, name, "it")
			if text, err := url.PathUnescape(got.Text("PolicyDocument")); err != nil || text != allowIAM {
				t.Errorf("got %q, %v", text, err)
			}
			want(t, root.IAM(put, name, "it", "PolicyName", "bad", "PolicyDocument", anyone), "MalformedPolicyDocument",
				"Policy is not well-formed: statement 1 names a principal, which an identity policy does not")
			long := strings.Replace(anyKMS, `"kms:*"`, `["kms:*"`+strings.Repeat(`,"kms:Decrypt"`, row.inline/14)+`]`, 1)
			want(t, root.IAM(put, name, "it", "PolicyName", "long", "PolicyDocument", long), "LimitExceeded",
				fmt.Sprintf("Maximum policy size of %d bytes exceeded for %s it", row.inline, lower))
			root.MustIAM(put, name, "it", "PolicyName", "spaced", "PolicyDocument", anyKMS+strings.Repeat(" ", row.inline))
			want(t, root.IAM("Delete"+row.noun, name, "it"), "DeleteConflict", "Cannot delete entity, must delete policies first.")
			for _, n := range []string{"one", "two", "spaced"} {
				root.MustIAM(remove, name, "it", "PolicyName", n)
			}
			want(t, root.IAM(remove, name, "it", "PolicyName", "one"), "NoSuchEntity", "The "+lower+" policy with name one cannot be found.")
			want(t, root.IAM(get, name, "it", "PolicyName", "one"), "NoSuchEntity", "The "+lower+" policy with name one cannot be found.")
			if row.noun != "Group" {
				boundaries(t, root, row.noun, p)
				tags(t, root, row.noun, name, "it")
			}
			for i := range 11 {
				q := root.MustIAM("CreatePolicy", "PolicyName", fmt.Sprint(row.noun, i), "PolicyDocument", anyKMS).Text("Arn")
				if i < 10 {
					root.MustIAM(attach, name, "it", "PolicyArn", q)
				} else {
					want(t, root.IAM(attach, name, "it", "PolicyArn", q), "LimitExceeded", "Cannot exceed quota for PoliciesPer"+row.noun+": 10")
				}
			}
		})
	}
	tags(t, root, "Policy", "PolicyArn", p)
}

func boundaries(t *testing.T, root *kmstest.Client, noun, p string) {
	t.Helper()
	name := noun + "Name"
	put, remove := "Put"+noun+"PermissionsBoundary", "Delete"+noun+"PermissionsBoundary"
	want(t, root.IAM(put, name, "it", "PermissionsBoundary", p+"x"), "NoSuchEntity", "Scope ARN: "+p+"x does not exist or is not attachable.")
	root.MustIAM(put, name, "it", "PermissionsBoundary", p)
	root.MustIAM(put, name, "it", "PermissionsBoundary", "arn:aws:iam::aws:policy/AdministratorAccess")
	root.MustIAM(put, name, "it", "PermissionsBoundary", p)
	has(t, root.MustIAM("Get"+noun, name, "it"), "PermissionsBoundaryArn", p)
	has(t, root.MustIAM("ListEntitiesForPolicy", "PolicyArn", p, "PolicyUsageFilter", "PermissionsBoundary"), name, "it")
	has(t, root.MustIAM("ListPolicies", "PolicyUsageFilter", "PermissionsBoundary"), "PolicyName", "p")
	want(t, root.IAM("DeletePolicy", "PolicyArn", p), "DeleteConflict", "Cannot delete a policy attached to entities.")
	root.MustIAM(remove, name, "it")
	if r := root.IAM(remove, name, "it"); r.Code() != "NoSuchEntity" {
		t.Errorf("got %d %s", r.Status, r.Raw)
	}
	has(t, root.MustIAM("GetPolicy", "PolicyArn", p), "PermissionsBoundaryUsageCount", "0")
}

func tags(t *testing.T, root *kmstest.Client, noun, name, value string) {
	t.Helper()
	tag := func(pairs ...string) *kmstest.Reply {
		parameters := []string{name, value}
		for i := 0; i < len(pairs); i += 2 {
			parameters = append(parameters, fmt.Sprintf("Tags.member.%d.Key", i/2+1), pairs[i], fmt.Sprintf("Tags.member.%d.Value", i/2+1), pairs[i+1])
		}
		return root.IAM("Tag"+noun, parameters...)
	}
	want(t, tag("b", "1", "a", "2"), "", "")
	want(t, tag("B", "3"), "", "")
	has(t, root.MustIAM("List"+noun+"Tags", name, value), "Key", "B", "a")
	has(t, root.MustIAM("List"+noun+"Tags", name, value), "Value", "3", "2")
	want(t, tag("x", "1", "X", "2"), "InvalidInput", "Duplicate tag keys found. Please note that Tag keys are case insensitive.")
	want(t, tag("aws:x", "1"), "InvalidInput", "Tag keys starting with 'aws:' are reserved for system use.")
	var many []string
	for i := range 49 {
		many = append(many, fmt.Sprintf("k%d", i), "")
	}
	quota := map[string]string{"User": "TagsPerUser", "Role": "TagsPerRole", "Policy": "TagsPerPolicy", "OpenIDConnectProvider": "TagsPerOpenIdConnectProvider"}[noun]
	want(t, tag(many...), "LimitExceeded", "Cannot exceed quota for "+quota+": 50")
	root.MustIAM("Untag"+noun, name, value, "TagKeys.member.1", "b", "TagKeys.member.2", "none")
	has(t, root.MustIAM("List"+noun+"Tags", name, value), "Key", "a")
}
