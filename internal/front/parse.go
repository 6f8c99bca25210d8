package front

import (
	"bytes"
	"encoding/binary"
)

// requestLine is the only one (RFC 9112 §3).
const requestLine = "POST / HTTP/1.1\r\n"

// Limits of a header. What SDKs send has a dozen fields and, with a session token, up to 3 KiB.
const (
	maxHeader = 8 << 10 // bytes
	maxFields = 32
)

// A verdict is what is known of the bytes so far.
type verdict int

const (
	whole   verdict = iota // all of it is there
	partial                // all is well so far
	foreign                // for net/http
	none                   // and there will be no more
)

// A head is where the fields of a header are in the bytes that came.
type head struct {
	fields [maxFields]field
	count  int
	size   int // of the request line and all that follows up to the body, in bytes
}

// A field is one "name: value", by offsets.
type field struct {
	name, colon int32 // name ends where the colon is
	value, end  int32 // without the white space around it
	canonical   bool  // the name is spelled as http.CanonicalHeaderKey would
}

// read finds the fields in b, which begins with a request.
func (h *head) read(b []byte) verdict {
	if n := min(len(b), len(requestLine)); string(b[:n]) != requestLine[:n] {
		return foreign
	}
	if len(b) < len(requestLine) {
		return partial
	}
	h.count = 0
	for at := len(requestLine); ; {
		length := bytes.IndexByte(b[at:min(len(b), maxHeader)], '\n')
		if length < 0 {
			if len(b) >= maxHeader {
				return foreign
			}
			return partial
		}
		if length == 0 || b[at+length-1] != '\r' { // a bare LF: where the line ends is a matter of opinion
			return foreign
		}
		next := at + length + 1
		if length == 1 {
			h.size = next
			return whole
		}
		if h.count == maxFields || !h.fields[h.count].read(b[:next-2], at) {
			return foreign
		}
		h.count++
		at = next
	}
}

// read finds the parts of the line from b[at] to the end of b. It returns false of what is not plainly a field: one
// that begins with white space (obs-fold, RFC 9112 §5.2), has white space before its colon (§5.1), a name or a value
// with bytes of no use to SDKs.
func (f *field) read(b []byte, at int) bool {
	upper, canonical := true, true
	colon := at
	for ; colon < len(b) && b[colon] != ':'; colon++ {
		switch c := b[colon]; {
		case 'a' <= c && c <= 'z':
			canonical = canonical && !upper
		case 'A' <= c && c <= 'Z':
			canonical = canonical && upper
		case '0' <= c && c <= '9', c == '-':
		default:
			return false
		}
		upper = b[colon] == '-'
	}
	if colon == at || colon == len(b) {
		return false
	}
	value, end := colon+1, len(b)
	for value < end && b[value] == ' ' {
		value++
	}
	for value < end && b[end-1] == ' ' {
		end--
	}
	*f = field{int32(at), int32(colon), int32(value), int32(end), canonical}
	return printable(b[value:end])
}

// printable reports whether b is printable ASCII and spaces. It looks at eight bytes at a time: of each, a borrow
// or carry into the highest bit tells one below 0x20 or above 0x7e, and that bit itself one beyond ASCII.
func printable(b []byte) bool {
	const each = 0x0101010101010101
	var bad uint64
	for ; len(b) >= 8; b = b[8:] {
		x := binary.LittleEndian.Uint64(b)
		bad |= x | (x - 0x20*each) | (x + each)
	}
	for _, c := range b {
		if c < 0x20 || c > 0x7e {
			return false
		}
	}
	return bad&(0x80*each) == 0
}

// digits is the number of a Content-Length, of at most seven digits without a zero before them; false if it is not
// spelled so. What others take, signs, lists of equal numbers, zeros in front, is where readers differ (RFC 9112 §6.3).
func digits(s string) (n int, ok bool) {
	if s == "" || len(s) > 7 || s[0] == '0' && len(s) > 1 {
		return 0, false
	}
	for _, c := range []byte(s) {
		if c < '0' || c > '9' {
			return 0, false
		}
		n = 10*n + int(c-'0')
	}
	return n, true
}

// plainHost reports whether s is a Host that all readers understand alike: a name or an address, with or without a port.
func plainHost(s string) bool {
	for _, c := range []byte(s) {
		switch {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9', c == '.', c == '-', c == ':', c == '[', c == ']':
		default:
			return false
		}
	}
	return s != ""
}
