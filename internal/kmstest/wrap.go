package kmstest

import (
	"crypto/aes"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/x509"
	"encoding/binary"
	"hash"
	"strings"
	"testing"
)

// Wrap does what a client does with the answer of GetParametersForImport: it encrypts material by a wrapping
// algorithm under a public key, with the standard library alone. It shares no line with what unwraps.
func Wrap(t testing.TB, spki []byte, algorithm string, material []byte) []byte {
	t.Helper()
	parsed, err := x509.ParsePKIXPublicKey(spki)
	if err != nil {
		t.Fatal(err)
	}
	public, ok := parsed.(*rsa.PublicKey)
	if !ok {
		t.Fatalf("public key: got %T, want RSA", parsed)
	}
	if !strings.HasPrefix(algorithm, "RSA_AES_KEY_WRAP_") {
		return encryptOAEP(t, public, algorithm, material)
	}
	kek := make([]byte, 32)
	_, _ = rand.Read(kek)
	return append(encryptOAEP(t, public, algorithm, kek), WrapKWP(t, kek, material)...)
}

func encryptOAEP(t testing.TB, public *rsa.PublicKey, algorithm string, message []byte) []byte {
	t.Helper()
	var h func() hash.Hash
	switch {
	case strings.HasSuffix(algorithm, "_SHA_1"):
		h = sha1.New
	case strings.HasSuffix(algorithm, "_SHA_256"):
		h = sha256.New
	default:
		t.Fatalf("algorithm %s", algorithm)
	}
	out, err := rsa.EncryptOAEP(h(), rand.Reader, public, message, nil)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// WrapKWP is AES key wrap with padding, in the words of RFC 5649 §4.1 and RFC 3394 §2.2.1.
func WrapKWP(t testing.TB, kek, material []byte) []byte {
	t.Helper()
	block, err := aes.NewCipher(kek)
	if err != nil {
		t.Fatal(err)
	}
	a := binary.BigEndian.AppendUint32([]byte{0xa6, 0x59, 0x59, 0xa6}, uint32(len(material)))
	p := append([]byte(nil), material...)
	for len(p)%8 != 0 {
		p = append(p, 0)
	}
	if len(p) == 8 {
		out := append(a, p...)
		block.Encrypt(out, out)
		return out
	}
	n := len(p) / 8
	for j := range 6 {
		for i := range n {
			b := append(append([]byte(nil), a...), p[8*i:8*i+8]...)
			block.Encrypt(b, b)
			binary.BigEndian.PutUint64(a, binary.BigEndian.Uint64(b)^uint64(n*j+i+1))
			copy(p[8*i:], b[8:])
		}
	}
	return append(a, p...)
}
