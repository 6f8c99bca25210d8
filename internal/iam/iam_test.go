package iam_test

import (
	"fmt"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"

	"qkms/internal/kmstest"
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
