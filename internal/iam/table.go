// Package iam is the part of AWS's Identity and Access Management API that tools use to keep users, groups,
// roles and policies.
//
// The operations are rows of one table, each beside its noun; op.go says what they have in common. They are the
// only code that writes identities: whoever else has identities to write calls them.
package iam

import (
	"qkms/internal/audit"
	"qkms/internal/authn"
	"qkms/internal/fault"
	"qkms/internal/query"
)

//go:generate go run qkms/internal/iam/iamdoc ../../docs/iam.md

// longTerm keeps out the temporary credentials of users and root users: what was borrowed from an access key for
// some hours shall not make another for good. Sessions of roles are admitted, and those of who is signed in to the console [D].
func longTerm(c *authn.Caller) error {
	if s := c.Session; s != nil && c.Role == nil && !s.Console {
		return fault.UnknownClient()
	}
	return nil
}

// Service is the API. To add an operation: write it beside its noun, add its row.
var Service = query.New(query.Service{
	Signing: "iam", Version: "2010-05-08", Namespace: "https://iam.amazonaws.com/doc/2010-05-08/",
	Source: audit.SourceIAM, Failure: "ServiceFailure", Admits: longTerm,
	Table: []query.Row{
		addClientID,
		addUserToGroup,
		attach[theGroup]("AttachGroupPolicy"),
		attach[theRole]("AttachRolePolicy"),
		attach[theUser]("AttachUserPolicy"),
		createAccessKey,
		createGroup,
		createProvider,
		createPolicy,
		createPolicyVersion,
		createRole,
		createUser,
		deleteAccessKey,
		deleteGroup,
		deleteInline[theGroup]("DeleteGroupPolicy"),
		deleteLoginProfile,
		deleteProvider,
		deletePolicy,
		deletePolicyVersion,
		deleteRole,
		deleteBoundary[theRole]("DeleteRolePermissionsBoundary"),
		deleteInline[theRole]("DeleteRolePolicy"),
		deleteUser,
		deleteBoundary[theUser]("DeleteUserPermissionsBoundary"),
		deleteInline[theUser]("DeleteUserPolicy"),
		detach[theGroup]("DetachGroupPolicy"),
		detach[theRole]("DetachRolePolicy"),
		detach[theUser]("DetachUserPolicy"),
		getAccessKeyLastUsed,
		getAccountAuthorizationDetails,
		getAccountSummary,
		getGroup,
		getInline[theGroup]("GetGroupPolicy"),
		getLoginProfile,
		getProvider,
		getPolicy,
		getPolicyVersion,
		getRole,
		getInline[theRole]("GetRolePolicy"),
		getUser,
		getInline[theUser]("GetUserPolicy"),
		listAccessKeys,
		listAccountAliases,
		listAttached[theGroup]("ListAttachedGroupPolicies"),
		listAttached[theRole]("ListAttachedRolePolicies"),
		listAttached[theUser]("ListAttachedUserPolicies"),
		listEntitiesForPolicy,
		listInline[theGroup]("ListGroupPolicies"),
		listGroups,
		listGroupsForUser,
		noneOf[theRole, noInstanceProfiles]("ListInstanceProfilesForRole"),
		noneOf[aUser, noMFADevices]("ListMFADevices"),
		listTags[theProvider]("ListOpenIDConnectProviderTags"),
		listProviders,
		listPolicies,
		listTags[thePolicy]("ListPolicyTags"),
		listPolicyVersions,
		listInline[theRole]("ListRolePolicies"),
		listTags[theRole]("ListRoleTags"),
		listRoles,
		noneOf[aUser, noSSHPublicKeys]("ListSSHPublicKeys"),
		noneOf[aUser, noServiceCredentials]("ListServiceSpecificCredentials"),
		noneOf[aUser, noCertificates]("ListSigningCertificates"),
		listInline[theUser]("ListUserPolicies"),
		listTags[theUser]("ListUserTags"),
		listUsers,
		listVirtualMFADevices,
		putInline[theGroup]("PutGroupPolicy"),
		putBoundary[theRole]("PutRolePermissionsBoundary"),
		putInline[theRole]("PutRolePolicy"),
		putBoundary[theUser]("PutUserPermissionsBoundary"),
		putInline[theUser]("PutUserPolicy"),
		removeClientID,
		removeUserFromGroup,
		setDefaultPolicyVersion,
		tagEntity[theProvider]("TagOpenIDConnectProvider", "OpenIdConnectProvider"),
		tagEntity[thePolicy]("TagPolicy", "Policy"),
		tagEntity[theRole]("TagRole", "Role"),
		tagEntity[theUser]("TagUser", "User"),
		untag[theProvider]("UntagOpenIDConnectProvider"),
		untag[thePolicy]("UntagPolicy"),
		untag[theRole]("UntagRole"),
		untag[theUser]("UntagUser"),
		updateAccessKey,
		updateAssumeRolePolicy,
		updateGroup,
		updateThumbprint,
		updateRole,
		updateRoleDescription,
		updateUser,
	},
})
