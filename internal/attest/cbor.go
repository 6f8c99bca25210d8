package attest

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"unicode/utf8"
)

// Major types of RFC 8949 §3.1, and the initial bytes that stand for themselves.
const (
	cborUint  = 0
	cborBytes = 2
	cborText  = 3
	cborArray = 4
	cborMap   = 5
	cborTag   = 6
	cborOther = 7

	cborNull  = 0xf6
	cborBreak = 0xff

	cborIndefinite = 31 // in the low bits of an initial byte (RFC 8949 §3.2)
)

var errTruncated = errors.New("cbor: the input ends early")

// A reader takes CBOR items off the front of b. It knows what attestation documents are made of and
// refuses everything else: lengths must be definite and in their shortest form, so that one document
// has one encoding. The one exception is openMap.
//
// No method allocates by a length that the input claims, and none returns bytes beyond b.
type reader struct{ b []byte }

// head takes an initial byte and its argument.
func (r *reader) head() (major byte, arg uint64, err error) {
	if len(r.b) == 0 {
		return 0, 0, errTruncated
	}
	major, low := r.b[0]>>5, r.b[0]&0x1f
	if low < 24 {
		r.b = r.b[1:]
		return major, uint64(low), nil
	}
	if low > 27 {
		return 0, 0, errors.New("cbor: an indefinite or reserved length")
	}
	size := 1 << (low - 24)
	if len(r.b)-1 < size {
		return 0, 0, errTruncated
	}
	var wide [8]byte
	copy(wide[8-size:], r.b[1:1+size])
	arg = binary.BigEndian.Uint64(wide[:])
	if major != cborOther && arg < leastOf(size) {
		return 0, 0, errors.New("cbor: a number that is not in its shortest form")
	}
	r.b = r.b[1+size:]
	return major, arg, nil
}

// leastOf is the smallest argument that needs size bytes (RFC 8949 §4.2.1).
func leastOf(size int) uint64 {
	if size == 1 {
		return 24
	}
	return 1 << (size * 8 / 2)
}

func (r *reader) expect(want byte) (uint64, error) {
	major, arg, err := r.head()
	if err == nil && major != want {
		err = fmt.Errorf("cbor: major type %d where %d belongs", major, want)
	}
	return arg, err
}

// uint takes an unsigned integer of at most limit.
func (r *reader) uint(limit uint64) (uint64, error) {
	n, err := r.expect(cborUint)
	if err == nil && n > limit {
		err = fmt.Errorf("cbor: number %d where %d is the most", n, limit)
	}
	return n, err
}

// string takes the bytes of a byte or text string of least to most bytes. They alias the input.
func (r *reader) string(major byte, least, most int) ([]byte, error) {
	n, err := r.expect(major)
	if err != nil {
		return nil, err
	}
	if n < uint64(least) || n > uint64(most) {
		return nil, fmt.Errorf("cbor: string of %d bytes where %d to %d are allowed", n, least, most)
	}
	if n > uint64(len(r.b)) {
		return nil, errTruncated
	}
	s := r.b[:n:n]
	r.b = r.b[n:]
	return s, nil
}

func (r *reader) bytes(least, most int) ([]byte, error) { return r.string(cborBytes, least, most) }

func (r *reader) text(least, most int) (string, error) {
	s, err := r.string(cborText, least, most)
	if err == nil && !utf8.Valid(s) {
		err = errors.New("cbor: text that is not UTF-8")
	}
	return string(s), err
}

// optional takes a byte string of at most most bytes, or null, which is nil.
func (r *reader) optional(most int) ([]byte, error) {
	if r.next(cborNull) {
		return nil, nil
	}
	return r.bytes(0, most)
}

// count takes the head of an array or map of least to most elements or pairs.
func (r *reader) count(major byte, least, most int) (int, error) {
	n, err := r.expect(major)
	if err == nil && (n < uint64(least) || n > uint64(most)) {
		err = fmt.Errorf("cbor: %d elements where %d to %d are allowed", n, least, most)
	}
	return int(min(n, math.MaxInt32)), err
}

// openMap takes a map of at most most pairs, calling pair for each. It may be of indefinite length:
// Nitro hypervisors used to write the payload as a definite map and now write it as an indefinite one.
func (r *reader) openMap(most int, pair func() error) error {
	n, open := most, r.next(cborMap<<5|cborIndefinite)
	if !open {
		var err error
		if n, err = r.count(cborMap, 0, most); err != nil {
			return err
		}
	}
	for range n {
		if open && r.next(cborBreak) {
			return nil
		}
		if err := pair(); err != nil {
			return err
		}
	}
	if open && !r.next(cborBreak) {
		return fmt.Errorf("cbor: a map of more than %d pairs, or without an end", most)
	}
	return nil
}

// next takes the initial byte b if it is what comes next.
func (r *reader) next(b byte) bool {
	if len(r.b) == 0 || r.b[0] != b {
		return false
	}
	r.b = r.b[1:]
	return true
}

// skip takes one item of any kind, of at most depth levels.
func (r *reader) skip(depth int) error {
	if depth == 0 {
		return errors.New("cbor: nested too deep")
	}
	major, arg, err := r.head()
	if err != nil {
		return err
	}
	switch major {
	case cborBytes, cborText:
		if arg > uint64(len(r.b)) {
			return errTruncated
		}
		r.b = r.b[arg:]
		return nil
	case cborArray, cborMap, cborTag:
		return r.skipAll(elements(major, arg), depth-1)
	}
	return nil
}

func elements(major byte, arg uint64) uint64 {
	switch {
	case major == cborTag:
		return 1
	case major == cborMap && arg <= math.MaxUint64/2:
		return 2 * arg
	}
	return arg
}

// skipAll ends with the input if n is a lie: every item is a byte at least.
func (r *reader) skipAll(n uint64, depth int) error {
	for ; n > 0; n-- {
		if err := r.skip(depth); err != nil {
			return err
		}
	}
	return nil
}

// end is an error unless everything has been taken.
func (r *reader) end() error {
	if len(r.b) > 0 {
		return fmt.Errorf("cbor: %d bytes too many", len(r.b))
	}
	return nil
}

// appendBytes appends s as a byte string, as Sig_structure wants it.
func appendBytes(dst, s []byte) []byte {
	switch n := len(s); {
	case n < 24:
		dst = append(dst, cborBytes<<5|byte(n))
	case n < 1<<8:
		dst = append(dst, cborBytes<<5|24, byte(n))
	case n < 1<<16:
		dst = binary.BigEndian.AppendUint16(append(dst, cborBytes<<5|25), uint16(n))
	default:
		dst = binary.BigEndian.AppendUint32(append(dst, cborBytes<<5|26), uint32(n))
	}
	return append(dst, s...)
}
