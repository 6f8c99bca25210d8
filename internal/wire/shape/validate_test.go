package shape_test

import (
	"errors"
	"strings"
	"testing"

	"qkms/internal/fault"
	"qkms/internal/wire/shape"
)

// request decodes body as a request of the operation.
func request(t *testing.T, operation, body string) shape.Request {
	t.Helper()
	r := shape.Find(operation).New()
	if err := r.DecodeJSON([]byte(body)); err != nil {
		t.Fatalf("%s %s: %v", operation, body, err)
	}
	return r
}

const one = "1 validation error detected: "

func TestValidateSentences(t *testing.T) {
	tag := func(key, value string) string { return `{"TagKey":"` + key + `","TagValue":"` + value + `"}` }
	long := strings.Repeat("k", 129)
	for _, test := range []struct{ name, operation, body, want string }{
		{
			"several violations in model order", "Encrypt", `{}`,
			"2 validation errors detected: Value null at 'keyId' failed to satisfy constraint: Member must not be null; " +
				"Value at 'plaintext' failed to satisfy constraint: Member must not be null",
		},
		{
			"null is missing", "DescribeKey", `{"KeyId":null}`,
			one + "Value null at 'keyId' failed to satisfy constraint: Member must not be null",
		},
		{
			"empty key id breaks length, then pattern", "DescribeKey", `{"KeyId":""}`,
			`2 validation errors detected: Value '' at 'keyId' failed to satisfy constraint: Member must have length greater than or equal to 1; ` +
				`Value '' at 'keyId' failed to satisfy constraint: Member must satisfy regular expression pattern: ^\p{ASCII}+$`,
		},
		{
			"key id beyond ASCII", "DescribeKey", `{"KeyId":"clé"}`,
			one + `Value 'clé' at 'keyId' failed to satisfy constraint: Member must satisfy regular expression pattern: ^\p{ASCII}+$`,
		},
		{
			"integer below minimum", "GenerateRandom", `{"NumberOfBytes":0}`,
			one + "Value '0' at 'numberOfBytes' failed to satisfy constraint: Member must have value greater than or equal to 1",
		},
		{
			"integer above maximum", "GenerateRandom", `{"NumberOfBytes":1025}`,
			one + "Value '1025' at 'numberOfBytes' failed to satisfy constraint: Member must have value less than or equal to 1024",
		},
		{
			"secret blob too short", "Encrypt", `{"KeyId":"k","Plaintext":""}`,
			one + "Value at 'plaintext' failed to satisfy constraint: Member must have length greater than or equal to 1",
		},
		{
			"secret blob too long", "Encrypt", `{"KeyId":"k","Plaintext":"` + strings.Repeat("AAAA", 1366) + `"}`,
			one + "Value at 'plaintext' failed to satisfy constraint: Member must have length less than or equal to 4096",
		},
		{
			"public blob too short", "Verify", `{"KeyId":"k","Message":"aGk=","SigningAlgorithm":"ECDSA_SHA_256","Signature":""}`,
			one + "Value at 'signature' failed to satisfy constraint: Member must have length greater than or equal to 1",
		},
		{
			"public blob missing", "VerifyMac", `{"KeyId":"k","Message":"aGk=","MacAlgorithm":"HMAC_SHA_256"}`,
			one + "Value null at 'mac' failed to satisfy constraint: Member must not be null",
		},
		{
			"enum in the order the service prints", "GenerateMac", `{"KeyId":"k","Message":"aGk=","MacAlgorithm":"MD5"}`,
			one + "Value 'MD5' at 'macAlgorithm' failed to satisfy constraint: Member must satisfy enum value set: [HMAC_SHA_384, HMAC_SHA_256, HMAC_SHA_224, HMAC_SHA_512]",
		},
		{
			"signing algorithms", "Sign", `{"KeyId":"k","Message":"aGk=","SigningAlgorithm":""}`,
			one + "Value '' at 'signingAlgorithm' failed to satisfy constraint: Member must satisfy enum value set: [RSASSA_PSS_SHA_256, RSASSA_PSS_SHA_384, " +
				"RSASSA_PSS_SHA_512, RSASSA_PKCS1_V1_5_SHA_256, RSASSA_PKCS1_V1_5_SHA_384, RSASSA_PKCS1_V1_5_SHA_512, ECDSA_SHA_256, ECDSA_SHA_384, " +
				"ECDSA_SHA_512, ED25519_SHA_512, ED25519_PH_SHA_512, SM2DSA, ML_DSA_SHAKE_256]",
		},
		{
			"key usage with later values at the end", "CreateKey", `{"KeyUsage":"X"}`,
			one + "Value 'X' at 'keyUsage' failed to satisfy constraint: Member must satisfy enum value set: " +
				"[ENCRYPT_DECRYPT, SIGN_VERIFY, GENERATE_VERIFY_MAC, KEY_AGREEMENT, ENCAPSULATE_DECAPSULATE]",
		},
		{
			"data key spec prints key specs", "GenerateDataKey", `{"KeyId":"k","KeySpec":"RSA_2048"}`,
			one + "Value 'RSA_2048' at 'keySpec' failed to satisfy constraint: Member must satisfy enum value set: [RSA_2048, RSA_3072, RSA_4096, ECC_NIST_P256, " +
				"ECC_NIST_P384, ECC_NIST_P521, ECC_SECG_P256K1, ECC_NIST_EDWARDS25519, SYMMETRIC_DEFAULT, HMAC_224, HMAC_256, HMAC_384, HMAC_512, SM2, " +
				"ML_DSA_44, ML_DSA_65, ML_DSA_87]",
		},
		{
			"first tag's key", "TagResource", `{"KeyId":"k","Tags":[` + tag(long, "") + `]}`,
			one + "Value '" + long + "' at 'tags.1.member.tagKey' failed to satisfy constraint: Member must have length less than or equal to 128",
		},
		{
			"third tag's value", "CreateKey", `{"Tags":[` + tag("a", "") + "," + tag("b", "") + `,{"TagKey":"c"}]}`,
			one + "Value null at 'tags.3.member.tagValue' failed to satisfy constraint: Member must not be null",
		},
		{
			"required list missing", "UntagResource", `{"KeyId":"k"}`,
			one + "Value null at 'tagKeys' failed to satisfy constraint: Member must not be null",
		},
		{
			"items of a list of strings", "UntagResource", `{"KeyId":"k","TagKeys":["a",""]}`,
			one + "Value '[a, ]' at 'tagKeys' failed to satisfy constraint: Member must satisfy constraint: " +
				"[Member must have length less than or equal to 128, Member must have length greater than or equal to 1]",
		},
		{
			"items of a list of enums", "Decrypt", `{"CiphertextBlob":"aGk=","DryRunModifiers":["X"]}`,
			one + "Value '[X]' at 'dryRunModifiers' failed to satisfy constraint: Member must satisfy constraint: [Member must satisfy enum value set: [IGNORE_CIPHERTEXT]]",
		},
		{
			"too many grant tokens, never printed", "DescribeKey", `{"KeyId":"k","GrantTokens":["t"` + strings.Repeat(`,"t"`, 10) + `]}`,
			one + "Value at 'grantTokens' failed to satisfy constraint: Member must have length less than or equal to 10",
		},
		{
			"nested structure", "CreateGrant", `{"KeyId":"k","Operations":["Decrypt"],"Constraints":{"SourceArn":"x"}}`,
			one + "Value 'x' at 'constraints.sourceArn' failed to satisfy constraint: Member must have length greater than or equal to 20",
		},
		{
			"nested secret", "CreateCustomKeyStore", `{"CustomKeyStoreName":"n","XksProxyAuthenticationCredential":{"AccessKeyId":"short"}}`,
			"3 validation errors detected: Value at 'xksProxyAuthenticationCredential.accessKeyId' failed to satisfy constraint: Member must have length greater than or equal to 20; " +
				"Value at 'xksProxyAuthenticationCredential.accessKeyId' failed to satisfy constraint: Member must satisfy regular expression pattern: ^[A-Z2-7]+$; " +
				"Value at 'xksProxyAuthenticationCredential.rawSecretAccessKey' failed to satisfy constraint: Member must not be null",
		},
		{
			"password", "UpdateCustomKeyStore", `{"CustomKeyStoreId":"c","KeyStorePassword":"hunter"}`,
			one + "Value at 'keyStorePassword' failed to satisfy constraint: Member must have length greater than or equal to 7",
		},
		{
			"pattern without anchors matches the whole", "ReplicateKey", `{"KeyId":"k","ReplicaRegion":"eu-west-1\n"}`,
			one + "Value 'eu-west-1\n' at 'replicaRegion' failed to satisfy constraint: Member must satisfy regular expression pattern: ^([a-z]+-){2,3}\\d+$",
		},
		{
			"policy beyond Latin-1", "PutKeyPolicy", `{"KeyId":"k","Policy":"Ā"}`,
			one + `Value 'Ā' at 'policy' failed to satisfy constraint: Member must satisfy regular expression pattern: [\u0009\u000A\u000D\u0020-\u00FF]+`,
		},
		{
			"length counts UTF-16 units", "UpdateKeyDescription", `{"KeyId":"k","Description":"` + strings.Repeat("😀", 4097) + `"}`,
			one + "Value '" + strings.Repeat("😀", 4097) + "' at 'description' failed to satisfy constraint: Member must have length less than or equal to 8192",
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			err := request(t, test.operation, test.body).Validate()
			f, ok := errors.AsType[*fault.Error](err)
			if !ok || f.Code != fault.Validation {
				t.Fatalf("got %v, want a validation error", err)
			}
			if f.Text != test.want {
				t.Errorf("got  %s\nwant %s", f.Text, test.want)
			}
		})
	}
}

func TestValidateAccepts(t *testing.T) {
	for name, test := range map[string]struct{ operation, body string }{
		"an algorithm that no key signs with":   {"Sign", `{"KeyId":"k","Message":"aGk=","SigningAlgorithm":"SYMMETRIC_DEFAULT"}`},
		"both data key specs":                   {"GenerateDataKey", `{"KeyId":"k","KeySpec":"AES_128"}`},
		"an empty description":                  {"UpdateKeyDescription", `{"KeyId":"k","Description":""}`},
		"an empty tag value":                    {"TagResource", `{"KeyId":"k","Tags":[{"TagKey":"a","TagValue":""}]}`},
		"no grant tokens":                       {"DescribeKey", `{"KeyId":"k","GrantTokens":[]}`},
		"a description of UTF-16 length 8192":   {"UpdateKeyDescription", `{"KeyId":"k","Description":"` + strings.Repeat("😀", 4096) + `"}`},
		"a policy with line breaks and Latin-1": {"CreateKey", `{"Policy":"{\r\n\t\"é\": \"ÿ\"}"}`},
		"a hyphen within a class":               {"CreateKey", `{"XksKeyId":"a-b_c.d"}`},
		"vertical tab as Java's white space":    {"ImportKeyMaterial", `{"KeyId":"k","ImportToken":"aGk=","EncryptedKeyMaterial":"aGk=","KeyMaterialDescription":"a\u000bb"}`},
	} {
		t.Run(name, func(t *testing.T) {
			if err := request(t, test.operation, test.body).Validate(); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestValidateWithoutDecoding(t *testing.T) {
	if err := (&shape.EncryptRequest{KeyId: "k", Plaintext: []byte("x")}).Validate(); err != nil {
		t.Errorf("a request made in Go: %v", err)
	}
}

// A megabyte of empty tags must not be answered with many more megabytes.
func TestViolationsAreBounded(t *testing.T) {
	body := `{"KeyId":"k","Tags":[{}` + strings.Repeat(",{}", 300_000) + `]}`
	err := request(t, "TagResource", body).Validate()
	if err == nil || !strings.Contains(err.Error(), "50 validation errors detected") || len(err.Error()) > 10_000 {
		t.Errorf("got %.100v… of %d bytes, want 50 violations", err, len(err.Error()))
	}
}

func TestSentencesForOperations(t *testing.T) {
	for _, test := range []struct {
		err  error
		want string
	}{
		{shape.Missing("ciphertextBlob"), "ValidationException: " + one + "Value null at 'ciphertextBlob' failed to satisfy constraint: Member must not be null"},
		{shape.TooLarge("limit", 101, 100), "ValidationException: " + one + "Value '101' at 'limit' failed to satisfy constraint: Member must have value less than or equal to 100"},
	} {
		if got := test.err.Error(); got != test.want {
			t.Errorf("got %s, want %s", got, test.want)
		}
	}
}
