package soft

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/subtle"
	"encoding/binary"
)

// The sizes of SP 800-38F §6.3, in bytes.
const (
	semiblock = 8
	maxKWP    = 8192 // far more than any private key takes; the standard's own limit is 2³²
)

// aiv is ICV2 of SP 800-38F §6.3, the first half of RFC 5649's alternative initial value.
var aiv = []byte{0xa6, 0x59, 0x59, 0xa6}

// unwrapKWP is KWP-AD (SP 800-38F §6.3 algorithm 6; RFC 5649 §4.2): AES key wrap with padding, opened. The
// key has 16, 24 or 32 bytes. What was wrapped is the caller's to wipe; ok is false for whatever is not
// authentic, and how it is not takes no time of its own.
func unwrapKWP(kek, wrapped []byte) (material []byte, ok bool) {
	block, err := aes.NewCipher(kek)
	if err != nil || len(wrapped)%semiblock != 0 || len(wrapped) < 2*semiblock || len(wrapped) > maxKWP {
		return nil, false
	}
	s := bytes.Clone(wrapped)
	if len(s) == 2*semiblock {
		block.Decrypt(s, s)
	} else {
		invertW(block, s)
	}
	material, ok = unpadKWP(s)
	if !ok {
		clear(s)
		return nil, false
	}
	return material, true
}

// invertW is W⁻¹ (SP 800-38F §6.1 algorithm 2), in place: s = A ‖ R₁ ‖ … ‖ Rₙ.
func invertW(block cipher.Block, s []byte) {
	var ab [2 * semiblock]byte // A ‖ Rᵢ
	defer clear(ab[:])
	a := ab[:semiblock]
	copy(a, s)
	n := len(s)/semiblock - 1
	for t := 6 * n; t > 0; t-- {
		r := s[((t-1)%n+1)*semiblock:][:semiblock]
		binary.BigEndian.PutUint64(a, binary.BigEndian.Uint64(a)^uint64(t))
		copy(ab[semiblock:], r)
		block.Decrypt(ab[:], ab[:])
		copy(r, ab[semiblock:])
	}
	copy(s, a)
}

// unpadKWP checks s = ICV2 ‖ length ‖ material ‖ zeroes and returns the material, in constant time.
func unpadKWP(s []byte) ([]byte, bool) {
	body := s[semiblock:]
	pad := int64(len(body)) - int64(binary.BigEndian.Uint32(s[len(aiv):]))
	outside := uint64(pad >> 3) // zero for 0 ≤ pad < 8: the shift is arithmetic
	good := subtle.ConstantTimeCompare(s[:len(aiv)], aiv)
	good &= subtle.ConstantTimeEq(int32(outside|outside>>32), 0)
	zeroes := int(pad) & 7
	var stray byte
	for i := 1; i < semiblock; i++ {
		inPad := byte(subtle.ConstantTimeLessOrEq(i, zeroes))
		stray |= body[len(body)-i] & -inPad
	}
	good &= subtle.ConstantTimeByteEq(stray, 0)
	return body[:len(body)-zeroes], good == 1
}
