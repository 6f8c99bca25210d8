package attesttest

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"errors"
	"fmt"
	"testing"
)

// Open returns the plaintext of a CiphertextForRecipient. It takes the one shape that the service
// emits (key material spec §4.5), octet by octet, and fails the test over any other.
func Open(t testing.TB, envelope []byte, key *rsa.PrivateKey) []byte {
	t.Helper()
	plaintext, err := open(envelope, key)
	if err != nil {
		t.Fatalf("open the envelope %x: %v", envelope, err)
	}
	return plaintext
}

func open(envelope []byte, key *rsa.PrivateKey) ([]byte, error) {
	w := &walker{b: envelope}
	w.literal("3080", "06092a864886f70d010703", "a080", "3080", "020102")
	set := &walker{b: w.definite(0x31)}
	info := &walker{b: set.definite(0x30)}
	info.literal("020102")
	id := info.definite(0x80)
	info.literal("303c", "06092a864886f70d010107", "302f",
		"a00f300d06096086480165030402010500",
		"a11c301a06092a864886f70d010108300d06096086480165030402010500")
	wrapped := info.definite(0x04)
	w.literal("3080", "06092a864886f70d010701", "301d", "060960864801650304012a", "0410")
	iv := w.take(16)
	content := w.definite(0x80)
	w.literal("0000", "0000", "0000", "0000")
	for _, each := range []*walker{w, set, info} {
		if err := each.done(); err != nil {
			return nil, err
		}
	}
	if err := names(id, key); err != nil {
		return nil, err
	}
	secret, err := rsa.DecryptOAEP(sha256.New(), nil, key, wrapped, nil)
	if err != nil {
		return nil, err
	}
	return decrypt(secret, iv, content)
}

func names(id []byte, key *rsa.PrivateKey) error {
	spki, err := x509.MarshalPKIXPublicKey(&key.PublicKey)
	if err != nil {
		return err
	}
	if want := sha256.Sum256(spki); !bytes.Equal(id, want[:]) {
		return fmt.Errorf("subject key identifier: got %x, want %x", id, want)
	}
	return nil
}

func decrypt(secret, iv, content []byte) ([]byte, error) {
	if len(secret) != 32 || len(content) == 0 || len(content)%aes.BlockSize != 0 {
		return nil, fmt.Errorf("a key of %d bytes and a content of %d", len(secret), len(content))
	}
	block, err := aes.NewCipher(secret)
	if err != nil {
		return nil, err
	}
	plaintext := make([]byte, len(content))
	cipher.NewCBCDecrypter(block, iv).CryptBlocks(plaintext, content)
	n := int(plaintext[len(plaintext)-1])
	if n < 1 || n > aes.BlockSize || !bytes.HasSuffix(plaintext, bytes.Repeat([]byte{byte(n)}, n)) {
		return nil, errors.New("bad padding")
	}
	return plaintext[:len(plaintext)-n], nil
}

// A walker goes through BER from left to right and remembers the first thing it did not expect.
type walker struct {
	b   []byte
	err error
}

func (w *walker) take(n int) []byte {
	if w.err == nil && n > len(w.b) {
		w.err = fmt.Errorf("%d bytes where %d belong", len(w.b), n)
	}
	if w.err != nil {
		return make([]byte, n)
	}
	taken := w.b[:n]
	w.b = w.b[n:]
	return taken
}

func (w *walker) literal(pieces ...string) {
	for _, digits := range pieces {
		if got := hex.EncodeToString(w.take(len(digits) / 2)); w.err == nil && got != digits {
			w.err = fmt.Errorf("got %s, want %s", got, digits)
		}
	}
}

// definite takes an element of definite length in its shortest form and returns its contents.
func (w *walker) definite(tag byte) []byte {
	if got := w.take(1)[0]; w.err == nil && got != tag {
		w.err = fmt.Errorf("got tag %#x, want %#x", got, tag)
	}
	n := int(w.take(1)[0])
	switch n {
	case 0x81:
		n = int(w.take(1)[0])
	case 0x82:
		long := w.take(2)
		n = int(long[0])<<8 | int(long[1])
	}
	return w.take(n)
}

func (w *walker) done() error {
	if w.err == nil && len(w.b) > 0 {
		w.err = fmt.Errorf("%d bytes too many", len(w.b))
	}
	return w.err
}
