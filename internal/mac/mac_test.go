package mac_test

import (
	"crypto/fips140"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"qkms/internal/mac"
)

// TestVectors are those of RFC 4231 §4 for HMAC-SHA-256 that are not cut.
func TestVectors(t *testing.T) {
	for _, tt := range []struct{ name, key, data, want string }{
		{"case 1", strings.Repeat("0b", 20), hex.EncodeToString([]byte("Hi There")), "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7"},
		{"case 2, a short key", hex.EncodeToString([]byte("Jefe")), hex.EncodeToString([]byte("what do ya want for nothing?")), "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"},
		{"case 3", strings.Repeat("aa", 20), strings.Repeat("dd", 50), "773ea91e36800e46854db8ebd09181a72959098b3ef8c122d9635514ced565fe"},
		{"case 4", "0102030405060708090a0b0c0d0e0f10111213141516171819", strings.Repeat("cd", 50), "82558a389a443c0ea4cc819899f2083a85f0faa3e578f8077a2e3ff46729665b"},
		{"case 6, a key longer than a block", strings.Repeat("aa", 131), hex.EncodeToString([]byte("Test Using Larger Than Block-Size Key - Hash Key First")), "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54"},
		{"case 7, both longer", strings.Repeat("aa", 131), hex.EncodeToString([]byte("This is a test using a larger than block-size key and a larger than block-size data. The key needs to be hashed before being used by the HMAC algorithm.")), "9b09ffa71b942fcb27635fbcd5b0e944bfdc63644f0713938a7f51535c3a35e2"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			key, _ := hex.DecodeString(tt.key)
			data, _ := hex.DecodeString(tt.data)
			got := mac.SHA256(key, data)
			if hex.EncodeToString(got[:]) != tt.want {
				t.Errorf("got %x, want %s", got, tt.want)
			}
		})
	}
}

// TestAgainstTheLibrary goes over every boundary there is: the block, the room on the stack, nothing at all.
func TestAgainstTheLibrary(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		key := rapid.SliceOfN(rapid.Byte(), 0, 140).Draw(t, "key")
		data := rapid.SliceOfN(rapid.Byte(), 0, 700).Draw(t, "data")
		h := hmac.New(sha256.New, key)
		h.Write(data)
		if got := mac.SHA256(key, data); !hmac.Equal(got[:], h.Sum(nil)) {
			t.Fatalf("key of %d bytes, message of %d: got %x, want %x", len(key), len(data), got, h.Sum(nil))
		}
	})
}

func TestAllocatesNothing(t *testing.T) {
	if fips140.Enabled() {
		return // the module's HMAC allocates
	}
	key, data := make([]byte, 32), make([]byte, 250)
	if n := testing.AllocsPerRun(100, func() { mac.SHA256(key, data) }); n != 0 {
		t.Errorf("got %v allocations, want none", n)
	}
}

func BenchmarkSHA256(b *testing.B) {
	key, data := make([]byte, 32), make([]byte, 91)
	b.Run("mac", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			mac.SHA256(key, data)
		}
	})
	b.Run("crypto/hmac", func(b *testing.B) {
		b.ReportAllocs()
		var out [32]byte
		for b.Loop() {
			h := hmac.New(sha256.New, key)
			h.Write(data)
			h.Sum(out[:0])
		}
	})
}
