package seal

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"encoding/binary"
)

// A box is the one construction that encrypts here (docs/formats/sealed-record.md §2):
//
//	box = salt(32) ‖ nonce(12) ‖ ciphertext ‖ tag(16)
//	    AES-256-GCM under KBKDF(key, label, salt ‖ scope)
//
// Salt and nonce are random and nothing else: restored backups repeat versions with different
// contents, so a nonce made from a version would repeat under the same key. With a fresh key for
// every box the 2³² messages of SP 800-38D §8.3 are per salt, and no counter has to survive a crash.
const (
	saltSize    = 32
	boxOverhead = saltSize + 12 + 16
)

// sealBox appends the box of plaintext to dst.
func sealBox(dst []byte, k secret, label string, scope, aad, plaintext []byte) []byte {
	salt := make([]byte, saltSize, saltSize+len(scope))
	_, _ = rand.Read(salt) // never fails: crypto/rand ends the process instead
	dst = append(dst, salt...)
	return boxCipher(k, label, append(salt, scope...)).Seal(dst, nil, plaintext, aad)
}

// openBox returns ErrTampered and nothing more: why a box does not open helps nobody but a forger.
func openBox(k secret, label string, scope, aad, box []byte) ([]byte, error) {
	if len(box) < boxOverhead {
		return nil, ErrTampered
	}
	salt := append(make([]byte, 0, saltSize+len(scope)), box[:saltSize]...)
	plaintext, err := boxCipher(k, label, append(salt, scope...)).Open(nil, nil, box[saltSize:], aad)
	if err != nil {
		return nil, ErrTampered
	}
	return plaintext, nil
}

func boxCipher(k secret, label string, context []byte) cipher.AEAD {
	derived := k.derive(label, context)
	defer clear(derived)
	block, err := aes.NewCipher(derived)
	if err != nil {
		panic("seal: internal error: " + err.Error()) // derive gives 32 bytes
	}
	aead, err := cipher.NewGCMWithRandomNonce(block)
	if err != nil {
		panic("seal: internal error: " + err.Error()) // block is AES
	}
	return aead
}

// Bind joins parts so that no two lists of parts give the same bytes: each is preceded by its length
// in four bytes, big endian. A separator would let "a","b/c" stand in for "a/b","c".
func Bind[T string | []byte](parts ...T) []byte {
	n := 0
	for _, p := range parts {
		n += 4 + len(p)
	}
	out := make([]byte, 0, n)
	for _, p := range parts {
		out = binary.BigEndian.AppendUint32(out, uint32(len(p)))
		out = append(out, p...)
	}
	return out
}

func be32(v uint32) []byte { return binary.BigEndian.AppendUint32(nil, v) }
func be64(v uint64) []byte { return binary.BigEndian.AppendUint64(nil, v) }
