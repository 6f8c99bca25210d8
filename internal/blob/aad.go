package blob

import (
	"encoding/binary"
	"math"
	"slices"
)

// AAD returns what the box of a blob authenticates: prefix, the first PrefixSize bytes of the blob,
// then the encryption context,
//
//	u32be(count) ‖ for each pair in byte order of the keys: u32be(len key) ‖ key ‖ u32be(len value) ‖ value
//
// Two requests that differ only in map order must open the same ciphertext, hence the order. Joining
// with separators would let {"a":"b=c"} stand in for {"a=b":"c"}, hence the lengths. No context and
// an empty one are the same (operations spec §8.3). Strings are taken byte for byte, without
// Unicode normalisation.
func AAD(prefix []byte, encryptionContext map[string]string) []byte {
	return AppendAAD(make([]byte, 0, AADSize(encryptionContext)), prefix, encryptionContext)
}

// AADSize is the length of AAD in bytes.
func AADSize(encryptionContext map[string]string) int {
	size := PrefixSize + 4
	for k, v := range encryptionContext {
		size += 8 + len(k) + len(v)
	}
	return size
}

// AppendAAD appends AAD to dst.
func AppendAAD(dst, prefix []byte, encryptionContext map[string]string) []byte {
	var few [8]string // most contexts have no more, and then sorting allocates nothing
	keys := few[:0]
	for k := range encryptionContext {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	aad := append(dst, prefix...)
	aad = appendLen(aad, len(encryptionContext))
	for _, k := range keys {
		aad = appendString(aad, k)
		aad = appendString(aad, encryptionContext[k])
	}
	return aad
}

func appendString(dst []byte, s string) []byte { return append(appendLen(dst, len(s)), s...) }

func appendLen(dst []byte, n int) []byte {
	if uint64(n) > math.MaxUint32 {
		// A length cut to 32 bits would make the encoding ambiguous. Requests end at 1 MiB.
		panic("blob: internal error: encryption context too large")
	}
	return binary.BigEndian.AppendUint32(dst, uint32(n))
}
