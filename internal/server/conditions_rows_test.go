package server_test

import (
	"strconv"
	"strings"
	"time"

	"qkms/internal/kmstest"
)

// Operations of the column "Operations" of access.md §5.1.
const (
	dataKeys  = " GenerateDataKey GenerateDataKeyWithoutPlaintext GenerateDataKeyPair GenerateDataKeyPairWithoutPlaintext"
	ciphering = "Encrypt Decrypt ReEncryptFrom ReEncryptTo" + dataKeys
	keyStores = "ConnectCustomKeyStore CreateCustomKeyStore DeleteCustomKeyStore DescribeCustomKeyStores DisconnectCustomKeyStore UpdateCustomKeyStore"
	lists     = "ListKeys ListAliases ListRetirableGrants GenerateRandom"
	attesting = "Decrypt DeriveSharedSecret GenerateDataKey GenerateDataKeyPair"
)

// asked are requests that say what conditions are about. What comes of one that is let through does not matter
// here, as long as it changes nothing that another relies on.
var asked = map[string]string{
	"CreateGrant": `{"KeyId":"$aes","GranteePrincipal":"$alice","RetiringPrincipal":"$alice","Operations":["Decrypt"],"DryRun":true,
		"Constraints":{"EncryptionContextSubset":{"App":"orders"}}}`,
	"CreateKey":                           `{"Tags":[{"TagKey":"Team","TagValue":"red"}],"Policy":"{}"}`,
	"Decrypt":                             `{"KeyId":"$aes","CiphertextBlob":"aGk=","EncryptionContext":{"App":"orders"}}`,
	"DeriveSharedSecret":                  `{"KeyId":"$ecc","KeyAgreementAlgorithm":"ECDH","PublicKey":"aGk="}`,
	"DescribeKey":                         `{"KeyId":"$aes"}`,
	"DisableKey":                          `{"KeyId":"$spare"}`,
	"EnableKeyRotation":                   `{"KeyId":"$aes"}`,
	"Encrypt":                             `{"KeyId":"$aes","Plaintext":"aGk=","EncryptionContext":{"App":"orders"}}`,
	"GenerateDataKey":                     `{"KeyId":"$aes","KeySpec":"AES_256","EncryptionContext":{"App":"orders"}}`,
	"GenerateDataKeyPair":                 `{"KeyId":"$aes","KeyPairSpec":"ECC_NIST_P256","EncryptionContext":{"App":"orders"}}`,
	"GenerateDataKeyPairWithoutPlaintext": `{"KeyId":"$aes","KeyPairSpec":"ECC_NIST_P256","EncryptionContext":{"App":"orders"}}`,
	"GenerateDataKeyWithoutPlaintext":     `{"KeyId":"$aes","KeySpec":"AES_256","EncryptionContext":{"App":"orders"}}`,
	"GenerateMac":                         `{"KeyId":"$hmac","Message":"aGk=","MacAlgorithm":"HMAC_SHA_256"}`,
	"GenerateRandom":                      `{"NumberOfBytes":1}`,
	"GetParametersForImport":              `{"KeyId":"$aes","WrappingAlgorithm":"RSAES_OAEP_SHA_256","WrappingKeySpec":"RSA_2048"}`,
	"GetPublicKey":                        `{"KeyId":"$ecc"}`,
	"ImportKeyMaterial":                   `{"KeyId":"$ext","ImportToken":"aGk=","EncryptedKeyMaterial":"aGk=","ExpirationModel":"KEY_MATERIAL_EXPIRES","ValidTo":1900000000}`,
	"ListAliases":                         `{}`,
	"ListGrants":                          `{"KeyId":"$aes"}`,
	"ListKeys":                            `{}`,
	"ListRetirableGrants":                 `{"RetiringPrincipal":"$alice"}`,
	"PutKeyPolicy":                        `{"KeyId":"$aes","Policy":"{}"}`,
	"ReEncrypt": `{"SourceKeyId":"$aes","DestinationKeyId":"$other","CiphertextBlob":"aGk=","SourceEncryptionContext":{"App":"orders"},
		"DestinationEncryptionContext":{"App":"orders"}}`,
	"ReplicateKey":        `{"KeyId":"$mrk","ReplicaRegion":"eu-west-1","Tags":[{"TagKey":"Team","TagValue":"red"}],"Policy":"{}"}`,
	"RetireGrant":         `{"GrantToken":"$equals","DryRun":true}`,
	"RevokeGrant":         `{"KeyId":"$aes","GrantId":"$none"}`,
	"ScheduleKeyDeletion": `{"KeyId":"$spare","PendingWindowInDays":31}`,
	"Sign":                `{"KeyId":"$sign","Message":"aGk=","SigningAlgorithm":"ECDSA_SHA_256"}`,
	"TagResource":         `{"KeyId":"$aes","Tags":[{"TagKey":"Team","TagValue":"red"}]}`,
	"UntagResource":       `{"KeyId":"$aes","TagKeys":["Team"]}`,
	"UpdatePrimaryRegion": `{"KeyId":"$mrk","PrimaryRegion":"us-east-1"}`,
	"Verify":              `{"KeyId":"$sign","Message":"aGk=","Signature":"aGk=","SigningAlgorithm":"ECDSA_SHA_256"}`,
	"VerifyMac":           `{"KeyId":"$hmac","Message":"aGk=","Mac":"aGk=","MacAlgorithm":"HMAC_SHA_256"}`,

	"ConnectCustomKeyStore":    `{"CustomKeyStoreId":"cks-1234567890abcdef0"}`,
	"CreateCustomKeyStore":     `{"CustomKeyStoreName":"x"}`,
	"DeleteCustomKeyStore":     `{"CustomKeyStoreId":"cks-1234567890abcdef0"}`,
	"DescribeCustomKeyStores":  `{}`,
	"DisconnectCustomKeyStore": `{"CustomKeyStoreId":"cks-1234567890abcdef0"}`,
	"UpdateCustomKeyStore":     `{"CustomKeyStoreId":"cks-1234567890abcdef0"}`,
}

// conditionRows are the rows of access.md §5.1, then of §5.2, by the kind of caller whose requests they are
// about.
var conditionRows = map[string]func(w *conditionals) []condition{
	"user": func(w *conditionals) []condition {
		return append(append(kmsConditions(), grantConditions()...), userConditions(w)...)
	},
	"root":      func(*conditionals) []condition { return rootConditions() },
	"session":   func(w *conditionals) []condition { return sessionConditions(w) },
	"forwarded": func(*conditionals) []condition { return forwardedConditions() },
	"service":   func(*conditionals) []condition { return serviceConditions() },
}

func kmsConditions() []condition {
	created := func(name, kind, value, body string) condition {
		return condition{name: name, kind: kind, value: value, actions: "CreateKey", body: body, where: identityOnly}
	}
	replica := func(name, kind, value string) condition {
		return condition{name: name, kind: kind, value: value, actions: "CreateKey", body: asked["ReplicateKey"], operation: "ReplicateKey", where: identityOnly}
	}
	measured := func(n string) string { return strings.Repeat(n, 48) }
	const bypass = `"Policy":"{}","BypassPolicyLockoutSafetyCheck":true}`
	rows := []condition{
		{name: "kms:BypassPolicyLockoutSafetyCheck", actions: "PutKeyPolicy"},
		{name: "kms:BypassPolicyLockoutSafetyCheck", kind: "Bool", value: "true", actions: "PutKeyPolicy", body: `{"KeyId":"$aes",` + bypass},
		created("kms:BypassPolicyLockoutSafetyCheck", "", "", ""),
		created("kms:BypassPolicyLockoutSafetyCheck", "Bool", "true", "{"+bypass),

		{name: "kms:CallerAccount", kind: "String", value: kmstest.Account, actions: "DescribeKey Encrypt DisableKey"},
		{name: "kms:CallerAccount", kind: "String", value: kmstest.Account, actions: keyStores + " CreateKey", where: identityOnly},
		{name: "kms:CallerAccount", actions: lists, where: identityOnly},

		{name: "kms:DataKeyPairSpec", kind: "String", value: "ECC_NIST_P256", actions: "GenerateDataKeyPair GenerateDataKeyPairWithoutPlaintext"},
		{name: "kms:DataKeyPairSpec", actions: "GenerateDataKey"},

		{name: "kms:EncryptionAlgorithm", kind: "String", value: "SYMMETRIC_DEFAULT", actions: ciphering},
		{name: "kms:EncryptionAlgorithm", kind: "String", value: "RSAES_OAEP_SHA_256", actions: "Encrypt", body: `{"KeyId":"$rsa","Plaintext":"aGk=","EncryptionAlgorithm":"RSAES_OAEP_SHA_256"}`},
		{name: "kms:EncryptionAlgorithm", kind: "String", value: "RSAES_OAEP_SHA_1", actions: "ReEncryptFrom", body: crossed},
		{name: "kms:EncryptionAlgorithm", kind: "String", value: "RSAES_OAEP_SHA_256", actions: "ReEncryptTo", body: crossed},
		{name: "kms:EncryptionAlgorithm", actions: "Sign GenerateMac DescribeKey"},

		{name: "kms:EncryptionContext:App", kind: "String", value: "orders", actions: ciphering},
		{name: "kms:EncryptionContext:aPP", kind: "String", value: "orders", actions: "Encrypt CreateGrant"},
		{name: "kms:EncryptionContext:App", kind: "String", value: "from", actions: "ReEncryptFrom", body: crossed},
		{name: "kms:EncryptionContext:App", kind: "String", value: "to", actions: "ReEncryptTo", body: crossed},
		{name: "kms:EncryptionContext:Other", actions: "Encrypt"},
		{name: "kms:EncryptionContextKeys", kind: "Strings", value: "App", actions: ciphering},
		{name: "kms:EncryptionContextKeys", actions: "Encrypt", body: `{"KeyId":"$aes","Plaintext":"aGk="}`},

		{name: "kms:ExpirationModel", kind: "String", value: "KEY_MATERIAL_EXPIRES", actions: "ImportKeyMaterial"},
		{name: "kms:ExpirationModel", actions: "ImportKeyMaterial", body: `{"KeyId":"$ext","ImportToken":"aGk=","EncryptedKeyMaterial":"aGk="}`},
		{name: "kms:ValidTo", kind: "Numeric", value: "1900000000.0", actions: "ImportKeyMaterial"},
		{name: "kms:ValidTo", kind: "Date", value: "2030-03-17T17:46:40Z", actions: "ImportKeyMaterial"},
		{name: "kms:ValidTo", actions: "ImportKeyMaterial", body: `{"KeyId":"$ext","ImportToken":"aGk=","EncryptedKeyMaterial":"aGk="}`},
		{name: "kms:WrappingAlgorithm", kind: "String", value: "RSAES_OAEP_SHA_256", actions: "GetParametersForImport"},
		{name: "kms:WrappingKeySpec", kind: "String", value: "RSA_2048", actions: "GetParametersForImport"},

		{name: "kms:KeyAgreementAlgorithm", kind: "String", value: "ECDH", actions: "DeriveSharedSecret"},
		{name: "kms:MacAlgorithm", kind: "String", value: "HMAC_SHA_256", actions: "GenerateMac VerifyMac"},
		{name: "kms:SigningAlgorithm", kind: "String", value: "ECDSA_SHA_256", actions: "Sign Verify"},
		{name: "kms:SigningAlgorithm", actions: "Encrypt"},
		{name: "kms:MessageType", kind: "String", value: "RAW", actions: "Sign Verify"},
		{name: "kms:MessageType", kind: "String", value: "DIGEST", actions: "Verify", body: `{"KeyId":"$sign","Message":"aGk=","Signature":"aGk=","SigningAlgorithm":"ECDSA_SHA_256","MessageType":"DIGEST"}`},

		{name: "kms:KeySpec", kind: "String", value: "ECC_NIST_P256", actions: "GetPublicKey Sign DeriveSharedSecret"},
		{name: "kms:CustomerMasterKeySpec", kind: "String", value: "ECC_NIST_P256", actions: "GetPublicKey"},
		{name: "kms:KeyUsage", kind: "String", value: "KEY_AGREEMENT", actions: "GetPublicKey DeriveSharedSecret"},
		{name: "kms:CustomerMasterKeyUsage", kind: "String", value: "KEY_AGREEMENT", actions: "GetPublicKey"},
		{name: "kms:KeyOrigin", kind: "String", value: "EXTERNAL", actions: "ImportKeyMaterial"},
		{name: "kms:KeyOrigin", kind: "String", value: "AWS_KMS", actions: "DescribeKey"},
		{name: "kms:MultiRegion", kind: "Bool", value: "true", actions: "ReplicateKey"},
		{name: "kms:MultiRegion", kind: "Bool", value: "false", actions: "DescribeKey"},
		{name: "kms:MultiRegionKeyType", kind: "String", value: "PRIMARY", actions: "ReplicateKey"},
		{name: "kms:MultiRegionKeyType", actions: "DescribeKey"},

		created("kms:KeySpec", "String", "SYMMETRIC_DEFAULT", ""),
		created("kms:CustomerMasterKeySpec", "String", "SYMMETRIC_DEFAULT", ""),
		created("kms:KeySpec", "String", "RSA_2048", `{"KeySpec":"RSA_2048"}`),
		created("kms:KeySpec", "String", "RSA_2048", `{"CustomerMasterKeySpec":"RSA_2048"}`),
		created("kms:KeyUsage", "String", "ENCRYPT_DECRYPT", ""),
		created("kms:CustomerMasterKeyUsage", "String", "ENCRYPT_DECRYPT", ""),
		created("kms:KeyUsage", "String", "SIGN_VERIFY", `{"KeyUsage":"SIGN_VERIFY"}`),
		created("kms:KeyOrigin", "String", "AWS_KMS", ""),
		created("kms:KeyOrigin", "String", "EXTERNAL", `{"Origin":"EXTERNAL"}`),
		created("kms:MultiRegion", "Bool", "false", ""),
		created("kms:MultiRegion", "Bool", "true", `{"MultiRegion":true,"Policy":"{}"}`),
		created("kms:MultiRegionKeyType", "", "", ""),
		created("kms:MultiRegionKeyType", "String", "PRIMARY", `{"MultiRegion":true,"Policy":"{}"}`),
		created("aws:ResourceTag/Team", "String", "red", ""),
		created("aws:ResourceTag/Team", "", "", `{"Policy":"{}"}`),

		replica("kms:CallerAccount", "String", kmstest.Account),
		replica("kms:KeySpec", "String", "SYMMETRIC_DEFAULT"),
		replica("kms:KeyUsage", "String", "ENCRYPT_DECRYPT"),
		replica("kms:KeyOrigin", "String", "AWS_KMS"),
		replica("kms:MultiRegion", "Bool", "true"),
		replica("kms:MultiRegionKeyType", "String", "REPLICA"),
		replica("aws:ResourceTag/team", "String", "red"),
		replica("aws:RequestTag/team", "String", "red"),
		replica("aws:RequestedRegion", "String", "eu-west-1"),

		{name: "kms:PrimaryRegion", kind: "String", value: "us-east-1", actions: "UpdatePrimaryRegion"},
		{name: "kms:ReplicaRegion", kind: "String", value: "eu-west-1", actions: "ReplicateKey"},
		{name: "kms:ReEncryptOnSameKey", kind: "Bool", value: "false", actions: "ReEncryptFrom ReEncryptTo"},
		{name: "kms:ReEncryptOnSameKey", kind: "Bool", value: "true", actions: "ReEncryptFrom ReEncryptTo", body: `{"SourceKeyId":"$aes","DestinationKeyId":"$aesARN","CiphertextBlob":"aGk="}`},

		{name: "kms:RequestAlias", kind: "String", value: "alias/a", actions: "Encrypt", body: `{"KeyId":"alias/a","Plaintext":"aGk="}`},
		{name: "kms:RequestAlias", kind: "String", value: "alias/a", actions: "Decrypt", body: `{"KeyId":"alias/a","CiphertextBlob":"aGk="}`},
		{name: "kms:RequestAlias", kind: "String", value: "alias/a", actions: "DescribeKey GetPublicKey", body: `{"KeyId":"arn:aws:kms:us-east-1:` + kmstest.Account + `:alias/a"}`},
		{name: "kms:RequestAlias", kind: "String", value: "alias/a", actions: "ReEncryptFrom", body: aliased},
		{name: "kms:RequestAlias", kind: "String", value: "alias/b", actions: "ReEncryptTo", body: aliased},
		{name: "kms:RequestAlias", actions: "Encrypt DescribeKey"},
		{name: "kms:RequestAlias", actions: "Encrypt", body: `{"KeyId":"$aesARN","Plaintext":"aGk="}`},
		{name: "kms:ResourceAliases", actions: "Encrypt", where: keyOnly},
		{name: "kms:ResourceAliases", kind: "Strings", value: "alias/a", actions: "Encrypt DescribeKey EnableKeyRotation", where: identityOnly},
		{name: "kms:ResourceAliases", actions: "Sign", where: identityOnly},

		{name: "kms:RotationPeriodInDays", kind: "Numeric", value: "365", actions: "EnableKeyRotation"},
		{name: "kms:RotationPeriodInDays", kind: "Numeric", value: "100", actions: "EnableKeyRotation", body: `{"KeyId":"$aes","RotationPeriodInDays":100}`},
		{name: "kms:ScheduleKeyDeletionPendingWindowInDays", kind: "Numeric", value: "31", actions: "ScheduleKeyDeletion"},
		{name: "kms:TrailingDaysWithoutKeyUsage", kind: "Numeric", value: "0", actions: "DisableKey ScheduleKeyDeletion"},
		{name: "kms:TrailingDaysWithoutKeyUsage", actions: "DescribeKey"},
		{name: "kms:ViaService", actions: "Encrypt DescribeKey"},
	}
	// What is attested, by document; nothing without one, and nothing by one that is not to be believed.
	for document, values := range map[string]map[string]string{
		"":        {"PCR0": ""},
		"forged":  {"PCR0": "", "NitroTPMPCR0": ""},
		"enclave": {"PCR8": measured("a8"), "PCR31": "", "ImageSha384": measured("a0"), "NitroTPMPCR0": ""},
		"tpm":     {"NitroTPMPCR8": measured("a8"), "ImageSha384": ""},
	} {
		for register, v := range values {
			name := "kms:RecipientAttestation:" + register
			for action := range strings.FieldsSeq(attesting) {
				rows = append(rows, condition{name: name, kind: "String", value: v, actions: action, body: received(action, document)})
			}
			rows = append(rows, condition{name: name, kind: "String", value: v, actions: "GenerateRandom", body: received("GenerateRandom", document), where: identityOnly})
		}
	}
	return rows
}

// received is the request of an operation with an attestation document, if it names one.
func received(operation, document string) string {
	if document == "" {
		return asked[operation]
	}
	return strings.TrimSuffix(asked[operation], "}") + ",$" + document + "}"
}

const (
	// crossed says something else about each of its keys.
	crossed = `{"SourceKeyId":"$rsa","DestinationKeyId":"$rsa","CiphertextBlob":"aGk=","SourceEncryptionAlgorithm":"RSAES_OAEP_SHA_1",
		"DestinationEncryptionAlgorithm":"RSAES_OAEP_SHA_256","SourceEncryptionContext":{"App":"from"},"DestinationEncryptionContext":{"App":"to"}}`
	aliased = `{"SourceKeyId":"alias/a","DestinationKeyId":"alias/b","CiphertextBlob":"aGk="}`
)

func grantConditions() []condition {
	const free = `{"KeyId":"$aes","GranteePrincipal":"$alice","Operations":["Decrypt"],"DryRun":true}`
	const service = `{"KeyId":"$aes","GranteeServicePrincipal":"s3.amazonaws.com","RetiringServicePrincipal":"ec2.amazonaws.com","Operations":["Decrypt"],
		"Constraints":{"SourceArn":"arn:aws:s3:::bucket-of-theirs"},"DryRun":true}`
	retired := func(name, kind, value, token string) condition { // a key policy has no say in it (§6.6)
		return condition{name: name, kind: kind, value: value, actions: "RetireGrant", body: `{"GrantToken":"$` + token + `","DryRun":true}`, where: identityOnly}
	}
	return []condition{
		{name: "kms:GrantConstraintType", kind: "String", value: "EncryptionContextSubset", actions: "CreateGrant"},
		{name: "kms:GrantConstraintType", actions: "CreateGrant", body: free},
		{name: "kms:GrantConstraintType", actions: "CreateGrant", body: service},
		{name: "kms:GrantConstraintSourceArn", kind: "ARN", value: "arn:aws:s3:::bucket-of-theirs", actions: "CreateGrant", body: service},
		{name: "kms:GrantConstraintSourceArn", actions: "CreateGrant"},
		{name: "kms:GrantIsForAWSResource", kind: "Bool", value: "false", actions: "CreateGrant ListGrants RevokeGrant"},
		{name: "kms:GrantIsForAWSResource", actions: "DescribeKey"},
		{name: "kms:GrantOperations", kind: "Strings", value: "Decrypt", actions: "CreateGrant"},
		{name: "kms:GranteePrincipal", kind: "String", value: alice, actions: "CreateGrant"},
		{name: "kms:GranteePrincipal", actions: "CreateGrant", body: service},
		{name: "kms:RetiringPrincipal", kind: "String", value: alice, actions: "CreateGrant"},
		{name: "kms:RetiringPrincipal", actions: "CreateGrant", body: free},
		{name: "kms:GranteeServicePrincipal", kind: "String", value: "s3.amazonaws.com", actions: "CreateGrant", body: service},
		{name: "kms:GranteeServicePrincipal", actions: "CreateGrant"},
		{name: "kms:RetiringServicePrincipal", kind: "String", value: "ec2.amazonaws.com", actions: "CreateGrant", body: service},
		{name: "kms:RetiringServicePrincipal", actions: "CreateGrant"},
		{name: "kms:EncryptionContext:App", kind: "String", value: "orders", actions: "CreateGrant"},
		{name: "kms:EncryptionContextKeys", kind: "Strings", value: "App", actions: "CreateGrant"},
		{name: "kms:EncryptionContextKeys", actions: "CreateGrant", body: free},
		retired("kms:EncryptionContext:App", "String", "orders", "equals"),
		retired("kms:EncryptionContextKeys", "Strings", "App", "equals"),
		retired("kms:GrantConstraintType", "String", "EncryptionContextEquals", "equals"),
		retired("kms:EncryptionContextKeys", "", "", "free"),
		retired("kms:GrantConstraintType", "", "", "free"),
	}
}

func userConditions(w *conditionals) []condition {
	const tester = "arn:aws:iam::" + kmstest.Account + ":user/tester"
	now := w.Clock.Now()
	rows := []condition{
		{name: "aws:CurrentTime", kind: "Date", value: now.Format(time.RFC3339), actions: "DescribeKey"},
		{name: "aws:EpochTime", kind: "Numeric", value: strconv.FormatInt(now.Unix(), 10), actions: "DescribeKey"},
		{name: "aws:EpochTime", kind: "Date", value: strconv.FormatInt(now.Unix(), 10), actions: "DescribeKey"},
		{name: "aws:SecureTransport", kind: "Bool", value: "false", actions: "DescribeKey"},
		{name: "aws:SourceIp", kind: "IP", value: "127.0.0.0/8", actions: "DescribeKey"},
		{name: "aws:UserAgent", kind: "String", value: "Go-http-client/1.1", actions: "DescribeKey"},
		{name: "aws:RequestedRegion", kind: "String", value: kmstest.Region, actions: "DescribeKey"},
		{name: "aws:ViaAWSService", kind: "Bool", value: "false", actions: "DescribeKey"},
		{name: "aws:PrincipalArn", kind: "ARN", value: tester, actions: "DescribeKey"},
		{name: "aws:PrincipalAccount", kind: "String", value: kmstest.Account, actions: "DescribeKey"},
		{name: "aws:PrincipalType", kind: "String", value: "User", actions: "DescribeKey"},
		{name: "aws:userid", kind: "String", value: "AIDAAAAAAAAAAAAAAAAAA", actions: "DescribeKey"},
		{name: "aws:username", kind: "String", value: "tester", actions: "DescribeKey"},
		{name: "aws:PrincipalTag/dept", kind: "String", value: "a", actions: "DescribeKey"},
		{name: "aws:PrincipalIsAWSService", kind: "Bool", value: "false", actions: "DescribeKey"},
		{name: "aws:ResourceAccount", kind: "String", value: kmstest.Account, actions: "DescribeKey"},
		{name: "aws:ResourceTag/team", kind: "String", value: "red", actions: "Encrypt", body: `{"KeyId":"$tagged","Plaintext":"aGk="}`, where: identityOnly},
		{name: "aws:ResourceTag/team", actions: "Encrypt", body: `{"KeyId":"$tagged","Plaintext":"aGk="}`, where: keyOnly},
		{name: "aws:ResourceTag/team", actions: "TagResource", where: keyOnly},
		{name: "aws:ResourceTag/team", actions: "ReplicateKey"}, // the primary has no tags
		{name: "aws:ResourceTag/team", actions: lists + " " + keyStores, where: identityOnly},
		{name: "aws:RequestTag/team", kind: "String", value: "red", actions: "TagResource ReplicateKey"},
		{name: "aws:RequestTag/Team", kind: "String", value: "red", actions: "CreateKey", where: identityOnly},
		{name: "aws:RequestTag/Team", actions: "UntagResource DescribeKey"},
		{name: "aws:TagKeys", kind: "Strings", value: "Team", actions: "TagResource UntagResource ReplicateKey"},
		{name: "aws:TagKeys", kind: "Strings", value: "Team", actions: "CreateKey", where: identityOnly},
		{name: "aws:TagKeys", actions: "DescribeKey"},
		{name: "unknown", actions: "DescribeKey"},
	}
	for name := range strings.FieldsSeq(`VpcSourceIp SourceVpc SourceVpce referer PrincipalTag/none PrincipalServiceName PrincipalServiceNamesList
		PrincipalOrgID PrincipalOrgPaths ResourceOrgID ResourceOrgPaths MultiFactorAuthPresent MultiFactorAuthAge TokenIssueTime FederatedProvider
		SourceIdentity SourceArn SourceAccount CalledVia CalledViaFirst CalledViaLast`) {
		rows = append(rows, condition{name: "aws:" + name, actions: "DescribeKey"})
	}
	return rows
}

func rootConditions() []condition {
	return []condition{
		{name: "aws:PrincipalArn", kind: "ARN", value: "arn:aws:iam::" + kmstest.Account + ":root", actions: "DescribeKey", where: keyOnly},
		{name: "aws:PrincipalType", kind: "String", value: "Account", actions: "DescribeKey", where: keyOnly},
		{name: "aws:userid", kind: "String", value: kmstest.Account, actions: "DescribeKey", where: keyOnly},
		{name: "aws:username", actions: "DescribeKey", where: keyOnly},
	}
}

func sessionConditions(w *conditionals) []condition {
	return []condition{
		{name: "aws:PrincipalArn", kind: "ARN", value: "arn:aws:iam::" + kmstest.Account + ":role/app/tester", actions: "DescribeKey"},
		{name: "aws:PrincipalAccount", kind: "String", value: kmstest.Account, actions: "DescribeKey"},
		{name: "aws:PrincipalType", kind: "String", value: "AssumedRole", actions: "DescribeKey"},
		{name: "aws:userid", kind: "String", value: "AROAAAAAAAAAAAAAAAAAA:job", actions: "DescribeKey"},
		{name: "aws:username", actions: "DescribeKey"},
		{name: "aws:PrincipalTag/Dept", kind: "String", value: "b", actions: "DescribeKey"}, // the session's, not the role's
		{name: "aws:PrincipalTag/stage", kind: "String", value: "test", actions: "DescribeKey"},
		{name: "aws:MultiFactorAuthPresent", kind: "Bool", value: "false", actions: "DescribeKey"},
		{name: "aws:MultiFactorAuthAge", actions: "DescribeKey"},
		{name: "aws:TokenIssueTime", kind: "Date", value: w.Clock.Now().Format(time.RFC3339), actions: "DescribeKey"},
		{name: "aws:SourceIdentity", kind: "String", value: "bob", actions: "DescribeKey"},
		{name: "aws:FederatedProvider", kind: "String", value: "arn:aws:iam::" + kmstest.Account + ":oidc-provider/id.example.com", actions: "DescribeKey"},
		{name: "aws:ViaAWSService", kind: "Bool", value: "false", actions: "DescribeKey"},
		{name: "kms:GrantIsForAWSResource", kind: "Bool", value: "false", actions: "CreateGrant"},
	}
}

func forwardedConditions() []condition {
	return []condition{
		{name: "kms:ViaService", kind: "String", value: "s3.us-east-1.amazonaws.com", actions: "DescribeKey Encrypt EnableKeyRotation"},
		{name: "kms:ViaService", actions: lists, where: identityOnly},
		{name: "kms:GrantIsForAWSResource", kind: "Bool", value: "true", actions: "CreateGrant ListGrants RevokeGrant"},
		{name: "aws:ViaAWSService", kind: "Bool", value: "true", actions: "DescribeKey"},
		{name: "aws:CalledVia", kind: "Strings", value: "s3.amazonaws.com", actions: "DescribeKey"},
		{name: "aws:CalledViaFirst", kind: "String", value: "s3.amazonaws.com", actions: "DescribeKey"},
		{name: "aws:CalledViaLast", kind: "String", value: "s3.amazonaws.com", actions: "DescribeKey"},
	}
}

func serviceConditions() []condition {
	return []condition{
		{name: "aws:PrincipalIsAWSService", kind: "Bool", value: "true", actions: "DescribeKey", body: `{"KeyId":"$aesARN"}`, where: keyOnly},
		{name: "aws:PrincipalServiceName", kind: "String", value: "s3.amazonaws.com", actions: "DescribeKey", body: `{"KeyId":"$aesARN"}`, where: keyOnly},
		{name: "aws:PrincipalServiceNamesList", kind: "Strings", value: "s3.amazonaws.com", actions: "DescribeKey", body: `{"KeyId":"$aesARN"}`, where: keyOnly},
		{name: "aws:SourceArn", kind: "ARN", value: "arn:aws:s3:::bucket-of-theirs", actions: "DescribeKey", body: `{"KeyId":"$aesARN"}`, where: keyOnly},
		{name: "aws:SourceAccount", kind: "String", value: "444455556666", actions: "DescribeKey", body: `{"KeyId":"$aesARN"}`, where: keyOnly},
		{name: "aws:PrincipalArn", actions: "DescribeKey", body: `{"KeyId":"$aesARN"}`, where: keyOnly},
		{name: "aws:userid", actions: "DescribeKey", body: `{"KeyId":"$aesARN"}`, where: keyOnly},
		{name: "kms:CallerAccount", actions: "DescribeKey", body: `{"KeyId":"$aesARN"}`, where: keyOnly},
	}
}
