package restore

import (
	"context"
	"strings"
)

// An effect is what an event did to what may be done. The lesser takes more away (lastWord).
type effect int

const (
	// restricts: it took something away. It is done again, unless a later event about the same gave it back.
	restricts effect = iota + 1
	// ends: it took something away that nothing gives back: what has the name later is another.
	ends
	// settles: it said what is in force, which may be more or less than before. It is done again if it is
	// the last word and its record is signed: the tail of a log that no checkpoint covers anybody could
	// have written who can write the disk, and a policy of theirs must not come into force by a restore.
	// So it is with what takes a policy away, which may be one that denies.
	settles
	// loosens: it gave something, or may have. It is never done again; as the last word it is for the
	// operator to look at.
	loosens
)

// A rule says what becomes of one kind of event.
type rule struct {
	effect effect
	about  func(e *event) string // what it changed, so that the last word on it is found
	again  func(a *agent, ctx context.Context, e *event) error
}

// rules has every event that a restore knows, by service and name. Whatever else changed something is counted
// for the operator, and not done again.
var rules = map[string]rule{
	"kms DisableKey":                {restricts, keyState, (*agent).disable},
	"kms EnableKey":                 {loosens, keyState, nil},
	"kms ScheduleKeyDeletion":       {restricts, keyState, (*agent).scheduleDeletion},
	"kms DeleteKey":                 {restricts, keyState, (*agent).scheduleDeletion},
	"kms CancelKeyDeletion":         {restricts, keyState, (*agent).disable}, // it leaves a disabled key
	"kms PutKeyPolicy":              {settles, of("policy", (*event).arn), (*agent).putKeyPolicy},
	"kms RevokeGrant":               {ends, grant, (*agent).revokeGrant},
	"kms RetireGrant":               {ends, grant, (*agent).revokeGrant},
	"kms DeleteAlias":               {restricts, alias, (*agent).deleteAlias},
	"kms UpdateAlias":               {settles, alias, (*agent).pointAlias},
	"kms CreateAlias":               {settles, alias, (*agent).pointAlias}, // deleted and made anew, it means another key
	"kms DeleteImportedKeyMaterial": {restricts, material, (*agent).deleteMaterial},
	"kms ImportKeyMaterial":         {loosens, material, nil},
	"kms DisconnectCustomKeyStore":  {restricts, keyStore, (*agent).disconnect},
	"kms ConnectCustomKeyStore":     {loosens, keyStore, nil},

	"qkms DisableAccessKey":  {restricts, accessKey, (*agent).disableAccessKey},
	"qkms EnableAccessKey":   {loosens, accessKey, nil},
	"qkms DeleteAccessKey":   {ends, accessKey, (*agent).deleteAccessKey},
	"qkms DeleteCertificate": {ends, certificate, (*agent).deleteCertificate},

	"iam UpdateAccessKey Inactive": {restricts, accessKey, (*agent).disableAccessKey},
	"iam UpdateAccessKey Active":   {loosens, accessKey, nil},
	"iam DeleteAccessKey":          {ends, accessKey, (*agent).deleteAccessKey},

	"iam DetachUserPolicy":                        {settles, attachment, (*agent).identity},
	"iam DetachRolePolicy":                        {settles, attachment, (*agent).identity},
	"iam DetachGroupPolicy":                       {settles, attachment, (*agent).identity},
	"iam AttachUserPolicy":                        {loosens, attachment, nil},
	"iam AttachRolePolicy":                        {loosens, attachment, nil},
	"iam AttachGroupPolicy":                       {loosens, attachment, nil},
	"iam DeleteUserPolicy":                        {settles, inline, (*agent).identity},
	"iam DeleteRolePolicy":                        {settles, inline, (*agent).identity},
	"iam DeleteGroupPolicy":                       {settles, inline, (*agent).identity},
	"iam PutUserPolicy":                           {loosens, inline, nil},
	"iam PutRolePolicy":                           {loosens, inline, nil},
	"iam PutGroupPolicy":                          {loosens, inline, nil},
	"iam RemoveUserFromGroup":                     {settles, member, (*agent).identity},
	"iam AddUserToGroup":                          {loosens, member, nil},
	"iam PutUserPermissionsBoundary":              {settles, boundary, (*agent).identity},
	"iam PutRolePermissionsBoundary":              {settles, boundary, (*agent).identity},
	"iam DeleteUserPermissionsBoundary":           {loosens, boundary, nil},
	"iam DeleteRolePermissionsBoundary":           {loosens, boundary, nil},
	"iam UpdateAssumeRolePolicy":                  {settles, of("trust", whom), (*agent).identity},
	"iam CreatePolicyVersion":                     {loosens, of("versions", whom), nil},
	"iam SetDefaultPolicyVersion":                 {loosens, of("versions", whom), nil},
	"iam DeletePolicyVersion":                     {ends, whom, (*agent).identity},
	"iam DeleteUser":                              {ends, whom, (*agent).identity},
	"iam DeleteRole":                              {ends, whom, (*agent).identity},
	"iam DeleteGroup":                             {ends, whom, (*agent).identity},
	"iam DeletePolicy":                            {ends, whom, (*agent).identity},
	"iam DeleteOpenIDConnectProvider":             {ends, whom, (*agent).identity},
	"iam RemoveClientIDFromOpenIDConnectProvider": {restricts, audience, (*agent).identity},
	"iam AddClientIDToOpenIDConnectProvider":      {loosens, audience, nil},
}

// ruleOf is the rule for an event; false when there is none.
func ruleOf(e *event) (rule, bool) {
	name := e.service() + " " + e.Name
	if e.Name == "UpdateAccessKey" {
		name += " " + e.Request.text("status")
	}
	r, known := rules[name]
	return r, known
}

// What events are about. Names of identities are the same in whatever case.

func of(what string, whose func(*event) string) func(*event) string {
	return func(e *event) string { return what + " of " + whose(e) }
}

func keyState(e *event) string {
	if arn := e.arn(); arn != "" {
		return "key " + arn
	}
	return ""
}

func grant(e *event) string {
	id := e.Request.text("grantId")
	if id == "" {
		id = e.More.text("grantId") // RetireGrant has no parameters on record
	}
	return "grant " + id + " on " + e.arn()
}

func alias(e *event) string {
	return e.Request.text("aliasName") + " of " + e.Account + " in " + e.Region
}

func materialID(e *event) string {
	if id := e.Request.text("keyMaterialId"); id != "" {
		return id
	}
	return e.Response.text("keyMaterialId")
}

func material(e *event) string { return "material " + materialID(e) + " of " + e.arn() }

func keyStore(e *event) string {
	return "key store " + e.Request.text("customKeyStoreId") + " of " + e.Account + " in " + e.Region
}

func accessKey(e *event) string { return "access key " + e.Request.text("accessKeyId") }
func certificate(e *event) string {
	return "certificate " + e.Request.text("name") + " of " + e.Request.text("account")
}

// whom is the user, group, role, policy or provider of an event of IAM.
func whom(e *event) string {
	for _, p := range []string{"groupName", "roleName", "userName"} {
		if name := e.Request.text(p); name != "" {
			return strings.TrimSuffix(p, "Name") + " " + strings.ToLower(name) + " of " + e.Account
		}
	}
	if arn := e.Request.text("policyArn"); arn != "" {
		return strings.ToLower(arn)
	}
	return e.Request.text("openIDConnectProviderArn")
}

func attachment(e *event) string { return e.Request.text("policyArn") + " at " + whom(e) }
func inline(e *event) string {
	return "inline policy " + strings.ToLower(e.Request.text("policyName")) + " of " + whom(e)
}
func boundary(e *event) string { return "permissions boundary of " + whom(e) }
func audience(e *event) string { return "client id " + e.Request.text("clientID") + " of " + whom(e) }
func member(e *event) string {
	return "user " + strings.ToLower(e.Request.text("userName")) + " in " + whom(e)
}
