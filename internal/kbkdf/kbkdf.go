// Package kbkdf derives keys from a key: SP 800-108r1 §4.1, counter mode, PRF HMAC-SHA-256, r = 32.
//
// The standard library has no public form of it. Counter is the whole of it.
package kbkdf

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
)

// maxLen is the greatest n whose bit length [L]2 holds in 32 bits. The standard's own limit, 2³²−1
// blocks, lies beyond.
const maxLen = 1<<29 - 1

// Counter returns n bytes derived from key, 1 ≤ n < 2²⁹: K(1) ‖ K(2) ‖ … cut to n, where
//
//	K(i) = HMAC-SHA-256(key, u32be(i) ‖ label ‖ 00 ‖ context ‖ u32be(8n))
//
// The label says what the derived key is for, the context whose it is. Different lengths of the same
// label and context give unrelated keys, because the length is part of every block. A label must
// not contain a zero byte: it would make (label, context) ambiguous. A key below 14 bytes is not
// approved (SP 800-131A r2 §10). Counter keeps neither key nor context, and is safe for concurrent use.
func Counter(key []byte, label string, context []byte, n int) []byte {
	if n < 1 || n > maxLen {
		panic("kbkdf: internal error: length out of range") // lengths are constants of our formats
	}
	in := input(label, context, n)
	out := make([]byte, 0, (n+sha256.Size-1)/sha256.Size*sha256.Size)
	prf := hmac.New(sha256.New, key)
	for i := uint32(1); len(out) < n; i++ {
		if i > 1 {
			prf.Reset() // not before the first: Reset saves the keyed states, which costs two allocations
		}
		binary.BigEndian.PutUint32(in, i)
		prf.Write(in)
		out = prf.Sum(out)
	}
	clear(out[n:])
	return out[:n:n]
}

// input returns the PRF's input for n bytes of output; the caller writes the counter into its first four.
func input(label string, context []byte, n int) []byte {
	in := make([]byte, 4, 4+len(label)+1+len(context)+4)
	in = append(in, label...)
	in = append(in, 0)
	in = append(in, context...)
	return binary.BigEndian.AppendUint32(in, uint32(n)*8)
}
