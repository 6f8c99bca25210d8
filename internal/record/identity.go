package record

import "strings"

// The records of IAM. Names are unique in an account apart from their case (access.md §2.1), so keys have
// them in lower case; a record has its name as it was given. Users, groups, roles and managed policies are
// kept in memory by package identity, with their policies: what changes one gets it by Read.

// OfUser is an IAM user.
func OfUser(account, name string) Key { return newKey(spaceUser, account, strings.ToLower(name)) }

// OfGroup is a group of users.
func OfGroup(account, name string) Key { return newKey(spaceGroup, account, strings.ToLower(name)) }

// OfRole is a role.
func OfRole(account, name string) Key { return newKey(spaceRole, account, strings.ToLower(name)) }

// OfManagedPolicy is a customer managed policy.
func OfManagedPolicy(account, name string) Key {
	return newKey(spaceManaged, account, strings.ToLower(name))
}

// OfMember lists a user under a group.
func OfMember(account, group, user string) Key {
	return newKey(spaceMember, account, strings.ToLower(group), strings.ToLower(user))
}

// What a policy can be attached to.
const (
	KindUser  = "user"
	KindGroup = "group"
	KindRole  = "role"
)

// OfAttachment lists an identity under a customer managed policy. A boundary is listed like an
// attachment, under the kind with "-boundary".
func OfAttachment(account, policy, kind, name string) Key {
	return newKey(spaceAttached, account, strings.ToLower(policy), kind, strings.ToLower(name))
}

// OfProvider is an OpenID Connect provider; url has no scheme.
func OfProvider(account, url string) Key { return newKey(spaceProvider, account, url) }

// OfCertificate is a TLS client certificate by its key: SHA-256 of SubjectPublicKeyInfo in hex. One key
// leads to one role.
func OfCertificate(spki string) Key { return newKey(spaceCert, spki) }

// OfCertificateName lists a certificate under the name its account gave it.
func OfCertificateName(account, name string) Key {
	return newKey(spaceCertOf, account, strings.ToLower(name))
}

// Prefixes for Scan.

func Users(account string) Key           { return newKey(spaceUser, account) }
func Groups(account string) Key          { return newKey(spaceGroup, account) }
func Roles(account string) Key           { return newKey(spaceRole, account) }
func ManagedPolicies(account string) Key { return newKey(spaceManaged, account) }
func Providers(account string) Key       { return newKey(spaceProvider, account) }
func Certificates(account string) Key    { return newKey(spaceCertOf, account) }
func Members(account, group string) Key {
	return newKey(spaceMember, account, strings.ToLower(group))
}
func Attachments(account, policy string) Key {
	return newKey(spaceAttached, account, strings.ToLower(policy))
}
