package kbkdf_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"testing"

	"pgregory.net/rapid"

	"qkms/internal/kbkdf"
)

func TestVectors(t *testing.T) {
	key := make([]byte, 32)
	for i := range key {
		key[i] = byte(i)
	}
	for _, tt := range []struct {
		name string
		n    int
		want string
	}{
		{"one block, agreed on by two implementations", 32, "303790cfe363abe9682dbfff5941f23b32addc96da72f4c7e5b20e9f59a4e570"},
		// openssl kdf -keylen 64 -kdfopt mode:COUNTER -kdfopt mac:HMAC -kdfopt digest:SHA256
		//   -kdfopt hexkey:00…1f -kdfopt salt:label -kdfopt info:context KBKDF   (OpenSSL 3.0.19)
		{"two blocks, computed by OpenSSL", 64, "a96742dab629385c2fda3ab31ff80ae5ab8f18d61a903f75d4cb97422e3b95864f650329d558a492707fde746725067868d9647d1a5d07f510bb09aa8d05efaa"},
		{"part of a block, computed by OpenSSL", 17, "4c71b2f08db80f569b13e2621b6c625f97"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got := hex.EncodeToString(kbkdf.Counter(key, "label", []byte("context"), tt.n))
			if got != tt.want {
				t.Errorf("got %s, want %s", got, tt.want)
			}
		})
	}
}

// TestAgainstTheStandard compares with SP 800-108r1 §4.1 and RFC 2104 §2 written down as they read,
// without crypto/hmac.
func TestAgainstTheStandard(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		key := rapid.SliceOfN(rapid.Byte(), 14, 100).Draw(t, "key")
		label := rapid.StringMatching(`[ -~]{0,40}`).Draw(t, "label")
		context := rapid.SliceOfN(rapid.Byte(), 0, 200).Draw(t, "context")
		n := rapid.IntRange(1, 200).Draw(t, "n")

		got := kbkdf.Counter(key, label, context, n)
		if want := byTheStandard(key, label, context, n); !bytes.Equal(got, want) {
			t.Fatalf("got %x, want %x", got, want)
		}
	})
}

func byTheStandard(key []byte, label string, context []byte, n int) []byte {
	var result []byte
	for i := 1; len(result) < n; i++ {
		input := fmt.Sprintf("%s%s\x00%s%s", u32(i), label, context, u32(8*n))
		result = append(result, hmacSHA256(key, []byte(input))...)
	}
	return result[:n]
}

func u32(v int) string { return string([]byte{byte(v >> 24), byte(v >> 16), byte(v >> 8), byte(v)}) }

func hmacSHA256(key, text []byte) []byte {
	if len(key) > 64 {
		sum := sha256.Sum256(key)
		key = sum[:]
	}
	ipad, opad := bytes.Repeat([]byte{0x36}, 64), bytes.Repeat([]byte{0x5c}, 64)
	for i, b := range key {
		ipad[i] ^= b
		opad[i] ^= b
	}
	inner := sha256.Sum256(append(ipad, text...))
	outer := sha256.Sum256(append(opad, inner[:]...))
	return outer[:]
}

func TestLengthChangesEveryByte(t *testing.T) {
	key := make([]byte, 32)
	short, long := kbkdf.Counter(key, "l", nil, 32), kbkdf.Counter(key, "l", nil, 64)
	if bytes.Equal(short, long[:32]) {
		t.Error("got a prefix of the longer output, want unrelated bytes")
	}
}

func TestLengthOutOfRangePanics(t *testing.T) {
	for _, n := range []int{-1, 0, 1 << 29} {
		t.Run(fmt.Sprint(n), func(t *testing.T) {
			defer func() {
				if recover() == nil {
					t.Error("got an answer, want a panic")
				}
			}()
			kbkdf.Counter(make([]byte, 32), "l", nil, n)
		})
	}
}

func BenchmarkCounter(b *testing.B) {
	key, context := make([]byte, 32), make([]byte, 60)
	b.ReportAllocs()
	for b.Loop() {
		kbkdf.Counter(key, "qkms ciphertext v1", context, 64)
	}
}
