package server_test

import (
	"crypto/rand"
	"crypto/rsa"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"

	"qkms/internal/attest/attesttest"
	"qkms/internal/kmstest"
)

// denying is a policy that gives the account everything but what a condition says.
func denying(operator, name string, value any) string {
	b, _ := json.Marshal(map[string]any{"Version": "2012-10-17", "Statement": []any{
		map[string]any{"Effect": "Allow", "Principal": map[string]string{"AWS": kmstest.Account}, "Action": "kms:*", "Resource": "*"},
		map[string]any{
			"Effect": "Deny", "Principal": "*", "NotAction": "kms:PutKeyPolicy", "Resource": "*",
			"Condition": map[string]any{operator: map[string]any{name: value}},
		},
	}})
	return string(b)
}

// Each condition key has the value that access.md §5 says, for an operation that has it: a Deny of just this
// value refuses, and a Deny of everything but it does not.
func TestConditionKeys(t *testing.T) {
	s := kmstest.New(t)
	c := s.As(kmstest.Account)
	create := func(body string) string { return c.Must("CreateKey", body).String("KeyMetadata.KeyId") }
	keys := map[string]string{
		"aes": create(`{}`), "rsa": create(`{"KeySpec":"RSA_2048","KeyUsage":"SIGN_VERIFY"}`), "hmac": create(`{"KeySpec":"HMAC_256","KeyUsage":"GENERATE_VERIFY_MAC"}`),
		"ecc": create(`{"KeySpec":"ECC_NIST_P256","KeyUsage":"KEY_AGREEMENT"}`), "mrk": create(`{"MultiRegion":true}`), "ext": create(`{"Origin":"EXTERNAL"}`),
	}
	c.Must("CreateAlias", map[string]string{"AliasName": "alias/a", "TargetKeyId": keys["aes"]})
	const encrypt = `"Plaintext":"aGk=","EncryptionContext":{"App":"orders"}`
	const grant = `"GranteePrincipal":"` + alice + `","RetiringPrincipal":"` + alice + `","Operations":["Decrypt"],"Constraints":{"EncryptionContextSubset":{"App":"orders"}}`
	validTo := s.Clock.Now().Add(time.Hour).Unix()
	for _, row := range []struct{ name, value, key, operation, body string }{
		{"kms:EncryptionContext:App", "orders", "aes", "Encrypt", encrypt},
		{"kms:EncryptionContext:aPP", "orders", "aes", "GenerateDataKeyWithoutPlaintext", `"EncryptionContext":{"App":"orders"}`},
		{"kms:EncryptionContextKeys", "App", "aes", "Encrypt", encrypt},
		{"kms:EncryptionAlgorithm", "SYMMETRIC_DEFAULT", "aes", "Encrypt", encrypt},
		{"kms:EncryptionAlgorithm", "SYMMETRIC_DEFAULT", "aes", "GenerateDataKey", `"KeySpec":"AES_256"`},
		{"kms:RequestAlias", "alias/a", "alias/a", "Encrypt", encrypt},
		{"kms:RequestAlias", "alias/a", "arn:aws:kms:us-east-1:" + kmstest.Account + ":alias/a", "DescribeKey", ``},
		{"kms:CallerAccount", kmstest.Account, "aes", "DescribeKey", ``},
		{"kms:KeySpec", "RSA_2048", "rsa", "DescribeKey", ``},
		{"kms:CustomerMasterKeySpec", "RSA_2048", "rsa", "DescribeKey", ``},
		{"kms:KeyUsage", "SIGN_VERIFY", "rsa", "DescribeKey", ``},
		{"kms:CustomerMasterKeyUsage", "SIGN_VERIFY", "rsa", "DescribeKey", ``},
		{"kms:KeyOrigin", "EXTERNAL", "ext", "DescribeKey", ``},
		{"kms:MultiRegion", "true", "mrk", "DescribeKey", ``},
		{"kms:MultiRegion", "false", "aes", "DescribeKey", ``},
		{"kms:MultiRegionKeyType", "PRIMARY", "mrk", "DescribeKey", ``},
		{"kms:DataKeyPairSpec", "ECC_NIST_P256", "aes", "GenerateDataKeyPair", `"KeyPairSpec":"ECC_NIST_P256"`},
		{"kms:DataKeyPairSpec", "ECC_NIST_P256", "aes", "GenerateDataKeyPairWithoutPlaintext", `"KeyPairSpec":"ECC_NIST_P256"`},
		{"kms:SigningAlgorithm", "RSASSA_PSS_SHA_256", "rsa", "Sign", `"Message":"aGk=","SigningAlgorithm":"RSASSA_PSS_SHA_256"`},
		{"kms:MessageType", "RAW", "rsa", "Sign", `"Message":"aGk=","SigningAlgorithm":"RSASSA_PSS_SHA_256"`},
		{"kms:MessageType", "DIGEST", "rsa", "Verify", `"Message":"aGk=","Signature":"aGk=","SigningAlgorithm":"RSASSA_PSS_SHA_256","MessageType":"DIGEST"`},
		{"kms:SigningAlgorithm", "RSASSA_PSS_SHA_256", "rsa", "Verify", `"Message":"aGk=","Signature":"aGk=","SigningAlgorithm":"RSASSA_PSS_SHA_256"`},
		{"kms:MacAlgorithm", "HMAC_SHA_256", "hmac", "GenerateMac", `"Message":"aGk=","MacAlgorithm":"HMAC_SHA_256"`},
		{"kms:MacAlgorithm", "HMAC_SHA_256", "hmac", "VerifyMac", `"Message":"aGk=","Mac":"aGk=","MacAlgorithm":"HMAC_SHA_256"`},
		{"kms:KeyAgreementAlgorithm", "ECDH", "ecc", "DeriveSharedSecret", `"KeyAgreementAlgorithm":"ECDH","PublicKey":"aGk="`},
		{"kms:ReEncryptOnSameKey", "true", "aes", "ReEncrypt", `"CiphertextBlob":"aGk=","SourceKeyId":"$K","DestinationKeyId":"$K"`},
		{"kms:ReEncryptOnSameKey", "false", "aes", "ReEncrypt", `"CiphertextBlob":"aGk=","SourceKeyId":"$K","DestinationKeyId":"` + create(`{}`) + `"`},
		{"kms:GrantOperations", "Decrypt", "aes", "CreateGrant", grant},
		{"kms:GranteePrincipal", alice, "aes", "CreateGrant", grant},
		{"kms:RetiringPrincipal", alice, "aes", "CreateGrant", grant},
		{"kms:GrantConstraintType", "EncryptionContextSubset", "aes", "CreateGrant", grant},
		{"kms:EncryptionContext:App", "orders", "aes", "CreateGrant", grant},
		{"kms:GrantIsForAWSResource", "false", "aes", "CreateGrant", grant},
		{"kms:GrantIsForAWSResource", "false", "aes", "ListGrants", ``},
		{"kms:GrantIsForAWSResource", "false", "aes", "RevokeGrant", `"GrantId":"` + strings.Repeat("0", 64) + `"`},
		{"kms:RotationPeriodInDays", "365", "aes", "EnableKeyRotation", ``},
		{"kms:RotationPeriodInDays", "100", "aes", "EnableKeyRotation", `"RotationPeriodInDays":100`},
		{"kms:ScheduleKeyDeletionPendingWindowInDays", "31", "aes", "ScheduleKeyDeletion", `"PendingWindowInDays":31`},
		{"kms:ReplicaRegion", "eu-west-1", "mrk", "ReplicateKey", `"ReplicaRegion":"eu-west-1"`},
		{"aws:RequestTag/Team", "red", "mrk", "ReplicateKey", `"ReplicaRegion":"eu-west-3","Tags":[{"TagKey":"Team","TagValue":"red"}]`},
		{"kms:PrimaryRegion", "us-east-1", "mrk", "UpdatePrimaryRegion", `"PrimaryRegion":"us-east-1"`},
		{"kms:WrappingAlgorithm", "RSAES_OAEP_SHA_256", "ext", "GetParametersForImport", `"WrappingAlgorithm":"RSAES_OAEP_SHA_256","WrappingKeySpec":"RSA_2048"`},
		{"kms:WrappingKeySpec", "RSA_2048", "ext", "GetParametersForImport", `"WrappingAlgorithm":"RSAES_OAEP_SHA_256","WrappingKeySpec":"RSA_2048"`},
		{"kms:ExpirationModel", "KEY_MATERIAL_EXPIRES", "ext", "ImportKeyMaterial", `"ImportToken":"aGk=","EncryptedKeyMaterial":"aGk=","ExpirationModel":"KEY_MATERIAL_EXPIRES"`},
		{"kms:ValidTo", strconv.FormatInt(validTo, 10), "ext", "ImportKeyMaterial", fmt.Sprintf(`"ImportToken":"aGk=","EncryptedKeyMaterial":"aGk=","ValidTo":%d`, validTo)},
		{"aws:RequestTag/team", "red", "aes", "TagResource", `"Tags":[{"TagKey":"Team","TagValue":"red"}]`},
		{"aws:TagKeys", "Team", "aes", "TagResource", `"Tags":[{"TagKey":"Team","TagValue":"red"}]`},
		{"aws:TagKeys", "Team", "aes", "UntagResource", `"TagKeys":["Team"]`},
		{"aws:PrincipalArn", "arn:aws:iam::" + kmstest.Account + ":root", "aes", "DescribeKey", ``},
		{"aws:PrincipalAccount", kmstest.Account, "aes", "DescribeKey", ``},
		{"aws:PrincipalType", "Account", "aes", "DescribeKey", ``},
		{"aws:PrincipalIsAWSService", "false", "aes", "DescribeKey", ``},
		{"aws:ViaAWSService", "false", "aes", "DescribeKey", ``},
		{"aws:userid", kmstest.Account, "aes", "DescribeKey", ``},
		{"aws:SourceIp", "127.0.0.1", "aes", "DescribeKey", ``},
		{"aws:SecureTransport", "false", "aes", "DescribeKey", ``},
		{"aws:RequestedRegion", "us-east-1", "aes", "DescribeKey", ``},
		{"aws:ResourceAccount", kmstest.Account, "aes", "DescribeKey", ``},
		{"aws:EpochTime", strconv.FormatInt(s.Clock.Now().Unix(), 10), "aes", "DescribeKey", ``},
		{"aws:CurrentTime", s.Clock.Now().Format(time.RFC3339), "aes", "DescribeKey", ``},
	} {
		t.Run(row.name+" "+row.operation, func(t *testing.T) {
			id, named := keys[row.key]
			target := id
			if !named {
				id, target = keys["aes"], row.key
			}
			body := `{` + strings.ReplaceAll(row.body, "$K", id) + `}`
			if row.operation != "ReEncrypt" {
				body = strings.TrimSuffix(`{"KeyId":"`+target+`",`+row.body, ",") + `}`
			}
			for operator, want := range map[string]bool{"StringEquals": true, "StringNotEquals": false} {
				c.Must("PutKeyPolicy", map[string]string{"KeyId": id, "Policy": denying(operator, row.name, row.value)})
				r := c.Call(row.operation, body)
				if got := strings.Contains(r.Message(), "explicit deny"); got != want {
					t.Errorf("Deny under %s %s: got %s, want a refusal: %t", operator, row.value, r.Raw, want)
				}
			}
		})
	}
}

// What a request lacks is absent to policies, and no default takes its place.
func TestAbsentConditionKeys(t *testing.T) {
	s := kmstest.New(t)
	c := s.As(kmstest.Account)
	id := newKey(c)
	c.Must("CreateAlias", map[string]string{"AliasName": "alias/a", "TargetKeyId": id})
	for _, name := range []string{
		"kms:EncryptionContextKeys", "kms:EncryptionContext:App", "kms:RequestAlias", "kms:ViaService", "kms:MultiRegionKeyType", "kms:ResourceAliases",
		"kms:SigningAlgorithm", "kms:RecipientAttestation:PCR0", "aws:username", "aws:MultiFactorAuthPresent", "aws:TokenIssueTime", "aws:ResourceTag/x",
		"aws:SourceVpce", "aws:PrincipalOrgID", "aws:TagKeys", "unknown",
	} {
		c.Must("PutKeyPolicy", map[string]string{"KeyId": id, "Policy": denying("Null", name, true)})
		if r := c.Call("Encrypt", `{"KeyId":"`+id+`","Plaintext":"aGk="}`); !strings.Contains(r.Message(), "explicit deny") {
			t.Errorf("%s: got %s, want a refusal since it is absent", name, r.Raw)
		}
	}
}

// A policy can keep a key for enclaves: only a document that is believed says what runs there.
func TestRecipientConditions(t *testing.T) {
	clock := kmstest.NewClock()
	hypervisor := attesttest.New(t, clock.Now())
	s := kmstest.With(t, kmstest.Options{Clock: clock, Attester: hypervisor.Root})
	c := s.As(kmstest.Account)
	enclave, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	id := newKey(c)
	for _, name := range []string{"kms:RecipientAttestation:PCR0", "kms:RecipientAttestation:ImageSha384"} {
		c.Must("PutKeyPolicy", map[string]string{"KeyId": id, "Policy": denying("Null", name, true)})
		for operation, body := range map[string]map[string]any{
			"GenerateDataKey": {"KeyId": id, "KeySpec": "AES_256"}, "GenerateDataKeyPair": {"KeyId": id, "KeyPairSpec": "ECC_NIST_P256"},
		} {
			if r := c.Call(operation, body); r.Code() != "AccessDeniedException" {
				t.Errorf("%s %s without a recipient: got %s", name, operation, r.Raw)
			}
			recipient := map[string]any{"KeyEncryptionAlgorithm": "RSAES_OAEP_SHA_256", "AttestationDocument": hypervisor.Document(t, &enclave.PublicKey, nil)}
			body["Recipient"] = recipient
			c.Must(operation, body)
			recipient["AttestationDocument"] = attesttest.New(t, clock.Now()).Document(t, &enclave.PublicKey, nil)
			if r := c.Call(operation, body); r.Code() != "AccessDeniedException" {
				t.Errorf("%s %s under another root: got %s", name, operation, r.Raw)
			}
		}
	}
}
