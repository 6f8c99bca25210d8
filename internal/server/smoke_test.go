package server_test

import (
	"testing"

	"qkms/internal/kmstest"
)

func TestDataKeyRoundTrip(t *testing.T) {
	s := kmstest.New(t)
	root := s.As(kmstest.Account)
	id := root.Must("CreateKey", `{}`).String("KeyMetadata.KeyId")
	made := root.Must("GenerateDataKey", map[string]any{"KeyId": id, "KeySpec": "AES_256"})
	s.Restart()
	opened := root.Must("Decrypt", map[string]any{"CiphertextBlob": made.String("CiphertextBlob")})
	if got, want := opened.String("Plaintext"), made.String("Plaintext"); got != want || want == "" {
		t.Errorf("got %q, want %q", got, want)
	}
}
