package reference

import (
	"slices"
	"strings"

	"qkms/internal/wire/shape"
)

// permissions are those of an operation. Most need the action of their name on the key of the request, and what is not so
// is in the tables below. That all of it is what the operation table asks for is tested with the examples.
func permissions(operation string) []Permission {
	all := slices.Clone(specialPermissions[operation])
	if all == nil {
		all = []Permission{{Action: "kms:" + operation, On: OnKey, CrossAccount: crossAccount[operation]}}
		if aboutNoKey[operation] {
			all[0].On = OnAll
		}
	}
	for i, p := range all {
		name := shape.GrantOperation(strings.TrimPrefix(p.Action, "kms:"))
		all[i].Grantable = p.On == OnKey && slices.Contains(name.Values(), name)
	}
	return all
}

// crossAccount are the operations that another account's key can be used with.
var crossAccount = map[string]bool{
	"CreateGrant": true, "Decapsulate": true, "Decrypt": true, "DeriveSharedSecret": true, "DescribeKey": true,
	"Encapsulate": true, "Encrypt": true, "GenerateDataKey": true, "GenerateDataKeyPair": true,
	"GenerateDataKeyPairWithoutPlaintext": true, "GenerateDataKeyWithoutPlaintext": true, "GenerateMac": true,
	"GetKeyRotationStatus": true, "GetPublicKey": true, "ListGrants": true, "RetireGrant": true, "RevokeGrant": true,
	"Sign": true, "Verify": true, "VerifyMac": true,
}

// aboutNoKey are the operations whose permission is on "*".
var aboutNoKey = map[string]bool{
	"ConnectCustomKeyStore": true, "CreateCustomKeyStore": true, "DeleteCustomKeyStore": true,
	"DescribeCustomKeyStores": true, "DisconnectCustomKeyStore": true, "GenerateRandom": true, "ListAliases": true,
	"ListKeys": true, "UpdateCustomKeyStore": true,
}

var specialPermissions = map[string][]Permission{
	"CreateAlias": {
		{Action: "kms:CreateAlias", On: OnKey},
		{Action: "kms:CreateAlias", On: OnAlias},
	},
	"CreateKey": {
		{Action: "kms:CreateKey", On: OnAll},
		{Action: "kms:TagResource", On: OnAll, When: "the request has Tags"},
	},
	"DeleteAlias": {
		{Action: "kms:DeleteAlias", On: OnKey},
		{Action: "kms:DeleteAlias", On: OnAlias},
	},
	"ListRetirableGrants": {
		{Action: "kms:ListRetirableGrants", On: OnPrincipal},
	},
	"ReEncrypt": {
		{Action: "kms:ReEncryptFrom", On: OnKey, Which: "the source key", CrossAccount: true},
		{Action: "kms:ReEncryptTo", On: OnKey, Which: "the destination key", CrossAccount: true},
	},
	"ReplicateKey": {
		{Action: "kms:ReplicateKey", On: OnKey, Which: "the primary key"},
		{Action: "kms:CreateKey", On: OnAll, Which: "in the Region of the replica"},
		{Action: "kms:TagResource", On: OnAll, Which: "in the Region of the replica", When: "the request has Tags"},
	},
	"UpdateAlias": {
		{Action: "kms:UpdateAlias", On: OnKey, Which: "the key that the alias names now"},
		{Action: "kms:UpdateAlias", On: OnKey, Which: "the key that it is to name"},
		{Action: "kms:UpdateAlias", On: OnAlias},
	},
	"UpdatePrimaryRegion": {
		{Action: "kms:UpdatePrimaryRegion", On: OnKey, Which: "the primary key"},
		{Action: "kms:UpdatePrimaryRegion", On: OnKey, Which: "the replica that becomes the primary"},
	},
}
