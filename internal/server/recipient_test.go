package server_test

import (
	"bytes"
	"crypto/rand"
	"crypto/rsa"
	"encoding/base64"
	"testing"

	"qkms/internal/attest/attesttest"
	"qkms/internal/kmstest"
)

// An answer for a recipient is encrypted to the key it attested to, and says nothing to the caller.
func TestRecipient(t *testing.T) {
	clock := kmstest.NewClock()
	hypervisor := attesttest.New(t, clock.Now())
	s := kmstest.With(t, kmstest.Options{Clock: clock, Attester: hypervisor.Root})
	root := s.As(kmstest.Account)
	enclave, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	recipient := map[string]any{
		"KeyEncryptionAlgorithm": "RSAES_OAEP_SHA_256",
		"AttestationDocument":    hypervisor.Document(t, &enclave.PublicKey, nil),
	}
	id := root.Must("CreateKey", `{}`).String("KeyMetadata.KeyId")
	agreement := root.Must("CreateKey", `{"KeySpec":"ECC_NIST_P256","KeyUsage":"KEY_AGREEMENT"}`).String("KeyMetadata.KeyId")
	peer := root.Must("GetPublicKey", map[string]any{"KeyId": agreement}).String("PublicKey")
	opened := func(r *kmstest.Reply) []byte {
		t.Helper()
		for _, clear := range []string{"Plaintext", "PrivateKeyPlaintext", "SharedSecret", "KeyMaterialId"} {
			if got := r.String(clear); got != "" {
				t.Errorf("got %s in the answer: %q", clear, got)
			}
		}
		sealed, _ := base64.StdEncoding.DecodeString(r.String("CiphertextForRecipient"))
		return attesttest.Open(t, sealed, enclave)
	}
	decrypt := func(blob string) []byte {
		t.Helper()
		plain, _ := base64.StdEncoding.DecodeString(root.Must("Decrypt", map[string]any{"CiphertextBlob": blob}).String("Plaintext"))
		return plain
	}

	made := root.Must("GenerateDataKey", map[string]any{"KeyId": id, "KeySpec": "AES_256", "Recipient": recipient})
	if got, want := opened(made), decrypt(made.String("CiphertextBlob")); !bytes.Equal(got, want) {
		t.Errorf("data key: got %x, want %x", got, want)
	}
	again := root.Must("Decrypt", map[string]any{"CiphertextBlob": made.String("CiphertextBlob"), "Recipient": recipient})
	if got, want := opened(again), decrypt(made.String("CiphertextBlob")); !bytes.Equal(got, want) {
		t.Errorf("decrypted: got %x, want %x", got, want)
	}
	pair := root.Must("GenerateDataKeyPair", map[string]any{"KeyId": id, "KeyPairSpec": "ECC_NIST_P256", "Recipient": recipient})
	if got, want := opened(pair), decrypt(pair.String("PrivateKeyCiphertextBlob")); !bytes.Equal(got, want) {
		t.Errorf("private key: got %x, want %x", got, want)
	}
	if got := opened(root.Must("GenerateRandom", map[string]any{"NumberOfBytes": 20, "Recipient": recipient})); len(got) != 20 {
		t.Errorf("random: got %d bytes, want 20", len(got))
	}
	plain := root.Must("DeriveSharedSecret", map[string]any{"KeyId": agreement, "KeyAgreementAlgorithm": "ECDH", "PublicKey": peer}).String("SharedSecret")
	secret := opened(root.Must("DeriveSharedSecret", map[string]any{"KeyId": agreement, "KeyAgreementAlgorithm": "ECDH", "PublicKey": peer, "Recipient": recipient}))
	if got := base64.StdEncoding.EncodeToString(secret); got != plain {
		t.Errorf("shared secret: got %s, want %s", got, plain)
	}

	stranger := attesttest.New(t, clock.Now())
	recipient["AttestationDocument"] = stranger.Document(t, &enclave.PublicKey, nil)
	if got := root.Call("GenerateRandom", map[string]any{"NumberOfBytes": 20, "Recipient": recipient}); got.Code() != "ValidationException" {
		t.Errorf("a document of another root: got %s, want ValidationException", got.Raw)
	}
}
