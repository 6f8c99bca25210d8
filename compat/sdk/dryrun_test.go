package sdk_test

import (
	"reflect"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/kms/types"

	"qkms/compat/harness"
)

// Every operation that has the option says that it would have succeeded, and has done nothing
// (operations.md §15). Which operations those are is what the SDK says.
func TestDryRun(t *testing.T) {
	s := harness.Start(t)
	c, ctx := s.KMS(), t.Context()
	k := newKey(t, c)
	signer := newKeyOf(t, c, types.KeySpecEccNistP256, types.KeyUsageTypeSignVerify)
	mac := newKeyOf(t, c, types.KeySpecHmac256, types.KeyUsageTypeGenerateVerifyMac)
	agree := newKeyOf(t, c, types.KeySpecEccNistP256, types.KeyUsageTypeKeyAgreement)
	kem := newKeyOf(t, c, types.KeySpecMlKem768, types.KeyUsageTypeEncapsulateDecapsulate)
	message := []byte("a message")
	blob := seal(t, c, *k.KeyId, message, nil)
	signed, err := c.Sign(ctx, &kms.SignInput{KeyId: signer.KeyId, Message: message, SigningAlgorithm: types.SigningAlgorithmSpecEcdsaSha256})
	ok(t, signed, err)
	tagged, err := c.GenerateMac(ctx, &kms.GenerateMacInput{KeyId: mac.KeyId, Message: message, MacAlgorithm: types.MacAlgorithmSpecHmacSha256})
	ok(t, tagged, err)
	made, err := c.Encapsulate(ctx, &kms.EncapsulateInput{KeyId: kem.KeyId, EncapsulationAlgorithm: types.EncapsulationAlgorithmSpecMlKem})
	ok(t, made, err)
	grant, err := c.CreateGrant(ctx, &kms.CreateGrantInput{KeyId: k.KeyId, GranteePrincipal: aws.String(alice), Operations: []types.GrantOperation{types.GrantOperationDecrypt}})
	ok(t, grant, err)

	requests := map[string]any{
		"CreateGrant":                         &kms.CreateGrantInput{KeyId: k.KeyId, GranteePrincipal: aws.String(alice), Operations: []types.GrantOperation{types.GrantOperationDecrypt}},
		"Decapsulate":                         &kms.DecapsulateInput{KeyId: kem.KeyId, EncapsulationAlgorithm: types.EncapsulationAlgorithmSpecMlKem, SharedSecretCiphertextBlob: made.SharedSecretCiphertextBlob},
		"Decrypt":                             &kms.DecryptInput{CiphertextBlob: blob},
		"DeriveSharedSecret":                  &kms.DeriveSharedSecretInput{KeyId: agree.KeyId, KeyAgreementAlgorithm: types.KeyAgreementAlgorithmSpecEcdh, PublicKey: publicKey(t, c, agree)},
		"Encapsulate":                         &kms.EncapsulateInput{KeyId: kem.KeyId, EncapsulationAlgorithm: types.EncapsulationAlgorithmSpecMlKem},
		"Encrypt":                             &kms.EncryptInput{KeyId: k.KeyId, Plaintext: message},
		"GenerateDataKey":                     &kms.GenerateDataKeyInput{KeyId: k.KeyId, KeySpec: types.DataKeySpecAes256},
		"GenerateDataKeyPair":                 &kms.GenerateDataKeyPairInput{KeyId: k.KeyId, KeyPairSpec: types.DataKeyPairSpecEccNistP256},
		"GenerateDataKeyPairWithoutPlaintext": &kms.GenerateDataKeyPairWithoutPlaintextInput{KeyId: k.KeyId, KeyPairSpec: types.DataKeyPairSpecEccNistP256},
		"GenerateDataKeyWithoutPlaintext":     &kms.GenerateDataKeyWithoutPlaintextInput{KeyId: k.KeyId, KeySpec: types.DataKeySpecAes256},
		"GenerateMac":                         &kms.GenerateMacInput{KeyId: mac.KeyId, Message: message, MacAlgorithm: types.MacAlgorithmSpecHmacSha256},
		"ReEncrypt":                           &kms.ReEncryptInput{CiphertextBlob: blob, DestinationKeyId: k.KeyId},
		"RetireGrant":                         &kms.RetireGrantInput{GrantToken: grant.GrantToken},
		"RevokeGrant":                         &kms.RevokeGrantInput{KeyId: k.KeyId, GrantId: grant.GrantId},
		"Sign":                                &kms.SignInput{KeyId: signer.KeyId, Message: message, SigningAlgorithm: types.SigningAlgorithmSpecEcdsaSha256},
		"Verify":                              &kms.VerifyInput{KeyId: signer.KeyId, Message: message, SigningAlgorithm: types.SigningAlgorithmSpecEcdsaSha256, Signature: signed.Signature},
		"VerifyMac":                           &kms.VerifyMacInput{KeyId: mac.KeyId, Message: message, MacAlgorithm: types.MacAlgorithmSpecHmacSha256, Mac: tagged.Mac},
	}
	client := reflect.ValueOf(c)
	for m := range client.Type().Methods() {
		if m.Type.NumIn() != 4 || m.Type.NumOut() != 2 {
			continue
		}
		if _, has := m.Type.In(2).Elem().FieldByName("DryRun"); !has {
			continue
		}
		t.Run(m.Name, func(t *testing.T) {
			in, have := requests[m.Name]
			if !have {
				t.Fatal("got no request to try")
			}
			reflect.ValueOf(in).Elem().FieldByName("DryRun").Set(reflect.ValueOf(aws.Bool(true)))
			out := client.MethodByName(m.Name).Call([]reflect.Value{reflect.ValueOf(ctx), reflect.ValueOf(in)})
			err, _ := out[1].Interface().(error)
			refused[*types.DryRunOperationException](t, err, "DryRunOperationException", "The request would have succeeded, but the DryRun option is set.")
		})
	}
	listed, err := c.ListGrants(ctx, &kms.ListGrantsInput{KeyId: k.KeyId})
	if got := ok(t, listed, err).Grants; len(got) != 1 || *got[0].GrantId != *grant.GrantId {
		t.Errorf("afterwards: got grants %v, want %s alone", got, *grant.GrantId)
	}
	used, err := c.GetKeyLastUsage(ctx, &kms.GetKeyLastUsageInput{KeyId: agree.KeyId})
	if u := ok(t, used, err).KeyLastUsage; u == nil || u.Operation != "" {
		t.Errorf("a key of dry runs alone: got last use %+v, want an empty one", u)
	}
	_, err = c.Decrypt(ctx, &kms.DecryptInput{CiphertextBlob: blob, EncryptionContext: tenant, DryRun: aws.Bool(true)}) // and so what would fail
	refused[*types.InvalidCiphertextException](t, err, "InvalidCiphertextException", "")
	_, err = c.Decrypt(ctx, &kms.DecryptInput{KeyId: k.KeyId, DryRun: aws.Bool(true), DryRunModifiers: []types.DryRunModifierType{types.DryRunModifierTypeIgnoreCiphertext}})
	refused[*types.DryRunOperationException](t, err, "DryRunOperationException", "The request would have succeeded, but the DryRun option is set.")
	_, err = c.Decrypt(ctx, &kms.DecryptInput{KeyId: k.KeyId, DryRunModifiers: []types.DryRunModifierType{types.DryRunModifierTypeIgnoreCiphertext}})
	harness.Refused(t, err, "ValidationException", "DryRunModifiers can only be specified when DryRun is true")
}
