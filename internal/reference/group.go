package reference

import (
	"regexp"

	"qkms/internal/op"
)

// A Group is operations about one thing.
type Group struct {
	About      string
	Operations []string
}

// Groups are all operations by what they are about.
var Groups = []Group{
	{"Keys", []string{"CreateKey", "DescribeKey", "ListKeys", "EnableKey", "DisableKey", "UpdateKeyDescription", "ScheduleKeyDeletion", "CancelKeyDeletion", "GetKeyLastUsage"}},
	{"Encryption and data keys", []string{
		"Encrypt", "Decrypt", "ReEncrypt", "GenerateDataKey", "GenerateDataKeyWithoutPlaintext", "GenerateDataKeyPair",
		"GenerateDataKeyPairWithoutPlaintext", "GenerateRandom",
	}},
	{"Signatures, MACs and shared secrets", []string{"Sign", "Verify", "GetPublicKey", "GenerateMac", "VerifyMac", "DeriveSharedSecret", "Encapsulate", "Decapsulate"}},
	{"Aliases", []string{"CreateAlias", "UpdateAlias", "DeleteAlias", "ListAliases"}},
	{"Key policies and tags", []string{"GetKeyPolicy", "PutKeyPolicy", "ListKeyPolicies", "TagResource", "UntagResource", "ListResourceTags"}},
	{"Grants", []string{"CreateGrant", "ListGrants", "ListRetirableGrants", "RetireGrant", "RevokeGrant"}},
	{"Rotation", []string{"EnableKeyRotation", "DisableKeyRotation", "GetKeyRotationStatus", "RotateKeyOnDemand", "ListKeyRotations"}},
	{"Imported key material", []string{"GetParametersForImport", "ImportKeyMaterial", "DeleteImportedKeyMaterial"}},
	{"Multi-Region keys", []string{"ReplicateKey", "UpdatePrimaryRegion"}},
	{"Custom key stores", []string{
		"CreateCustomKeyStore", "DescribeCustomKeyStores", "ConnectCustomKeyStore", "DisconnectCustomKeyStore",
		"UpdateCustomKeyStore", "DeleteCustomKeyStore",
	}},
}

// Choices are what was chosen where AWS's behaviour is not established, whatever operation it is about.
func Choices() []op.Choice { return op.Choices }

// choicesOf are those of one operation by its name.
func choicesOf(operation string) (of []op.Choice) {
	word := regexp.MustCompile(`\b` + operation + `\b`)
	for _, c := range op.Choices {
		if word.MatchString(c.About) {
			of = append(of, c)
		}
	}
	return of
}
