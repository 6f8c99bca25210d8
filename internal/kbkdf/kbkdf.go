// Package kbkdf derives keys from a key: SP 800-108r1 §4.1, counter mode, PRF HMAC-SHA-256, r = 32.
//
// The standard library has no public form of it. Counter is the whole of it.
package kbkdf

import (
	"encoding/binary"

	"qkms/internal/mac"
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
	out := make([]byte, max(n, 0))
	Fill(out, key, label, context)
	return out
}

// Fill is Counter into all of out, which the caller has made and wipes.
func Fill(out, key []byte, label string, context []byte) {
	if len(out) < 1 || len(out) > maxLen {
		panic("kbkdf: internal error: length out of range") // lengths are constants of our formats
	}
	var room [256]byte // so that the labels and contexts of our formats need no heap
	in := input(room[:0], label, context, len(out))
	for i := uint32(1); len(out) > 0; i++ {
		binary.BigEndian.PutUint32(in, i)
		block := mac.SHA256(key, in)
		out = out[copy(out, block[:]):]
		clear(block[:])
	}
}

// input appends the PRF's input for n bytes of output to dst; the caller writes the counter into its first four.
func input(dst []byte, label string, context []byte, n int) []byte {
	in := append(dst, 0, 0, 0, 0)
	in = append(in, label...)
	in = append(in, 0)
	in = append(in, context...)
	return binary.BigEndian.AppendUint32(in, uint32(n)*8)
}
