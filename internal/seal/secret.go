package seal

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"log/slog"

	"qkms/internal/kbkdf"
)

// keySize is the bytes of every key here: an AES-256 key, or a KDF key of the strength of
// HMAC-SHA-256.
const keySize = 32

// secret is key bytes in memory. Whatever asks it to print itself gets a placeholder.
//
// The bytes live behind a func because fmt cannot call Format on an unexported field of somebody
// else's struct: it reflects, and prints a []byte in full.
type secret struct{ bytes func() []byte }

// newSecret takes b over: the caller keeps no other use of it.
func newSecret(b []byte) secret { return secret{func() []byte { return b }} }

func randomSecret() secret {
	b := make([]byte, keySize)
	_, _ = rand.Read(b) // never fails: crypto/rand ends the process instead
	return newSecret(b)
}

// derive is KBKDF over s. Labels are this package's constants, one per purpose, so that no two
// purposes ever share a key.
func (s secret) derive(label string, context []byte) []byte {
	return kbkdf.Counter(s.bytes(), label, context, keySize)
}

func (s secret) clone() secret { return newSecret(append([]byte(nil), s.bytes()...)) }

func (s secret) wipe() { clear(s.bytes()) }

func (secret) Format(s fmt.State, _ rune) { _, _ = io.WriteString(s, "[key material]") }
func (secret) LogValue() slog.Value       { return slog.StringValue("[key material]") }
func (secret) MarshalText() ([]byte, error) {
	return nil, errors.New("seal: key material is not text")
}
