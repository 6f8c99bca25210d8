package goclients_test

import (
	"bytes"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/tink-crypto/tink-go-awskms/v3/integration/awskms"
	"github.com/tink-crypto/tink-go/v2/aead"
)

// Tink: the key itself as an AEAD, and as the one that protects the keys of envelopes. Associated data
// becomes an encryption context.
func TestTink(t *testing.T) {
	s := start(t)
	uri := "aws-kms://" + *newKey(t, s, kms.CreateKeyInput{}).Arn
	client, err := awskms.NewClientWithOptions(t.Context(), uri)
	if err != nil {
		t.Fatal(err)
	}
	if !client.Supported(uri) {
		t.Errorf("%s: got a URI that is not supported", uri)
	}
	remote, err := client.GetAEAD(uri)
	if err != nil {
		t.Fatal(err)
	}
	for name, primitive := range map[string]interface {
		Encrypt(plaintext, associatedData []byte) ([]byte, error)
		Decrypt(ciphertext, associatedData []byte) ([]byte, error)
	}{
		"direct": remote, "envelope": aead.NewKMSEnvelopeAEAD2(aead.AES256GCMKeyTemplate(), remote),
	} {
		t.Run(name, func(t *testing.T) {
			for _, associated := range [][]byte{[]byte("tenant a"), nil} {
				secret, err := primitive.Encrypt([]byte("a secret"), associated)
				if err != nil {
					t.Fatal(err)
				}
				opened, err := primitive.Decrypt(secret, associated)
				if err != nil || !bytes.Equal(opened, []byte("a secret")) {
					t.Errorf("got %q, %v", opened, err)
				}
				if opened, err := primitive.Decrypt(secret, []byte("tenant b")); err == nil {
					t.Errorf("under other associated data: got %q, want a failure", opened)
				}
			}
		})
	}
	if served(t, s, "Encrypt") != 4 || served(t, s, "Decrypt") < 4 {
		t.Errorf("got %d Encrypt and %d Decrypt in the audit log, want 4 and at least as many", served(t, s, "Encrypt"), served(t, s, "Decrypt"))
	}
}
