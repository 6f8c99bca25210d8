package sdk_test

import (
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/kms/types"

	"qkms/compat/harness"
)

// forms are the ways to name a key: the first keyForms by itself, the others by its alias. Both ARN
// spellings are understood whichever the server prints.
func forms(k *types.KeyMetadata, region string) map[string]string {
	return map[string]string{
		"id":            *k.KeyId,
		"id, upper":     strings.ToUpper(*k.KeyId),
		"ARN":           "arn:aws:kms:" + region + ":" + account + ":key/" + *k.KeyId,
		"ARN, QKMS":     "arn:verenc:" + account + ":key/" + *k.KeyId,
		"alias":         "alias/named",
		"alias ARN":     "arn:aws:kms:" + region + ":" + account + ":alias/named",
		"alias of QKMS": "arn:verenc:" + account + ":alias/named",
	}
}

// Four forms, two spellings in, two spellings out (operations.md §2.2). Whatever the caller wrote, the
// answer names the key in full, as the deployment spells it (§2.1).
func TestKeyForms(t *testing.T) {
	for style, want := range map[string]string{
		"aws":    "arn:aws:kms:us-east-1:" + account + ":",
		"verenc": "arn:verenc:" + account + ":",
	} {
		t.Run(style, func(t *testing.T) {
			s := harness.Start(t, "--arn-style", style)
			c := s.KMS()
			k := newKey(t, c)
			newAlias(t, c, "alias/named", k)
			if got := *k.Arn; got != want+"key/"+*k.KeyId {
				t.Errorf("CreateKey: got %s, want %s", got, want+"key/"+*k.KeyId)
			}
			listed, err := c.ListAliases(t.Context(), &kms.ListAliasesInput{KeyId: k.Arn})
			if got := *ok(t, listed, err).Aliases[0].AliasArn; got != want+"alias/named" {
				t.Errorf("ListAliases: got %s, want %s", got, want+"alias/named")
			}
			for form, id := range forms(k, s.Region) {
				t.Run(form, func(t *testing.T) {
					checkUse(t, c, k, id)
					if strings.Contains(form, "alias") {
						checkNoAlias(t, c, id)
					} else {
						checkManage(t, c, k, id)
					}
				})
			}
		})
	}
}

// checkUse calls every operation that takes any form.
func checkUse(t *testing.T, c *kms.Client, k *types.KeyMetadata, id string) {
	t.Helper()
	ctx := t.Context()
	same := func(op string, got *string) {
		t.Helper()
		if *got != *k.Arn {
			t.Errorf("%s: got %s, want %s", op, *got, *k.Arn)
		}
	}
	described, err := c.DescribeKey(ctx, &kms.DescribeKeyInput{KeyId: &id})
	same("DescribeKey", ok(t, described, err).KeyMetadata.Arn)
	sealed, err := c.Encrypt(ctx, &kms.EncryptInput{KeyId: &id, Plaintext: []byte("x")})
	same("Encrypt", ok(t, sealed, err).KeyId)
	opened, err := c.Decrypt(ctx, &kms.DecryptInput{KeyId: &id, CiphertextBlob: sealed.CiphertextBlob})
	same("Decrypt", ok(t, opened, err).KeyId)
	again, err := c.ReEncrypt(ctx, &kms.ReEncryptInput{SourceKeyId: &id, DestinationKeyId: &id, CiphertextBlob: sealed.CiphertextBlob})
	same("ReEncrypt", ok(t, again, err).KeyId)
	same("ReEncrypt, source", again.SourceKeyId)
	data, err := c.GenerateDataKey(ctx, &kms.GenerateDataKeyInput{KeyId: &id, KeySpec: types.DataKeySpecAes128})
	same("GenerateDataKey", ok(t, data, err).KeyId)
	blind, err := c.GenerateDataKeyWithoutPlaintext(ctx, &kms.GenerateDataKeyWithoutPlaintextInput{KeyId: &id, KeySpec: types.DataKeySpecAes128})
	same("GenerateDataKeyWithoutPlaintext", ok(t, blind, err).KeyId)
}

// checkManage calls every operation that takes an id or an ARN.
func checkManage(t *testing.T, c *kms.Client, k *types.KeyMetadata, id string) {
	t.Helper()
	for op, call := range managing(t, c, id) {
		if err := call(); err != nil {
			t.Errorf("%s: got %v, want success", op, err)
		}
	}
	out, err := c.ScheduleKeyDeletion(t.Context(), &kms.ScheduleKeyDeletionInput{KeyId: &id})
	if got := *ok(t, out, err).KeyId; got != *k.Arn {
		t.Errorf("ScheduleKeyDeletion: got %s, want %s", got, *k.Arn)
	}
	undone, err := c.CancelKeyDeletion(t.Context(), &kms.CancelKeyDeletionInput{KeyId: &id})
	if got := *ok(t, undone, err).KeyId; got != *k.Arn {
		t.Errorf("CancelKeyDeletion: got %s, want %s", got, *k.Arn)
	}
	enabled, err := c.EnableKey(t.Context(), &kms.EnableKeyInput{KeyId: &id})
	ok(t, enabled, err)
}

// checkNoAlias calls the same operations with an alias, which they do not take.
func checkNoAlias(t *testing.T, c *kms.Client, id string) {
	t.Helper()
	calls := managing(t, c, id)
	calls["ScheduleKeyDeletion"] = func() error {
		_, err := c.ScheduleKeyDeletion(t.Context(), &kms.ScheduleKeyDeletionInput{KeyId: &id})
		return err
	}
	calls["CancelKeyDeletion"] = func() error {
		_, err := c.CancelKeyDeletion(t.Context(), &kms.CancelKeyDeletionInput{KeyId: &id})
		return err
	}
	delete(calls, "CreateAlias and DeleteAlias") // has a sentence of its own
	for op, call := range calls {
		t.Run(op, func(t *testing.T) {
			harness.Refused(t, call(), "InvalidArnException", "Key Aliases are not supported for this operation.")
		})
	}
}

func managing(t *testing.T, c *kms.Client, id string) map[string]func() error {
	ctx := t.Context()
	return map[string]func() error{
		"DisableKey and EnableKey": func() error {
			if _, err := c.DisableKey(ctx, &kms.DisableKeyInput{KeyId: &id}); err != nil {
				return err
			}
			_, err := c.EnableKey(ctx, &kms.EnableKeyInput{KeyId: &id})
			return err
		},
		"UpdateKeyDescription": func() error {
			_, err := c.UpdateKeyDescription(ctx, &kms.UpdateKeyDescriptionInput{KeyId: &id, Description: aws.String("x")})
			return err
		},
		"ListAliases": func() error {
			_, err := c.ListAliases(ctx, &kms.ListAliasesInput{KeyId: &id})
			return err
		},
		"CreateAlias and DeleteAlias": func() error {
			name := aws.String("alias/passing")
			if _, err := c.CreateAlias(ctx, &kms.CreateAliasInput{AliasName: name, TargetKeyId: &id}); err != nil {
				return err
			}
			if _, err := c.UpdateAlias(ctx, &kms.UpdateAliasInput{AliasName: name, TargetKeyId: &id}); err != nil {
				return err
			}
			_, err := c.DeleteAlias(ctx, &kms.DeleteAliasInput{AliasName: name})
			return err
		},
	}
}

// Names of nothing, row by row of operations.md §2.3.
func TestUnknownNames(t *testing.T) {
	s := harness.Start(t)
	c := s.KMS()
	for name, tt := range map[string]struct{ id, code, message string }{
		"no such id":            {stranger, "NotFoundException", keyMissing(s, stranger)},
		"no such ARN":           {arnOf(s, "key/"+stranger), "NotFoundException", keyMissing(s, stranger)},
		"no such ARN of QKMS":   {"arn:verenc:" + account + ":key/" + stranger, "NotFoundException", keyMissing(s, stranger)},
		"no such mrk":           {"mrk-" + strings.Repeat("0", 32), "NotFoundException", keyMissing(s, "mrk-"+strings.Repeat("0", 32))},
		"no such alias":         {"alias/none", "NotFoundException", "Alias " + arnOf(s, "alias/none") + " is not found."},
		"no such alias ARN":     {arnOf(s, "alias/none"), "NotFoundException", "Alias " + arnOf(s, "alias/none") + " is not found."},
		"key of another Region": {strings.Replace(arnOf(s, "key/"+stranger), "us-east-1", "eu-west-1", 1), "NotFoundException", "Invalid arn eu-west-1"},
		"alias of another Region": {
			strings.Replace(arnOf(s, "alias/none"), "us-east-1", "eu-west-1", 1), "NotFoundException", "Invalid arn eu-west-1",
		},
		"no key id":             {"fake-key-id", "NotFoundException", "Invalid keyId 'fake-key-id'"},
		"UUID without dashes":   {strings.ReplaceAll(stranger, "-", ""), "NotFoundException", "Invalid keyId '00000000000040008000000000000000'"},
		"no mrk":                {"mrk-fake-key-id", "NotFoundException", "Invalid keyId 'mrk-fake-key-id'"},
		"no key id in an ARN":   {arnOf(s, "key/fake"), "NotFoundException", "Invalid keyId fake"},
		"an alias in a key ARN": {arnOf(s, "key/alias/x"), "NotFoundException", "Invalid keyId alias/x"},
		"another service":       {"arn:aws:s3:::bucket", "InvalidArnException", "Invalid arn arn:aws:s3:::bucket"},
		"nothing": {
			"", "ValidationException", "2 validation errors detected: Value '' at 'keyId' failed to satisfy constraint: Member must have length greater than or equal to 1; " +
				`Value '' at 'keyId' failed to satisfy constraint: Member must satisfy regular expression pattern: ^\p{ASCII}+$`,
		},
		"not ASCII": {
			"ключ", "ValidationException",
			`1 validation error detected: Value 'ключ' at 'keyId' failed to satisfy constraint: Member must satisfy regular expression pattern: ^\p{ASCII}+$`,
		},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := c.DescribeKey(t.Context(), &kms.DescribeKeyInput{KeyId: &tt.id})
			harness.Refused(t, err, tt.code, tt.message)
			_, err = c.Encrypt(t.Context(), &kms.EncryptInput{KeyId: &tt.id, Plaintext: []byte("x")})
			harness.Refused(t, err, tt.code, tt.message)
		})
	}
}
