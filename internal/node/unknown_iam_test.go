package node_test

import (
	"strings"

	"qkms/internal/kmstest"
	"qkms/internal/record"
	"qkms/internal/record/recordpb"
)

const (
	anyKey   = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"kms:*","Resource":"*"}]}`
	noKey    = `{"Version":"2012-10-17","Statement":[{"Effect":"Deny","Action":"kms:*","Resource":"*"}]}`
	trusting = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"` + kmstest.Account + `"},"Action":"sts:AssumeRole"}]}`

	readOnly = "arn:aws:iam::aws:policy/IAMReadOnlyAccess"
)

// iam is after, of an operation of IAM.
func (r *carried) iam(fresh int, action string, parameters ...string) {
	r.t.Helper()
	r.after(action, fresh, func() { r.c.MustIAM(action, parameters...) })
}

func (m *mixed) users() {
	m.c.MustIAM("CreateUser", "UserName", "Carried", "Tags.member.1.Key", "Team", "Tags.member.1.Value", "1", "Tags.member.2.Key", "gone", "Tags.member.2.Value", "1")
	m.c.MustIAM("PutUserPolicy", "UserName", "Carried", "PolicyName", "kept", "PolicyDocument", anyKey)
	made := m.c.MustIAM("CreateAccessKey", "UserName", "Carried").Text("AccessKeyId")
	m.c.MustIAM("CreateGroup", "GroupName", "of-carried")
	k := m.mark("access key", record.OfAccessKey(made), new(recordpb.AccessKey))
	k.iam(0, "UpdateAccessKey", "UserName", "Carried", "AccessKeyId", made, "Status", "Inactive")
	k.iam(0, "UpdateAccessKey", "UserName", "Carried", "AccessKeyId", made, "Status", "Active")

	u := m.mark("user", record.OfUser(kmstest.Account, "Carried"), new(recordpb.User))
	u.iam(1, "TagUser", "UserName", "Carried", "Tags.member.1.Key", "team", "Tags.member.1.Value", "2", "Tags.member.2.Key", "new", "Tags.member.2.Value", "1")
	u.iam(1, "UntagUser", "UserName", "Carried", "TagKeys.member.1", "gone")
	u.iam(2, "PutUserPolicy", "UserName", "Carried", "PolicyName", "another", "PolicyDocument", noKey)
	u.iam(1, "DeleteUserPolicy", "UserName", "Carried", "PolicyName", "another")
	u.iam(1, "AttachUserPolicy", "UserName", "Carried", "PolicyArn", readOnly)
	u.iam(1, "DetachUserPolicy", "UserName", "Carried", "PolicyArn", readOnly)
	u.iam(1, "PutUserPermissionsBoundary", "UserName", "Carried", "PermissionsBoundary", readOnly)
	u.iam(1, "AddUserToGroup", "UserName", "Carried", "GroupName", "of-carried")
	u.iam(1, "UpdateGroup", "GroupName", "of-carried", "NewGroupName", "renamed")
	u.iam(1, "CreateAccessKey", "UserName", "Carried")
	k.after("UpdateUser", 0, func() {
		m.c.MustIAM("UpdateUser", "UserName", "Carried", "NewUserName", "moved")
		u.at = record.OfUser(kmstest.Account, "moved")
	})
	u.must(1)
}

func (m *mixed) groupsAndRoles() {
	m.c.MustIAM("CreateGroup", "GroupName", "g")
	m.c.MustIAM("PutGroupPolicy", "GroupName", "g", "PolicyName", "kept", "PolicyDocument", anyKey)
	g := m.mark("group", record.OfGroup(kmstest.Account, "g"), new(recordpb.Group))
	g.iam(1, "PutGroupPolicy", "GroupName", "g", "PolicyName", "another", "PolicyDocument", noKey)
	g.iam(1, "AttachGroupPolicy", "GroupName", "g", "PolicyArn", readOnly)
	g.iam(1, "UpdateGroup", "GroupName", "g", "NewPath", "/moved/")

	m.c.MustIAM("CreateRole", "RoleName", "r", "AssumeRolePolicyDocument", trusting, "Tags.member.1.Key", "a", "Tags.member.1.Value", "1")
	m.c.MustIAM("PutRolePolicy", "RoleName", "r", "PolicyName", "kept", "PolicyDocument", anyKey)
	r := m.mark("role", record.OfRole(kmstest.Account, "r"), new(recordpb.Role))
	r.iam(0, "UpdateRole", "RoleName", "r", "Description", "changed", "MaxSessionDuration", "7200")
	r.iam(0, "UpdateAssumeRolePolicy", "RoleName", "r", "PolicyDocument", strings.Replace(trusting, "Allow", "Deny", 1))
	r.iam(0, "TagRole", "RoleName", "r", "Tags.member.1.Key", "a", "Tags.member.1.Value", "2")
	r.iam(1, "PutRolePolicy", "RoleName", "r", "PolicyName", "another", "PolicyDocument", noKey)
	r.iam(1, "AttachRolePolicy", "RoleName", "r", "PolicyArn", readOnly)
	r.iam(1, "PutRolePermissionsBoundary", "RoleName", "r", "PermissionsBoundary", readOnly)
}

func (m *mixed) policiesAndProviders() {
	arn := m.c.MustIAM("CreatePolicy", "PolicyName", "p", "PolicyDocument", anyKey, "Tags.member.1.Key", "a", "Tags.member.1.Value", "1").Text("Arn")
	p := m.mark("managed policy", record.OfManagedPolicy(kmstest.Account, "p"), new(recordpb.ManagedPolicy))
	p.iam(1, "CreatePolicyVersion", "PolicyArn", arn, "PolicyDocument", noKey)
	p.iam(1, "SetDefaultPolicyVersion", "PolicyArn", arn, "VersionId", "v2")
	p.iam(1, "TagPolicy", "PolicyArn", arn, "Tags.member.1.Key", "a", "Tags.member.1.Value", "2")

	arn = m.c.MustIAM("CreateOpenIDConnectProvider", "Url", "https://token.example", "ClientIDList.member.1", "one",
		"ThumbprintList.member.1", strings.Repeat("ab", 20), "Tags.member.1.Key", "a", "Tags.member.1.Value", "1").Text("OpenIDConnectProviderArn")
	o := m.mark("provider", record.OfProvider(kmstest.Account, "token.example"), new(recordpb.Provider))
	o.iam(0, "AddClientIDToOpenIDConnectProvider", "OpenIDConnectProviderArn", arn, "ClientID", "two")
	o.iam(0, "UpdateOpenIDConnectProviderThumbprint", "OpenIDConnectProviderArn", arn, "ThumbprintList.member.1", strings.Repeat("cd", 20))
	o.iam(0, "TagOpenIDConnectProvider", "OpenIDConnectProviderArn", arn, "Tags.member.1.Key", "a", "Tags.member.1.Value", "2")
}
