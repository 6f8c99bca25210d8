package sdk_test

import (
	"bytes"
	"crypto/rand"
	"crypto/rsa"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/kms/types"

	"qkms/compat/harness"
	"qkms/internal/attest/attesttest"
)

// An enclave gets its answers under the key that it attested to, and nobody else gets anything. The
// hypervisor is a root of the test's own, which the server is told of.
func TestRecipient(t *testing.T) {
	hypervisor := attesttest.New(t, time.Now())
	roots := filepath.Join(t.TempDir(), "roots.pem")
	if err := os.WriteFile(roots, hypervisor.RootPEM(), 0o600); err != nil {
		t.Fatal(err)
	}
	c, ctx := harness.Start(t, "--attestation-roots", roots).KMS(), t.Context()
	enclave, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	to := &types.RecipientInfo{
		KeyEncryptionAlgorithm: types.KeyEncryptionMechanismRsaesOaepSha256,
		AttestationDocument:    hypervisor.Document(t, &enclave.PublicKey, nil),
	}
	k, agree := newKey(t, c), newKeyOf(t, c, types.KeySpecEccNistP256, types.KeyUsageTypeKeyAgreement)
	// same fails the test unless the answer is what want is, for the enclave, and said to nobody else.
	same := func(what string, clear, envelope, want []byte, material *string) {
		t.Helper()
		if len(clear) != 0 || material != nil {
			t.Errorf("%s: got %d bytes in clear and material %v, want neither", what, len(clear), material)
		}
		if got := attesttest.Open(t, envelope, enclave); want != nil && !bytes.Equal(got, want) || len(got) == 0 {
			t.Errorf("%s: got %x, want %x", what, got, want)
		}
	}
	open := func(blob []byte) []byte {
		t.Helper()
		out, err := c.Decrypt(ctx, &kms.DecryptInput{CiphertextBlob: blob})
		return ok(t, out, err).Plaintext
	}
	made, err := c.GenerateDataKey(ctx, &kms.GenerateDataKeyInput{KeyId: k.KeyId, KeySpec: types.DataKeySpecAes256, Recipient: to})
	d := ok(t, made, err)
	same("GenerateDataKey", d.Plaintext, d.CiphertextForRecipient, open(d.CiphertextBlob), d.KeyMaterialId)
	opened, err := c.Decrypt(ctx, &kms.DecryptInput{CiphertextBlob: d.CiphertextBlob, Recipient: to})
	o := ok(t, opened, err)
	same("Decrypt", o.Plaintext, o.CiphertextForRecipient, open(d.CiphertextBlob), o.KeyMaterialId)
	pair, err := c.GenerateDataKeyPair(ctx, &kms.GenerateDataKeyPairInput{KeyId: k.KeyId, KeyPairSpec: types.DataKeyPairSpecRsa2048, Recipient: to})
	p := ok(t, pair, err)
	same("GenerateDataKeyPair", p.PrivateKeyPlaintext, p.CiphertextForRecipient, open(p.PrivateKeyCiphertextBlob), p.KeyMaterialId)
	random, err := c.GenerateRandom(ctx, &kms.GenerateRandomInput{NumberOfBytes: aws.Int32(40), Recipient: to})
	r := ok(t, random, err)
	same("GenerateRandom", r.Plaintext, r.CiphertextForRecipient, nil, nil)
	in := &kms.DeriveSharedSecretInput{KeyId: agree.KeyId, KeyAgreementAlgorithm: types.KeyAgreementAlgorithmSpecEcdh, PublicKey: publicKey(t, c, agree)}
	clear, err := c.DeriveSharedSecret(ctx, in)
	want := ok(t, clear, err).SharedSecret
	in.Recipient = to
	derived, err := c.DeriveSharedSecret(ctx, in)
	s := ok(t, derived, err)
	same("DeriveSharedSecret", s.SharedSecret, s.CiphertextForRecipient, want, nil)

	other := &types.RecipientInfo{
		KeyEncryptionAlgorithm: types.KeyEncryptionMechanismRsaesOaepSha256,
		AttestationDocument:    attesttest.New(t, time.Now()).Document(t, &enclave.PublicKey, nil),
	}
	_, err = c.GenerateRandom(ctx, &kms.GenerateRandomInput{NumberOfBytes: aws.Int32(40), Recipient: other})
	harness.Refused(t, err, "ValidationException", "The attestation document is not valid: its root certificate is not trusted by this service.") // of a root that the server was not told of
}
