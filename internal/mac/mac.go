// Package mac computes HMAC-SHA-256 without leaving anything behind.
//
// crypto/hmac is made for many messages under one key: it puts the padded key, two hash states and a saved copy of
// each on the heap, ten allocations that cannot be reached to be wiped. Here every request has messages under keys of
// their own, a few dozen bytes long: SHA256 does the same sum on the stack and wipes it.
package mac

import (
	"bytes"
	"crypto/fips140"
	"crypto/hmac"
	"crypto/sha256"
)

const (
	blockSize = sha256.BlockSize
	short     = 256 // messages up to here, in bytes, need no heap
)

// approved says that only the validated module may compute a MAC: SP 800-140C knows its HMAC, not ours over its SHA-256.
var approved = fips140.Enabled()

// SHA256 returns HMAC-SHA-256(key, message): RFC 2104 §2 over FIPS 180-4. It keeps neither, and is safe for
// concurrent use. To compare the result with somebody else's use subtle.ConstantTimeCompare.
func SHA256(key, message []byte) (mac [sha256.Size]byte) {
	if approved {
		return validated(bytes.Clone(key), bytes.Clone(message)) // copies, or the compiler would have everybody's on the heap
	}
	return sum(key, message)
}

func validated(key, message []byte) (mac [sha256.Size]byte) {
	h := hmac.New(sha256.New, key)
	h.Write(message)
	h.Sum(mac[:0])
	clear(key)
	clear(message)
	return mac
}

// sum is SHA-256((K ⊕ opad) ‖ SHA-256((K ⊕ ipad) ‖ message)), K being key filled up with zeros to a block; a longer
// key is hashed first.
func sum(key, message []byte) (mac [sha256.Size]byte) {
	var hashed [sha256.Size]byte
	if len(key) > blockSize {
		hashed = sha256.Sum256(key)
		key = hashed[:]
	}
	var room [blockSize + short]byte
	in := append(pad(room[:0], key, 0x36), message...)
	inner := sha256.Sum256(in)
	clear(in) // on the heap, if message is long

	in = append(pad(room[:0], key, 0x5c), inner[:]...)
	mac = sha256.Sum256(in)
	clear(room[:])
	clear(inner[:])
	clear(hashed[:])
	return mac
}

func pad(dst, key []byte, with byte) []byte {
	dst = dst[:blockSize]
	n := copy(dst, key)
	clear(dst[n:])
	for i := range dst {
		dst[i] ^= with
	}
	return dst
}
