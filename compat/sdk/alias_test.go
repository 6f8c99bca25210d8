package sdk_test

import (
	"strconv"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/kms/types"

	"qkms/compat/harness"
)

func TestAliases(t *testing.T) {
	s := harness.Start(t)
	s.Region = "eu-west-3" // where there is no alias/dev
	c, ctx := s.KMS(), t.Context()
	one, two := newKey(t, c), newKey(t, c)
	name, arn := "alias/app/primary", arnOf(s, "alias/app/primary")
	target := func() types.AliasListEntry {
		t.Helper()
		out, err := c.ListAliases(ctx, &kms.ListAliasesInput{})
		all := ok(t, out, err).Aliases
		if len(all) != 1 || *all[0].AliasName != name || *all[0].AliasArn != arn {
			t.Fatalf("ListAliases: got %v, want %s alone", all, name)
		}
		return all[0]
	}

	newAlias(t, c, name, one)
	made := target()
	if *made.TargetKeyId != *one.KeyId || !made.CreationDate.Equal(*made.LastUpdatedDate) {
		t.Errorf("created: got %s %v %v, want %s and equal dates", *made.TargetKeyId, made.CreationDate, made.LastUpdatedDate, *one.KeyId)
	}
	_, err := c.CreateAlias(ctx, &kms.CreateAliasInput{AliasName: &name, TargetKeyId: one.KeyId})
	refused[*types.AlreadyExistsException](t, err, "AlreadyExistsException", "An alias with the name "+arn+" already exists")

	blob := seal(t, c, name, []byte("x"), nil)
	updated, err := c.UpdateAlias(ctx, &kms.UpdateAliasInput{AliasName: &name, TargetKeyId: two.Arn})
	ok(t, updated, err)
	if moved := target(); *moved.TargetKeyId != *two.KeyId || moved.LastUpdatedDate.Before(*made.LastUpdatedDate) {
		t.Errorf("updated: got %s %v, want %s", *moved.TargetKeyId, moved.LastUpdatedDate, *two.KeyId)
	}
	_, err = c.Decrypt(ctx, &kms.DecryptInput{CiphertextBlob: blob, KeyId: &name}) // it means another key now
	refused[*types.IncorrectKeyException](t, err, "IncorrectKeyException", "The key ID in the request does not identify a CMK that can perform this operation.")
	checkOpens(t, c, one, blob, nil, []byte("x"), "")

	deleted, err := c.DeleteAlias(ctx, &kms.DeleteAliasInput{AliasName: &name})
	ok(t, deleted, err)
	_, err = c.DeleteAlias(ctx, &kms.DeleteAliasInput{AliasName: &name})
	refused[*types.NotFoundException](t, err, "NotFoundException", "Alias "+arn+" is not found.")
	_, err = c.UpdateAlias(ctx, &kms.UpdateAliasInput{AliasName: &name, TargetKeyId: one.KeyId})
	refused[*types.NotFoundException](t, err, "NotFoundException", "Alias "+arn+" is not found.")
	_, err = c.Encrypt(ctx, &kms.EncryptInput{KeyId: &name, Plaintext: []byte("x")})
	refused[*types.NotFoundException](t, err, "NotFoundException", "Alias "+arn+" is not found.")
}

func TestAliasNames(t *testing.T) {
	s := harness.Start(t)
	c := s.KMS()
	k := newKey(t, c)
	for name, tt := range map[string]struct{ alias, target, code, message string }{
		"no prefix": {
			"app", *k.KeyId, "ValidationException",
			`Alias must start with the prefix "alias/". Please see https://docs.aws.amazon.com/kms/latest/developerguide/kms-alias.html`,
		},
		"reserved":         {"alias/aws/s3", *k.KeyId, "NotAuthorizedException", ""},
		"a colon":          {"alias/a:b", *k.KeyId, "ValidationException", "alias/a:b contains invalid characters for an alias"},
		"another alias":    {"alias/a", "alias/b", "ValidationException", "Aliases must refer to keys. Not aliases"},
		"an unknown key":   {"alias/a", stranger, "NotFoundException", keyMissing(s, stranger)},
		"a malformed key":  {"alias/a", "fake-key-id", "NotFoundException", "Invalid keyId 'fake-key-id'"},
		"a forbidden sign": {"alias/a b", *k.KeyId, "ValidationException", "1 validation error detected: Value 'alias/a b' at 'aliasName' failed to satisfy constraint: Member must satisfy regular expression pattern: ^[a-zA-Z0-9:/_-]+$"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := c.CreateAlias(t.Context(), &kms.CreateAliasInput{AliasName: &tt.alias, TargetKeyId: &tt.target})
			harness.Refused(t, err, tt.code, tt.message)
		})
	}
}

func TestAliasQuota(t *testing.T) {
	c := harness.Start(t).KMS()
	k := newKey(t, c)
	for i := range 50 {
		newAlias(t, c, "alias/n"+strconv.Itoa(i), k)
	}
	_, err := c.CreateAlias(t.Context(), &kms.CreateAliasInput{AliasName: aws.String("alias/last"), TargetKeyId: k.KeyId})
	refused[*types.LimitExceededException](t, err, "LimitExceededException", "Aliases per key quota for this account in this region is 50, current usage is 50.")
}
