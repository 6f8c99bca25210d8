package policy

import "unicode/utf8"

// broken stands for a byte of a text that is no UTF-8: only ? matches it.
const broken = -1

// search is find for a piece with ?, by the shift-and algorithm (Baeza-Yates, Gonnet: "A new approach to text
// searching", 1992). Bit i of the state says that the last i+1 characters are the first ones of the piece. For
// each character the state is shifted once, 64 positions at a time: a piece made to almost match everywhere
// costs what any other of its length does, where trying each place anew would cost their product.
func search(piece, s string) (end int, ok bool) {
	positions, wildcards, length := masks(piece)
	state := make([]uint64, len(wildcards))
	last, lastBit := (length-1)/64, uint64(1)<<((length-1)%64)
	for end < len(s) {
		r, size := next(s[end:])
		end += size
		here := positions[r]
		carry := uint64(1) // the piece may begin at any character
		for i := range state {
			out := state[i] >> 63
			state[i] = state[i]<<1 | carry
			if here == nil {
				state[i] &= wildcards[i]
			} else {
				state[i] &= here[i]
			}
			carry = out
		}
		if state[last]&lastBit != 0 {
			return end, true
		}
	}
	return 0, false
}

// masks says at which positions of a piece each of its characters may stand, wildcards everywhere.
func masks(piece string) (positions map[rune][]uint64, wildcards []uint64, length int) {
	wildcards = make([]uint64, (len(piece)+63)/64)
	positions = map[rune][]uint64{}
	for i := 0; i < len(piece); length++ {
		if piece[i] == anyOne {
			wildcards[length/64] |= 1 << (length % 64)
			i++
			continue
		}
		r, size := next(piece[i:])
		if positions[r] == nil {
			positions[r] = make([]uint64, len(wildcards))
		}
		positions[r][length/64] |= 1 << (length % 64)
		i += size
	}
	for _, m := range positions {
		for i := range m {
			m[i] |= wildcards[i]
		}
	}
	return positions, wildcards, length
}

// next returns the first character of s and how many bytes it has.
func next(s string) (r rune, size int) {
	r, size = utf8.DecodeRuneInString(s)
	if r == utf8.RuneError && size == 1 {
		r = broken
	}
	return r, size
}
