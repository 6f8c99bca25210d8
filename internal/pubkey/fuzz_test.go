package pubkey_test

import (
	"bytes"
	"errors"
	"testing"

	"qkms/internal/pubkey"
)

// FuzzParse: whatever parses is what Encode writes, and no use of it panics.
func FuzzParse(f *testing.F) {
	for spec, key := range bits(f) {
		f.Add(pubkey.Encode(spec, key))
	}
	f.Add([]byte{0x30, 0x80, 0, 0})
	f.Fuzz(func(t *testing.T, spki []byte) {
		k, err := pubkey.Parse(spki)
		if err != nil {
			return
		}
		if again := pubkey.Encode(k.Spec(), k.Bytes()); !bytes.Equal(again, spki) {
			t.Errorf("got %x, want %x", again, spki)
		}
		for _, a := range pubkey.SigningAlgorithms(k.Spec()) {
			for _, kind := range []pubkey.MessageKind{pubkey.Raw, pubkey.Digest, pubkey.ExternalMu} {
				for _, size := range []int{32, 64} {
					if err := k.Verify(a, kind, make([]byte, size), make([]byte, 64)); err == nil {
						// Points of low order make such keys of Ed25519, under which everything verifies.
						if k.Spec() != "ECC_NIST_EDWARDS25519" {
							t.Errorf("%s, %s: zeroes verify", a, kind)
						}
					}
				}
			}
		}
		for _, a := range []string{"RSAES_OAEP_SHA_1", "RSAES_OAEP_SHA_256", "SM2PKE"} {
			if c, err := k.Encrypt(a, []byte("hi")); err == nil && pubkey.MaxPlaintext(k.Spec(), a) == 0 {
				t.Errorf("%s under %s: got %x", a, k.Spec(), c)
			}
		}
		if _, _, err := k.Encapsulate(); err != nil && !errors.Is(err, pubkey.ErrAlgorithm) {
			t.Errorf("Encapsulate: %v", err)
		}
	})
}
