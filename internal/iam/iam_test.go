package iam_test

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"

	"qkms/internal/audit"
	"qkms/internal/fault"
	"qkms/internal/iam"
	"qkms/internal/kmstest"
	"qkms/internal/record/recordpb"
)

const (
	account = kmstest.Account

	// anyKMS is a policy of an identity, anyone a trust policy.
	anyKMS   = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"kms:*","Resource":"*"}]}`
	allowIAM = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"iam:*","Resource":"*"}]}`
	anyone   = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::111122223333:root"},"Action":"sts:AssumeRole"}]}`
)

func arn(rest string) string { return "arn:aws:iam::" + account + ":" + rest }

// want fails the test unless a reply is a refusal, or with an empty code a success.
func want(t *testing.T, r *kmstest.Reply, code, message string) {
	t.Helper()
	if r.Code() != code || r.Message() != message {
		t.Errorf("got %d %s %q, want %s %q", r.Status, r.Code(), r.Message(), code, message)
	}
}

// has fails the test unless the elements of an answer with this name are those.
func has(t *testing.T, r *kmstest.Reply, name string, values ...string) {
	t.Helper()
	if got := r.Texts(name); r.Status != 200 || !slices.Equal(got, values) {
		t.Errorf("got %d %s %q, want %q in %s", r.Status, name, got, values, r.Raw)
	}
}

// like fails the test unless each element of an answer with this name matches.
func like(t *testing.T, r *kmstest.Reply, name, pattern string) {
	t.Helper()
	if got := r.Text(name); !regexp.MustCompile(pattern).MatchString(got) {
		t.Errorf("got %s %q, want it to match %s", name, got, pattern)
	}
}

func TestUsers(t *testing.T) {
	root := kmstest.New(t).As(account)
	made := root.MustIAM("CreateUser", "UserName", "Alice", "Path", "/staff/", "Tags.member.1.Key", "Dept", "Tags.member.1.Value", "x y")
	has(t, made, "Arn", arn("user/staff/Alice"))
	has(t, made, "Path", "/staff/")
	like(t, made, "UserId", `^AIDA[A-Z2-7]{17}$`)
	like(t, made, "CreateDate", `^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$`)
	got := root.MustIAM("GetUser", "UserName", "Alice")
	has(t, got, "UserId", made.Text("UserId"))
	has(t, got, "Value", "x y")

	want(t, root.IAM("CreateUser", "UserName", "alice"), "EntityAlreadyExists", "User with name alice already exists.")
	want(t, root.IAM("GetUser", "UserName", "alice"), "NoSuchEntity", "The user with name alice cannot be found.")
	want(t, root.IAM("CreateUser", "UserName", "a/b"), "ValidationError",
		"The specified value for userName is invalid. It must contain only alphanumeric characters and/or the following: +=,.@_-")
	want(t, root.IAM("CreateUser", "UserName", "b", "Path", "b"), "ValidationError",
		"The specified value for path is invalid. It must begin and end with / and contain only alphanumeric characters and/or / characters.")
	want(t, root.IAM("CreateUser"), "ValidationError",
		"1 validation error detected: Value null at 'userName' failed to satisfy constraint: Member must not be null")

	has(t, root.MustIAM("GetUser"), "Arn", arn("root"))
	root.MustIAM("CreateUser", "UserName", "bob")
	has(t, root.MustIAM("ListUsers"), "UserName", "Alice", "bob")
	has(t, root.MustIAM("ListUsers", "PathPrefix", "/staff"), "UserName", "Alice")
	want(t, root.IAM("UpdateUser", "UserName", "bob", "NewUserName", "ALICE"), "EntityAlreadyExists", "User with name ALICE already exists.")
	root.MustIAM("UpdateUser", "UserName", "Alice", "NewUserName", "ALICE", "NewPath", "/")
	has(t, root.MustIAM("GetUser", "UserName", "ALICE"), "Arn", arn("user/ALICE"))
	has(t, root.MustIAM("GetUser", "UserName", "ALICE"), "UserId", made.Text("UserId"))
	root.MustIAM("DeleteUser", "UserName", "ALICE")
	want(t, root.IAM("DeleteUser", "UserName", "ALICE"), "NoSuchEntity", "The user with name ALICE cannot be found.")

	again := root.MustIAM("CreateUser", "UserName", "Alice")
	if again.Text("UserId") == made.Text("UserId") {
		t.Error("the next user of the name has the unique id of the former one")
	}
}

// What is listed under a name goes with it.
func TestRename(t *testing.T) {
	s := kmstest.New(t)
	root := s.As(account)
	alice := s.NewUser(account, "alice", anyKMS)
	root.MustIAM("CreateGroup", "GroupName", "team")
	root.MustIAM("AddUserToGroup", "GroupName", "team", "UserName", "alice")
	p := root.MustIAM("CreatePolicy", "PolicyName", "p", "PolicyDocument", allowIAM).Text("Arn")
	root.MustIAM("AttachUserPolicy", "UserName", "alice", "PolicyArn", p)
	root.MustIAM("AttachGroupPolicy", "GroupName", "team", "PolicyArn", p)
	root.MustIAM("PutUserPermissionsBoundary", "UserName", "alice", "PermissionsBoundary", p)

	root.MustIAM("UpdateUser", "UserName", "alice", "NewUserName", "carol")
	root.MustIAM("UpdateGroup", "GroupName", "team", "NewGroupName", "Crew", "NewPath", "/a/")
	has(t, root.MustIAM("GetGroup", "GroupName", "Crew"), "UserName", "carol")
	has(t, root.MustIAM("ListGroupsForUser", "UserName", "carol"), "Arn", arn("group/a/Crew"))
	has(t, root.MustIAM("ListEntitiesForPolicy", "PolicyArn", p, "PolicyUsageFilter", "PermissionsPolicy"), "UserName", "carol")
	has(t, root.MustIAM("ListEntitiesForPolicy", "PolicyArn", p), "GroupName", "Crew")
	has(t, root.MustIAM("GetPolicy", "PolicyArn", p), "PermissionsBoundaryUsageCount", "1")
	has(t, root.MustIAM("ListAccessKeys", "UserName", "carol"), "AccessKeyId", alice.AccessKeyID)
	has(t, alice.MustIAM("GetUser"), "Arn", arn("user/carol"))

	root.MustIAM("UpdateGroup", "GroupName", "Crew", "NewGroupName", "CREW")
	has(t, root.MustIAM("ListGroupsForUser", "UserName", "carol"), "GroupName", "CREW")
	root.MustIAM("RemoveUserFromGroup", "GroupName", "CREW", "UserName", "carol")
	root.MustIAM("DetachUserPolicy", "UserName", "carol", "PolicyArn", p)
	root.MustIAM("DetachGroupPolicy", "GroupName", "CREW", "PolicyArn", p)
	root.MustIAM("DeleteUserPermissionsBoundary", "UserName", "carol")
	root.MustIAM("DeleteGroup", "GroupName", "CREW")
	root.MustIAM("DeletePolicy", "PolicyArn", p)
}

func TestGroups(t *testing.T) {
	root := kmstest.New(t).As(account)
	made := root.MustIAM("CreateGroup", "GroupName", "team")
	like(t, made, "GroupId", `^AGPA[A-Z2-7]{17}$`)
	want(t, root.IAM("CreateGroup", "GroupName", "TEAM"), "EntityAlreadyExists", "Group with name TEAM already exists.")
	want(t, root.IAM("GetGroup", "GroupName", "crew"), "NoSuchEntity", "The group with name crew cannot be found.")
	want(t, root.IAM("AddUserToGroup", "GroupName", "team", "UserName", "alice"), "NoSuchEntity", "The user with name alice cannot be found.")
	has(t, root.MustIAM("GetGroup", "GroupName", "team"), "UserName")

	root.MustIAM("CreateUser", "UserName", "alice")
	root.MustIAM("AddUserToGroup", "GroupName", "team", "UserName", "alice")
	root.MustIAM("AddUserToGroup", "GroupName", "team", "UserName", "alice") // again is fine
	want(t, root.IAM("DeleteGroup", "GroupName", "team"), "DeleteConflict", "Cannot delete entity, must remove users from group first.")
	want(t, root.IAM("DeleteUser", "UserName", "alice"), "DeleteConflict", "Cannot delete entity, must remove users from group first.")
	for i := range 9 {
		name := fmt.Sprintf("g%d", i)
		root.MustIAM("CreateGroup", "GroupName", name, "Path", "/more/")
		root.MustIAM("AddUserToGroup", "GroupName", name, "UserName", "alice")
	}
	root.MustIAM("CreateGroup", "GroupName", "last")
	want(t, root.IAM("AddUserToGroup", "GroupName", "last", "UserName", "alice"), "LimitExceeded", "Cannot exceed quota for GroupsPerUser: 10")
	has(t, root.MustIAM("ListGroups", "PathPrefix", "/more/", "MaxItems", "2"), "GroupName", "g0", "g1")
	want(t, root.IAM("RemoveUserFromGroup", "GroupName", "last", "UserName", "alice"), "NoSuchEntity",
		"The user with name alice is not a member of the group with name last.")

	for i := range 21 {
		name := fmt.Sprintf("u%d", i)
		root.MustIAM("CreateUser", "UserName", name)
		root.MustIAM("AddUserToGroup", "GroupName", "last", "UserName", name)
		if i == 19 {
			root.MustIAM("UpdateGroup", "GroupName", "last", "NewGroupName", "first")
			root.MustIAM("UpdateGroup", "GroupName", "first", "NewGroupName", "last")
		}
	}
	want(t, root.IAM("UpdateGroup", "GroupName", "last", "NewGroupName", "first"), "LimitExceeded",
		"The group with name last has too many users and policies to be renamed: make another one.")
}

func TestRoles(t *testing.T) {
	root := kmstest.New(t).As(account)
	role := func(trust string) *kmstest.Reply {
		return root.IAM("CreateRole", "RoleName", "app", "AssumeRolePolicyDocument", trust)
	}
	trusting := func(principal string) string {
		return `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":` + principal + `,"Action":"sts:AssumeRole"}]}`
	}
	want(t, role(trusting(`{"AWS":"`+arn("user/nobody")+`"}`)), "MalformedPolicyDocument", `Invalid principal in policy: "AWS":"`+arn("user/nobody")+`"`)
	want(t, role(`{`), "MalformedPolicyDocument", role(`{`).Message())
	want(t, role(anyKMS), "MalformedPolicyDocument", role(anyKMS).Message())
	want(t, role(strings.Replace(anyone, `"sts:AssumeRole"`, `["sts:AssumeRole"`+strings.Repeat(`,"sts:AssumeRole"`, 150)+`]`, 1)), "LimitExceeded",
		"Cannot exceed quota for ACLSizePerRole: 2048")

	made := root.MustIAM("CreateRole", "RoleName", "app", "Path", "/svc/", "AssumeRolePolicyDocument", anyone, "Description", "d", "MaxSessionDuration", "7200")
	like(t, made, "RoleId", `^AROA[A-Z2-7]{17}$`)
	has(t, made, "Arn", arn("role/svc/app"))
	text, err := url.PathUnescape(made.Text("AssumeRolePolicyDocument"))
	if err != nil || text != anyone {
		t.Errorf("got trust policy %q, %v", text, err)
	}
	want(t, role(anyone), "EntityAlreadyExists", "Role with name app already exists.")
	want(t, root.IAM("GetRole", "RoleName", "APP"), "NoSuchEntity", "The role with name APP cannot be found.")
	root.MustIAM("UpdateRole", "RoleName", "app", "Description", "")
	has(t, root.MustIAM("GetRole", "RoleName", "app"), "Description")
	has(t, root.MustIAM("GetRole", "RoleName", "app"), "MaxSessionDuration", "7200")
	has(t, root.MustIAM("UpdateRoleDescription", "RoleName", "app", "Description", "e"), "Description", "e")
	has(t, root.MustIAM("ListRoles", "PathPrefix", "/svc/"), "RoleName", "app")
	has(t, root.MustIAM("ListInstanceProfilesForRole", "RoleName", "app"), "IsTruncated", "false")

	// Whom a role trusts is known by more than a name.
	alice := root.MustIAM("CreateUser", "UserName", "alice")
	root.MustIAM("UpdateAssumeRolePolicy", "RoleName", "app", "PolicyDocument", trusting(`{"AWS":"`+alice.Text("Arn")+`"}`))
	root.MustIAM("DeleteUser", "UserName", "alice")
	root.MustIAM("CreateUser", "UserName", "alice")
	if text := root.MustIAM("GetRole", "RoleName", "app").Text("AssumeRolePolicyDocument"); !strings.Contains(text, alice.Text("UserId")) {
		t.Errorf("got %s, want the unique id of who is gone", text)
	}
	root.MustIAM("DeleteRole", "RoleName", "app")
	want(t, root.IAM("DeleteRole", "RoleName", "app"), "NoSuchEntity", "The role with name app cannot be found.")
}

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

func TestProviders(t *testing.T) {
	root := kmstest.New(t).As(account)
	const thumb = "9E99A48A9960B14926BB7F3B02E22DA2B0AB7280"
	made := root.MustIAM("CreateOpenIDConnectProvider", "Url", "https://token.example/a/", "ClientIDList.member.1", "two", "ClientIDList.member.2", "one", "ThumbprintList.member.1", thumb)
	p := made.Text("OpenIDConnectProviderArn")
	if p != arn("oidc-provider/token.example/a") {
		t.Errorf("got %s", p)
	}
	want(t, root.IAM("CreateOpenIDConnectProvider", "Url", "https://token.example/a"), "EntityAlreadyExists", "Provider with url https://token.example/a already exists.")
	for _, bad := range []string{"http://token.example", "https://", "https://u@token.example", "https://token.example?q", "https://token.example#f"} {
		if r := root.IAM("CreateOpenIDConnectProvider", "Url", bad); r.Code() != "InvalidInput" {
			t.Errorf("%s: got %d %s", bad, r.Status, r.Raw)
		}
	}
	got := root.MustIAM("GetOpenIDConnectProvider", "OpenIDConnectProviderArn", p)
	has(t, got, "Url", "token.example/a")
	has(t, got, "member", "one", "two", strings.ToLower(thumb))
	has(t, root.MustIAM("ListOpenIDConnectProviders"), "Arn", p)
	root.MustIAM("AddClientIDToOpenIDConnectProvider", "OpenIDConnectProviderArn", p, "ClientID", "three")
	root.MustIAM("RemoveClientIDFromOpenIDConnectProvider", "OpenIDConnectProviderArn", p, "ClientID", "two")
	root.MustIAM("RemoveClientIDFromOpenIDConnectProvider", "OpenIDConnectProviderArn", p, "ClientID", "two")
	root.MustIAM("UpdateOpenIDConnectProviderThumbprint", "OpenIDConnectProviderArn", p, "ThumbprintList.member.1", strings.Repeat("0", 40))
	has(t, root.MustIAM("GetOpenIDConnectProvider", "OpenIDConnectProviderArn", p), "member", "one", "three", strings.Repeat("0", 40))
	want(t, root.IAM("UpdateOpenIDConnectProviderThumbprint", "OpenIDConnectProviderArn", p, "ThumbprintList.member.1", strings.Repeat("g", 40)), "InvalidInput", "A thumbprint is 40 hexadecimal digits.")
	tags(t, root, "OpenIDConnectProvider", "OpenIDConnectProviderArn", p)
	root.MustIAM("DeleteOpenIDConnectProvider", "OpenIDConnectProviderArn", p)
	root.MustIAM("DeleteOpenIDConnectProvider", "OpenIDConnectProviderArn", p) // as AWS has it
	want(t, root.IAM("GetOpenIDConnectProvider", "OpenIDConnectProviderArn", p), "NoSuchEntity", "OpenIDConnect Provider not found for arn "+p)
}

// Tools take away whatever a user may have before they delete it.
func TestWhatThereIsNothingOf(t *testing.T) {
	root := kmstest.New(t).As(account)
	root.MustIAM("CreateUser", "UserName", "alice")
	for _, op := range []string{"ListMFADevices", "ListSSHPublicKeys", "ListServiceSpecificCredentials", "ListSigningCertificates"} {
		has(t, root.MustIAM(op, "UserName", "alice"), "IsTruncated", "false")
		want(t, root.IAM(op, "UserName", "bob"), "NoSuchEntity", "The user with name bob cannot be found.")
	}
	has(t, root.MustIAM("ListVirtualMFADevices"), "IsTruncated", "false")
	has(t, root.MustIAM("ListAccountAliases"), "IsTruncated", "false")
	want(t, root.IAM("GetLoginProfile", "UserName", "alice"), "NoSuchEntity", "Login Profile for User alice cannot be found.")
	want(t, root.IAM("DeleteLoginProfile", "UserName", "alice"), "NoSuchEntity", "Login Profile for User alice cannot be found.")
	want(t, root.IAM("SimulatePrincipalPolicy"), "InvalidAction", "Could not find operation SimulatePrincipalPolicy for version 2010-05-08")
	summary := root.MustIAM("GetAccountSummary")
	i := slices.Index(summary.Texts("key"), "Users")
	if i < 0 || summary.Texts("value")[i] != "1" {
		t.Errorf("got %s", summary.Raw)
	}
}

// Every list comes in pages, and a marker is good for that list alone.
func TestPages(t *testing.T) {
	s := kmstest.New(t)
	root := s.As(account)
	var names []string
	for i := range 7 {
		names = append(names, fmt.Sprintf("U%d", i))
		root.MustIAM("CreateUser", "UserName", names[i])
		root.MustIAM("CreateRole", "RoleName", names[i], "AssumeRolePolicyDocument", anyone)
	}
	var got []string
	marker := []string{}
	for {
		r := root.MustIAM("ListUsers", append(marker, "MaxItems", "3")...)
		got = append(got, r.Texts("UserName")...)
		if r.Text("IsTruncated") == "false" {
			break
		}
		marker = []string{"Marker", r.Text("Marker")}
	}
	if !slices.Equal(got, names) {
		t.Errorf("got %q, want %q", got, names)
	}
	m := root.MustIAM("ListUsers", "MaxItems", "3").Text("Marker")
	for name, r := range map[string]*kmstest.Reply{
		"of another list":    root.IAM("ListRoles", "Marker", m),
		"of another filter":  root.IAM("ListUsers", "Marker", m, "PathPrefix", "/"),
		"of another account": s.As("444455556666").IAM("ListUsers", "Marker", m),
		"made up":            root.IAM("ListUsers", "Marker", "AAAA"),
	} {
		if r.Code() != "ValidationError" || !strings.HasPrefix(r.Message(), "Invalid Marker: ") {
			t.Errorf("%s: got %d %s", name, r.Status, r.Raw)
		}
	}
}

// What a caller may do in IAM is said by its own policies.
func TestWhoMay(t *testing.T) {
	s := kmstest.New(t)
	root := s.As(account)
	alice := s.NewUser(account, "alice", `{"Version":"2012-10-17","Statement":[
		{"Effect":"Allow","Action":"iam:Get*","Resource":"*"},
		{"Effect":"Allow","Action":["iam:CreateUser","iam:TagUser"],"Resource":"`+arn("user/made/*")+`","Condition":{"StringEquals":{"aws:RequestTag/team":"a"}}},
		{"Effect":"Allow","Action":"iam:DeleteUser","Resource":"*","Condition":{"StringEquals":{"iam:ResourceTag/team":"a"}}},
		{"Effect":"Allow","Action":"iam:AttachUserPolicy","Resource":"*","Condition":{"ArnEquals":{"iam:PolicyARN":"arn:aws:iam::aws:policy/IAMReadOnlyAccess"}}},
		{"Effect":"Allow","Action":"iam:PutUserPermissionsBoundary","Resource":"*","Condition":{"StringEquals":{"iam:PermissionsBoundary":"arn:aws:iam::aws:policy/IAMReadOnlyAccess"}}}]}`)
	has(t, alice.MustIAM("GetUser"), "UserName", "alice")
	denied := func(r *kmstest.Reply, action, resource string) {
		t.Helper()
		if r.Status != 403 {
			t.Errorf("got status %d, want 403", r.Status)
		}
		want(t, r, "AccessDenied", "User: "+arn("user/alice")+" is not authorized to perform: iam:"+action+" on resource: "+resource+
			" because no identity-based policy allows the iam:"+action+" action")
	}
	denied(alice.IAM("ListUsers"), "ListUsers", arn("user/"))
	denied(alice.IAM("CreateUser", "UserName", "x"), "CreateUser", arn("user/x"))
	denied(alice.IAM("CreateUser", "UserName", "x", "Path", "/made/"), "CreateUser", arn("user/made/x"))
	denied(alice.IAM("DeleteRole", "RoleName", "none"), "DeleteRole", arn("role/none"))
	alice.MustIAM("CreateUser", "UserName", "x", "Path", "/made/", "Tags.member.1.Key", "Team", "Tags.member.1.Value", "a")
	denied(alice.IAM("AttachUserPolicy", "UserName", "x", "PolicyArn", "arn:aws:iam::aws:policy/AdministratorAccess"), "AttachUserPolicy", arn("user/made/x"))
	alice.MustIAM("AttachUserPolicy", "UserName", "x", "PolicyArn", "arn:aws:iam::aws:policy/IAMReadOnlyAccess")
	denied(alice.IAM("PutUserPermissionsBoundary", "UserName", "x", "PermissionsBoundary", "arn:aws:iam::aws:policy/AdministratorAccess"), "PutUserPermissionsBoundary", arn("user/made/x"))
	alice.MustIAM("PutUserPermissionsBoundary", "UserName", "x", "PermissionsBoundary", "arn:aws:iam::aws:policy/IAMReadOnlyAccess")
	denied(alice.IAM("DeleteUser", "UserName", "alice"), "DeleteUser", arn("user/alice"))
	root.MustIAM("DetachUserPolicy", "UserName", "x", "PolicyArn", "arn:aws:iam::aws:policy/IAMReadOnlyAccess")
	alice.MustIAM("DeleteUser", "UserName", "x")

	// Who moves somebody must be allowed to in both places.
	mover := s.NewUser(account, "mover", `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":["iam:UpdateUser","iam:UpdateGroup"],"Resource":["`+arn("user/dev/*")+`","`+arn("group/dev/*")+`"]}}`)
	root.MustIAM("CreateUser", "UserName", "y", "Path", "/dev/")
	root.MustIAM("CreateGroup", "GroupName", "y", "Path", "/dev/")
	mover.MustIAM("UpdateUser", "UserName", "y", "NewUserName", "z")
	for _, noun := range []string{"User", "Group"} {
		name := map[string]string{"User": "z", "Group": "y"}[noun]
		to := arn(strings.ToLower(noun) + "/admin/" + name)
		want(t, mover.IAM("Update"+noun, noun+"Name", name, "NewPath", "/admin/"), "AccessDenied", "User: "+arn("user/mover")+
			" is not authorized to perform: iam:Update"+noun+" on resource: "+to+" because no identity-based policy allows the iam:Update"+noun+" action")
	}

	// What was borrowed for an hour makes no access key for good.
	for _, session := range []*recordpb.Session{{Issuer: root.AccessKeyID}, {User: "alice", UserId: alice.MustIAM("GetUser").Text("UserId"), Issuer: alice.AccessKeyID}} {
		if r := s.Session(session).IAM("GetUser"); r.Code() != "InvalidClientTokenId" {
			t.Errorf("got %d %s", r.Status, r.Raw)
		}
	}
	root.MustIAM("CreateRole", "RoleName", "keeper", "AssumeRolePolicyDocument", anyone)
	root.MustIAM("AttachRolePolicy", "RoleName", "keeper", "PolicyArn", "arn:aws:iam::aws:policy/IAMReadOnlyAccess")
	role := root.MustIAM("GetRole", "RoleName", "keeper").Text("RoleId")
	inRole := s.Session(&recordpb.Session{Role: "keeper", RoleId: role})
	inRole.MustIAM("ListUsers")
	want(t, inRole.IAM("GetUser"), "ValidationError", "Must specify userName when calling with non-User credentials")

	// Another account's root user has nothing here, and its own has no bearing on ours.
	want(t, s.As("444455556666").IAM("GetUser", "UserName", "alice"), "NoSuchEntity", "The user with name alice cannot be found.")

	// A group gives what it has, and takes it away again.
	root.MustIAM("CreateGroup", "GroupName", "admins")
	root.MustIAM("AttachGroupPolicy", "GroupName", "admins", "PolicyArn", "arn:aws:iam::aws:policy/IAMFullAccess")
	root.MustIAM("AddUserToGroup", "GroupName", "admins", "UserName", "alice")
	alice.MustIAM("ListUsers")
	root.MustIAM("DetachGroupPolicy", "GroupName", "admins", "PolicyArn", "arn:aws:iam::aws:policy/IAMFullAccess")
	denied(alice.IAM("ListUsers"), "ListUsers", arn("user/"))
}

// One call tells all about everybody.
func TestDetails(t *testing.T) {
	s := kmstest.New(t)
	root := s.As(account)
	s.NewUser(account, "alice", anyKMS)
	root.MustIAM("CreateGroup", "GroupName", "team")
	root.MustIAM("AddUserToGroup", "GroupName", "team", "UserName", "alice")
	root.MustIAM("CreateRole", "RoleName", "app", "AssumeRolePolicyDocument", anyone)
	p := root.MustIAM("CreatePolicy", "PolicyName", "p", "PolicyDocument", anyKMS).Text("Arn")
	root.MustIAM("AttachRolePolicy", "RoleName", "app", "PolicyArn", p)
	const op = "GetAccountAuthorizationDetails"
	all := root.MustIAM(op)
	has(t, all, "UserName", "alice")
	has(t, all, "GroupName", "team")
	has(t, all, "RoleName", "app")
	has(t, all, "PolicyArn", p)
	if got := all.Texts("DefaultVersionId"); len(got) != 5 {
		t.Errorf("got %d policies, want one and AWS's four", len(got))
	}
	local := root.MustIAM(op, "Filter.member.1", "LocalManagedPolicy", "Filter.member.2", "Role")
	has(t, local, "AttachmentCount", "1")
	has(t, local, "UserName")
	var arns []string
	marker := []string{"MaxItems", "1"}
	for {
		r := root.MustIAM(op, marker...)
		arns = append(arns, r.Texts("Arn")...)
		if r.Text("IsTruncated") == "false" {
			break
		}
		marker = []string{"MaxItems", "1", "Marker", r.Texts("Marker")[0]}
	}
	if !slices.Equal(arns, all.Texts("Arn")) || len(arns) != 8 {
		t.Errorf("page by page: got %q, want %q", arns, all.Texts("Arn"))
	}
}

// IAM is of no Region: clients sign for the one where AWS has it, wherever else the keys are.
func TestRegion(t *testing.T) {
	root := kmstest.With(t, kmstest.Options{Regions: []string{"eu-central-1"}}).As(account)
	root.In("us-east-1").MustIAM("ListUsers")
	root.In("eu-central-1").MustIAM("ListUsers")
	if r := root.In("eu-west-1").IAM("ListUsers"); r.Code() != "SignatureDoesNotMatch" {
		t.Errorf("got %d %s", r.Status, r.Raw)
	}
	if r := root.In("us-east-1").Call("ListKeys", "{}"); r.Code() != "InvalidSignatureException" {
		t.Errorf("got %d %s", r.Status, r.Raw)
	}
}

// A request that is signed for another service is none of IAM.
func TestSignedForAnother(t *testing.T) {
	s := kmstest.New(t)
	for _, service := range []string{"kms", "sts"} {
		body := "Action=ListUsers&Version=2010-05-08"
		req, err := http.NewRequestWithContext(t.Context(), "POST", s.URL+"/", strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		c := *s.As(account)
		c.Service = service
		c.Sign(req, []byte(body), s.Clock.Now())
		r, err := c.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		if r.Status != 403 || r.Text("Message") != "Credential should be scoped to correct service: 'iam'. " {
			t.Errorf("%s: got %d %s", service, r.Status, r.Raw)
		}
	}
}

// Every request leaves one record in the words of CloudTrail.
func TestRecords(t *testing.T) {
	s := kmstest.New(t)
	root := s.As(account)
	root.MustIAM("CreateUser", "UserName", "alice", "Path", "/a/")
	root.IAM("GetUser", "UserName", "bob")
	records := s.Records()
	for i, want := range []string{
		`"eventSource":"iam.amazonaws.com","eventName":"CreateUser","awsRegion":"us-east-1"`,
		`"errorCode":"NoSuchEntityException","errorMessage":"The user with name bob cannot be found.","requestParameters":{"userName":"bob"},"responseElements":null`,
	} {
		if line := string(records[len(records)-2+i].Line); !strings.Contains(line, want) {
			t.Errorf("got %s, want %s", line, want)
		}
	}
	if line := string(records[len(records)-2].Line); !strings.Contains(line, `"requestParameters":{"path":"/a/","userName":"alice"},"responseElements":{"user":{"path":"/a/","userName":"alice","userId":"AIDA`) ||
		!strings.Contains(line, `"readOnly":false`) {
		t.Errorf("got %s", line)
	}
}

// A row is in the order of its names, and decodes.
func TestTable(t *testing.T) {
	seen := map[string]bool{}
	for _, row := range iam.Service.Table {
		if seen[row.Operation()] {
			t.Errorf("%s is there twice", row.Operation())
		}
		seen[row.Operation()] = true
		if req, _ := row.Decode(url.Values{}); req == nil {
			t.Errorf("%s does not decode", row.Operation())
		}
		reads := regexp.MustCompile(`^(Get|List)`).MatchString(row.Operation())
		if row.Reads() != reads {
			t.Errorf("%s: got read-only %v", row.Operation(), row.Reads())
		}
	}
}

// Whatever a form says, every operation decodes it or refuses it, and can tell of it.
func FuzzOperations(f *testing.F) {
	f.Add("UserName=a&Path=/a/&Tags.member.1.Key=k&Tags.member.1.Value=v&PolicyDocument={}&PolicyArn=arn:aws:iam::aws:policy/x&MaxItems=1")
	f.Add("RoleName=%00&Description=&MaxSessionDuration=-1&ThumbprintList.member.1=&ClientIDList=&TagKeys.member.2=x&VersionId=v0")
	f.Fuzz(func(t *testing.T, text string) {
		form, err := url.ParseQuery(text)
		if err != nil {
			return
		}
		for _, row := range iam.Service.Table {
			req, err := row.Decode(form)
			if _, refused := errors.AsType[*fault.Error](err); err != nil && !refused {
				t.Errorf("%s: got %v", row.Operation(), err)
			}
			rec := audit.Record{Request: req.Audit()}
			rec.Encode()
		}
	})
}
