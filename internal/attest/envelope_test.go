package attest_test

import (
	"bytes"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/hex"
	"strings"
	"testing"

	"qkms/internal/attest"
	"qkms/internal/attest/attesttest"
)

// recorded is key material spec §10 [R]: what stands in an envelope of 32 bytes for an RSA-2048 key,
// with the number of free bytes between.
var recorded = []struct {
	digits string
	free   int
}{
	{"308006092a864886f70d010703a08030800201023182016b308201670201028020", 32},
	{"303c06092a864886f70d010107302fa00f300d06096086480165030402010500a11c301a06092a864886f70d010108300d0609608648016503040201050004820100", 256},
	{"308006092a864886f70d010701301d060960864801650304012a0410", 16},
	{"8030", 48},
	{"0000000000000000", 0},
}

func TestEnvelopeIsAsRecorded(t *testing.T) {
	key := recipientKey(t)
	made, err := attest.Envelope(&key.PublicKey, make([]byte, 32))
	if err != nil {
		t.Fatal(err)
	}
	for name, envelope := range map[string][]byte{"made now": made, "opened by OpenSSL": file(t, "opened_by_openssl.ber")} {
		t.Run(name, func(t *testing.T) {
			rest := envelope
			for _, r := range recorded {
				got := hex.EncodeToString(rest[:len(r.digits)/2])
				if got != r.digits {
					t.Fatalf("got %s at %d, want %s", got, len(envelope)-len(rest), r.digits)
				}
				rest = rest[len(r.digits)/2+r.free:]
			}
			if len(rest) != 0 {
				t.Errorf("got %d bytes too many", len(rest))
			}
		})
	}
	id := sha256.Sum256(spki(t, &key.PublicKey))
	if got := made[33:65]; !bytes.Equal(got, id[:]) {
		t.Errorf("got subject key identifier %x, want %x", got, id)
	}
}

func TestEnvelopeOpens(t *testing.T) {
	key := recipientKey(t)
	for _, size := range []int{0, 1, 15, 16, 17, 24, 32, 48, 66, 95, 96, 127, 128, 239, 240, 256, 1024, 1217, 2376, 4096} {
		plaintext := make([]byte, size)
		_, _ = rand.Read(plaintext)
		envelope, err := attest.Envelope(&key.PublicKey, plaintext)
		if err != nil {
			t.Fatal(err)
		}
		if got := attesttest.Open(t, envelope, key); !bytes.Equal(got, plaintext) {
			t.Errorf("%d bytes: got %x, want %x", size, got, plaintext)
		}
		if limit := 6144; len(envelope) > limit { // CiphertextForRecipient of the API model
			t.Errorf("%d bytes: got an envelope of %d, want at most %d", size, len(envelope), limit)
		}
	}
}

func TestEnvelopeToLongerKeys(t *testing.T) {
	for _, bits := range []int{3072, 4096} {
		key, err := rsa.GenerateKey(rand.Reader, bits)
		if err != nil {
			t.Fatal(err)
		}
		envelope, err := attest.Envelope(&key.PublicKey, []byte("data key"))
		if err != nil {
			t.Fatal(err)
		}
		if got := attesttest.Open(t, envelope, key); string(got) != "data key" {
			t.Errorf("%d bits: got %q, want %q", bits, got, "data key")
		}
	}
}

// The two directions of testdata/README.md.
func TestOpenSSLAgrees(t *testing.T) {
	key, want := recipientKey(t), make([]byte, 32)
	for i := range want {
		want[i] = byte(0x40 + i)
	}
	for _, name := range []string{"made_by_openssl.ber", "opened_by_openssl.ber"} {
		if got := attesttest.Open(t, file(t, name), key); !bytes.Equal(got, want) {
			t.Errorf("%s: got %x, want %x", name, got, want)
		}
	}
}

func TestEnvelopesShareNothing(t *testing.T) {
	key := recipientKey(t)
	seen := map[string]bool{}
	for range 8 {
		envelope, err := attest.Envelope(&key.PublicKey, make([]byte, 32))
		if err != nil {
			t.Fatal(err)
		}
		for _, part := range [][]byte{envelope[131:387], envelope[415:431], envelope[433:481]} { // key, IV, content
			if seen[string(part)] {
				t.Errorf("got %x twice", part)
			}
			seen[string(part)] = true
		}
	}
}

func TestEnvelopeRefusesKeys(t *testing.T) {
	for name, key := range map[string]*rsa.PublicKey{
		"1024 bits":        modulus(1024, 65537),
		"4097 bits":        modulus(4097, 65537),
		"exponent 1":       modulus(2048, 1),
		"an even exponent": modulus(2048, 4),
		"an even modulus":  evenModulus(),
	} {
		envelope, err := attest.Envelope(key, []byte("plaintext"))
		if err == nil || envelope != nil {
			t.Errorf("%s: got %x, want an error", name, envelope)
		} else if strings.Contains(err.Error(), "plaintext") {
			t.Errorf("%s: got the plaintext in %q", name, err)
		}
	}
}
