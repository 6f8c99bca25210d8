package sdk_test

import (
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/kms/types"

	"qkms/compat/harness"
)

// CreateKey with nothing said makes a key that encrypts, and says all that operations.md §7.1 lists.
func TestCreateKey(t *testing.T) {
	s := harness.Start(t)
	c := s.KMS()
	before := time.Now()
	created, err := c.CreateKey(t.Context(), &kms.CreateKeyInput{Description: aws.String("billing")})
	m := ok(t, created, err).KeyMetadata
	described, err := c.DescribeKey(t.Context(), &kms.DescribeKeyInput{KeyId: m.KeyId})
	again := ok(t, described, err).KeyMetadata
	for name, pair := range map[string][2]any{
		"Arn":          {*m.Arn, arnOf(s, "key/"+*m.KeyId)},
		"AWSAccountId": {*m.AWSAccountId, account},
		"Description":  {*m.Description, "billing"},
		"Enabled":      {m.Enabled, true},
		"KeyState":     {m.KeyState, types.KeyStateEnabled},
		"KeyManager":   {m.KeyManager, types.KeyManagerTypeCustomer},
		"KeySpec":      {m.KeySpec, types.KeySpecSymmetricDefault},
		//lint:ignore SA1019 the service always echoes it (operations.md §16)
		"CustomerSpec": {m.CustomerMasterKeySpec, types.CustomerMasterKeySpecSymmetricDefault},
		"KeyUsage":     {m.KeyUsage, types.KeyUsageTypeEncryptDecrypt},
		"Origin":       {m.Origin, types.OriginTypeAwsKms},
		"MultiRegion":  {*m.MultiRegion, false},
		"Algorithm":    {m.EncryptionAlgorithms[0], types.EncryptionAlgorithmSpecSymmetricDefault},
		"same Arn":     {*again.Arn, *m.Arn},
		"same date":    {*again.CreationDate, *m.CreationDate},
		"same text":    {*again.Description, *m.Description},
		"no deletion":  {again.DeletionDate == nil, true},
	} {
		if pair[0] != pair[1] {
			t.Errorf("%s: got %v, want %v", name, pair[0], pair[1])
		}
	}
	if d := m.CreationDate.Sub(before); d < -time.Second || d > time.Minute {
		t.Errorf("CreationDate: got %v, want about %v", m.CreationDate, before)
	}
}

func TestCreateKeyRefusals(t *testing.T) {
	c := harness.Start(t).KMS()
	for name, tt := range map[string]struct {
		in            kms.CreateKeyInput
		code, message string
	}{
		"a usage that the spec cannot have": {
			kms.CreateKeyInput{KeyUsage: types.KeyUsageTypeSignVerify},
			"ValidationException", "KeyUsage SIGN_VERIFY is not compatible with KeySpec SYMMETRIC_DEFAULT",
		},
		"a spec without its usage": {
			kms.CreateKeyInput{KeySpec: types.KeySpecRsa2048},
			"ValidationException", "You must specify a KeyUsage value for all KMS keys except for symmetric encryption keys.",
		},
		"a spec of China elsewhere": {
			kms.CreateKeyInput{KeySpec: types.KeySpecSm2, KeyUsage: types.KeyUsageTypeSignVerify},
			"UnsupportedOperationException", "KeySpec SM2 is not supported in this Region",
		},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := c.CreateKey(t.Context(), &tt.in)
			harness.Refused(t, err, tt.code, tt.message)
		})
	}
}

// The life of one key, in the states of operations.md §9, each refusing what it must.
func TestKeyStates(t *testing.T) {
	s := harness.Start(t)
	c, ctx := s.KMS(), t.Context()
	k := newKey(t, c)
	blob := seal(t, c, *k.KeyId, []byte("kept"), nil)
	state := func() types.KeyState {
		out, err := c.DescribeKey(ctx, &kms.DescribeKeyInput{KeyId: k.KeyId})
		return ok(t, out, err).KeyMetadata.KeyState
	}
	want := func(w types.KeyState) {
		t.Helper()
		if got := state(); got != w {
			t.Errorf("got state %s, want %s", got, w)
		}
	}

	for range 2 { // it is idempotent
		out, err := c.DisableKey(ctx, &kms.DisableKeyInput{KeyId: k.KeyId})
		ok(t, out, err)
		want(types.KeyStateDisabled)
	}
	checkUseRefused[*types.DisabledException](t, c, k, blob, "DisabledException", *k.Arn+" is disabled.")

	for range 2 {
		out, err := c.EnableKey(ctx, &kms.EnableKeyInput{KeyId: k.Arn})
		ok(t, out, err)
		want(types.KeyStateEnabled)
	}
	_, err := c.CancelKeyDeletion(ctx, &kms.CancelKeyDeletionInput{KeyId: k.KeyId})
	refused[*types.KMSInvalidStateException](t, err, "KMSInvalidStateException", *k.Arn+" is not pending deletion.")

	due := time.Now().Add(7 * 24 * time.Hour)
	out, err := c.ScheduleKeyDeletion(ctx, &kms.ScheduleKeyDeletionInput{KeyId: k.KeyId, PendingWindowInDays: aws.Int32(7)})
	sch := ok(t, out, err)
	if *sch.KeyId != *k.Arn || sch.KeyState != types.KeyStatePendingDeletion || *sch.PendingWindowInDays != 7 {
		t.Errorf("ScheduleKeyDeletion: got %s %s %d, want %s PendingDeletion 7", *sch.KeyId, sch.KeyState, *sch.PendingWindowInDays, *k.Arn)
	}
	if d := sch.DeletionDate.Sub(due).Abs(); d > time.Minute {
		t.Errorf("DeletionDate: got %v, want about %v", sch.DeletionDate, due)
	}
	want(types.KeyStatePendingDeletion)
	pending := *k.Arn + " is pending deletion."
	checkUseRefused[*types.KMSInvalidStateException](t, c, k, blob, "KMSInvalidStateException", pending)
	checkChangeRefused(t, c, k, pending)

	cancelled, err := c.CancelKeyDeletion(ctx, &kms.CancelKeyDeletionInput{KeyId: k.KeyId})
	if got := *ok(t, cancelled, err).KeyId; got != *k.Arn {
		t.Errorf("CancelKeyDeletion: got %s, want %s", got, *k.Arn)
	}
	want(types.KeyStateDisabled)
	enabled, err := c.EnableKey(ctx, &kms.EnableKeyInput{KeyId: k.KeyId})
	ok(t, enabled, err)
	opened, err := c.Decrypt(ctx, &kms.DecryptInput{CiphertextBlob: blob})
	if got := string(ok(t, opened, err).Plaintext); got != "kept" {
		t.Errorf("Decrypt after all that: got %q, want %q", got, "kept")
	}
}

// checkUseRefused tries all cryptography with k; blob is a ciphertext of it.
func checkUseRefused[E error](t *testing.T, c *kms.Client, k *types.KeyMetadata, blob []byte, code, message string) {
	t.Helper()
	ctx := t.Context()
	_, err := c.Encrypt(ctx, &kms.EncryptInput{KeyId: k.KeyId, Plaintext: []byte("x")})
	refused[E](t, err, code, message)
	_, err = c.Decrypt(ctx, &kms.DecryptInput{CiphertextBlob: blob})
	refused[E](t, err, code, message)
	_, err = c.ReEncrypt(ctx, &kms.ReEncryptInput{CiphertextBlob: blob, DestinationKeyId: k.KeyId})
	refused[E](t, err, code, message)
	_, err = c.GenerateDataKey(ctx, &kms.GenerateDataKeyInput{KeyId: k.KeyId, KeySpec: types.DataKeySpecAes256})
	refused[E](t, err, code, message)
	_, err = c.GenerateDataKeyWithoutPlaintext(ctx, &kms.GenerateDataKeyWithoutPlaintextInput{KeyId: k.KeyId, KeySpec: types.DataKeySpecAes256})
	refused[E](t, err, code, message)
}

// checkChangeRefused tries to change k, which is pending deletion.
func checkChangeRefused(t *testing.T, c *kms.Client, k *types.KeyMetadata, message string) {
	t.Helper()
	ctx := t.Context()
	for name, call := range map[string]func() error{
		"EnableKey": func() error { _, err := c.EnableKey(ctx, &kms.EnableKeyInput{KeyId: k.KeyId}); return err },
		"DisableKey": func() error {
			_, err := c.DisableKey(ctx, &kms.DisableKeyInput{KeyId: k.KeyId})
			return err
		},
		"UpdateKeyDescription": func() error {
			_, err := c.UpdateKeyDescription(ctx, &kms.UpdateKeyDescriptionInput{KeyId: k.KeyId, Description: aws.String("x")})
			return err
		},
		"ScheduleKeyDeletion": func() error {
			_, err := c.ScheduleKeyDeletion(ctx, &kms.ScheduleKeyDeletionInput{KeyId: k.KeyId})
			return err
		},
		"CreateAlias": func() error {
			_, err := c.CreateAlias(ctx, &kms.CreateAliasInput{AliasName: aws.String("alias/late"), TargetKeyId: k.KeyId})
			return err
		},
	} {
		t.Run(name, func(t *testing.T) {
			refused[*types.KMSInvalidStateException](t, call(), "KMSInvalidStateException", message)
		})
	}
}

func TestDeletionWindow(t *testing.T) {
	c := harness.Start(t).KMS()
	k := newKey(t, c)
	const between = "PendingWindowInDays must be between 7 and 30"
	for name, tt := range map[string]struct {
		days    int32
		message string
	}{
		"below the service's": {6, between},
		"above the service's": {31, between},
		"the model's most":    {365, between},
		"above the model's": {366, "1 validation error detected: Value '366' at 'pendingWindowInDays' failed to satisfy constraint: " +
			"Member must have value less than or equal to 365"},
		"zero": {0, "1 validation error detected: Value '0' at 'pendingWindowInDays' failed to satisfy constraint: " +
			"Member must have value greater than or equal to 1"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := c.ScheduleKeyDeletion(t.Context(), &kms.ScheduleKeyDeletionInput{KeyId: k.KeyId, PendingWindowInDays: &tt.days})
			harness.Refused(t, err, "ValidationException", tt.message)
		})
	}
	out, err := c.ScheduleKeyDeletion(t.Context(), &kms.ScheduleKeyDeletionInput{KeyId: k.KeyId})
	if got := *ok(t, out, err).PendingWindowInDays; got != 30 {
		t.Errorf("nothing said: got %d days, want 30", got)
	}
}

func TestUpdateKeyDescription(t *testing.T) {
	c := harness.Start(t).KMS()
	k := newKey(t, c)
	for _, text := range []string{"one", "größer als ASCII, \"quoted\"\n", ""} {
		out, err := c.UpdateKeyDescription(t.Context(), &kms.UpdateKeyDescriptionInput{KeyId: k.Arn, Description: &text})
		ok(t, out, err)
		described, err := c.DescribeKey(t.Context(), &kms.DescribeKeyInput{KeyId: k.KeyId})
		if got := *ok(t, described, err).KeyMetadata.Description; got != text {
			t.Errorf("got %q, want %q", got, text)
		}
	}
}
