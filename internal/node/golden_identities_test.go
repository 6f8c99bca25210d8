package node_test

import (
	"strings"

	"qkms/internal/kmstest"
)

// identities makes users and roles, and a key that they get at by policy, key policy and grant.
func (m *maker) identities() {
	iam := func(action string, form ...string) string {
		m.t.Helper()
		return m.root.MustIAM(action, form...).Text("Arn")
	}
	m.credential("alice", m.s.NewUser(kmstest.Account, "alice", anyKey)) // by her inline policy
	m.credential("bob", m.s.NewUser(kmstest.Account, "bob", ""))         // by a grant
	iam("TagUser", "UserName", "alice", "Tags.member.1.Key", "team", "Tags.member.1.Value", "shop")
	iam("CreateGroup", "GroupName", "auditors", "Path", "/people/")
	iam("PutGroupPolicy", "GroupName", "auditors", "PolicyName", "read", "PolicyDocument", strings.Replace(anyKey, "kms:*", "kms:Describe*", 1))
	iam("AddUserToGroup", "GroupName", "auditors", "UserName", "bob")
	role := iam("CreateRole", "RoleName", "worker", "AssumeRolePolicyDocument", trusting, "Description", "works")
	managed := iam("CreatePolicy", "PolicyName", "limits", "PolicyDocument", anyKey)
	iam("CreatePolicyVersion", "PolicyArn", managed, "PolicyDocument", strings.Replace(anyKey, "kms:*", "kms:Decrypt", 1), "SetAsDefault", "true")
	iam("AttachRolePolicy", "RoleName", "worker", "PolicyArn", managed)
	iam("PutUserPermissionsBoundary", "UserName", "bob", "PermissionsBoundary", "arn:aws:iam::aws:policy/AdministratorAccess")
	iam("CreateOpenIDConnectProvider", "Url", "https://token.example/a", "ClientIDList.member.1", "one", "ThumbprintList.member.1", strings.Repeat("ab", 20))

	policy := `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::` + kmstest.Account + `:root"},"Action":"kms:*","Resource":"*"},` +
		`{"Effect":"Allow","Principal":{"AWS":"` + role + `"},"Action":"kms:Encrypt","Resource":"*"}]}`
	id := m.create(fields{"Policy": policy})
	blob := m.encrypt(id)
	bob := "arn:aws:iam::" + kmstest.Account + ":user/bob"
	token := m.must("CreateGrant", fields{
		"KeyId": id, "GranteePrincipal": bob, "RetiringPrincipal": role, "Name": "of-bob", "Operations": []string{"Decrypt"},
		"Constraints": fields{"EncryptionContextSubset": fields{"App": "orders"}},
	}).String("GrantToken")
	m.must("CreateGrant", fields{"KeyId": id, "GranteePrincipal": role, "Operations": []string{"GenerateDataKey", "Encrypt"}})
	in := fields{"CiphertextBlob": blob, "EncryptionContext": ofOrders}
	m.asksAs("alice", "", "Decrypt", in)
	m.asksAs("bob", "", "Decrypt", fields{"CiphertextBlob": blob, "EncryptionContext": ofOrders, "GrantTokens": []string{token}})
	m.asksAs("bob", "", "DescribeKey", fields{"KeyId": id})
	m.describes(id)
}

// overviews asks for what is not of one key.
func (m *maker) overviews() {
	for _, operation := range []string{"ListKeys", "ListAliases", "DescribeCustomKeyStores"} {
		m.asks(operation, fields{})
	}
	m.asks("ListRetirableGrants", fields{"RetiringPrincipal": "arn:aws:iam::" + kmstest.Account + ":role/worker"})
	for _, q := range []struct {
		action string
		form   []string
	}{
		{"ListUsers", nil}, {"ListGroups", nil}, {"ListRoles", nil}, {"ListPolicies", []string{"Scope", "Local"}}, {"ListOpenIDConnectProviders", nil},
		{"GetUserPolicy", []string{"UserName", "alice", "PolicyName", "own"}},
		{"GetUser", []string{"UserName", "bob"}},
		{"ListAccessKeys", []string{"UserName", "alice"}},
		{"GetGroup", []string{"GroupName", "auditors"}},
		{"GetGroupPolicy", []string{"GroupName", "auditors", "PolicyName", "read"}},
		{"GetRole", []string{"RoleName", "worker"}},
		{"ListAttachedRolePolicies", []string{"RoleName", "worker"}},
		{"ListPolicyVersions", []string{"PolicyArn", "arn:aws:iam::" + kmstest.Account + ":policy/limits"}},
		{"GetOpenIDConnectProvider", []string{"OpenIDConnectProviderArn", "arn:aws:iam::" + kmstest.Account + ":oidc-provider/token.example/a"}},
	} {
		m.g.Questions = append(m.g.Questions, question{As: "root", Service: "iam", Operation: q.action, Form: q.form})
	}
}
