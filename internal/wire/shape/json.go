package shape

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"math"
	"strconv"
	"sync"
	"time"
	"unicode/utf8"

	"qkms/internal/fault"
)

// maxDepth is how many objects and lists may be open at once. The deepest request of the model needs
// three; the reader recurses, so without a limit a megabyte of "[" would cost a goroutine stack.
const maxDepth = 16

// A structure can read its own members. member reports false when it has no member of that name; it
// may use name only until it reads the value.
type structure interface {
	member(r *reader, name []byte) bool
}

// presence remembers which members of a structure the JSON named at all, and to which it gave a value
// other than null. Members are numbered in model order.
type presence struct{ named, given uint16 }

func (p presence) has(member int) bool { return p.given>>member&1 != 0 }

// decode reads body, which must be one object and nothing else, into x.
func decode(body []byte, x structure) error {
	if len(body) == 0 {
		return nil // operations.md §1.1 [U]: hand-written clients send nothing for {}
	}
	r := readers.Get().(*reader)
	*r = reader{in: body}
	r.object(x)
	if r.peek(); r.at < len(r.in) {
		r.fail("unexpected data after the object")
	}
	err := r.err
	*r = reader{} // the body is not ours to keep
	readers.Put(r)
	return err
}

var readers = sync.Pool{New: func() any { return new(reader) }}

// A reader reads strict JSON (RFC 8259) from in. The first error sticks and empties the input, so that
// every later call finds nothing to read; callers look at err at the end, and loops while they run.
type reader struct {
	in    []byte
	at    int
	depth int
	err   error
}

// fail records what is wrong, and where. It never quotes the input, which may hold a plaintext.
func (r *reader) fail(what string) {
	if r.err == nil {
		r.err = fault.Malformed(fmt.Sprintf("The request body is not valid: %s at byte %d.", what, r.at))
		r.in, r.at = nil, 0
	}
}

// peek skips white space and returns the next byte without taking it, or 0 at the end of the input; a
// NUL in the input begins nothing either.
func (r *reader) peek() byte {
	for ; r.at < len(r.in); r.at++ {
		switch c := r.in[r.at]; c {
		case ' ', '\t', '\n', '\r':
		default:
			return c
		}
	}
	return 0
}

func (r *reader) take(c byte) bool {
	if r.peek() != c {
		return false
	}
	r.at++
	return true
}

func (r *reader) expect(c byte, what string) bool {
	if r.take(c) {
		return true
	}
	r.fail("expected " + what)
	return false
}

// open takes the opening byte of an object or list.
func (r *reader) open(c byte, what string) bool {
	if !r.expect(c, what) {
		return false
	}
	if r.depth++; r.depth > maxDepth {
		r.fail("nested too deeply")
		return false
	}
	return true
}

// more reports whether another item follows in an object or list that ends with c, and takes the comma
// or the end. At the first item there is no comma to take.
func (r *reader) more(c byte, first bool) bool {
	if r.err != nil {
		return false
	}
	if r.take(c) {
		r.depth--
		return false
	}
	if first {
		return true
	}
	return r.expect(',', "a comma or the end")
}

func (r *reader) object(x structure) {
	if !r.open('{', "an object") {
		return
	}
	for first := true; r.more('}', first); first = false {
		name := r.quoted()
		r.expect(':', "a colon")
		// A member we do not know is ignored, as the service does; so are its repetitions.
		if r.err == nil && !x.member(r, name) {
			r.skip()
		}
	}
}

// begin reports whether a value follows for the member of that number: null is the same as absent.
//
// A member named twice is refused, null or not. Parsers differ on which of the two counts, so whatever
// inspects requests in front of us could approve one key while we use the other.
func (r *reader) begin(p *presence, member int) bool {
	bit := uint16(1) << member
	if p.named&bit != 0 {
		r.fail("duplicate member")
		return false
	}
	p.named |= bit
	if r.null() {
		return false
	}
	p.given |= bit
	return true
}

func (r *reader) null() bool {
	if r.peek() != 'n' {
		return false
	}
	r.literal("null")
	return true
}

func (r *reader) literal(word string) {
	if !bytes.HasPrefix(r.in[r.at:], []byte(word)) {
		r.fail("expected a value")
		return
	}
	r.at += len(word)
}

// list reads a list with item. A null in it is refused: the model has no lists with holes.
func list[T any](r *reader, item func(*reader) T) []T {
	if !r.open('[', "a list") {
		return nil
	}
	items := []T{}
	for first := true; r.more(']', first); first = false {
		items = append(items, item(r))
	}
	return items
}

// texts reads a string to string map. A repeated key is refused for the reason begin gives.
func (r *reader) texts() map[string]string {
	if !r.open('{', "an object") {
		return nil
	}
	m := map[string]string{}
	for first := true; r.more('}', first); first = false {
		key := string(r.quoted())
		r.expect(':', "a colon")
		value := string(r.quoted())
		if _, repeated := m[key]; repeated {
			r.fail("duplicate member")
			return nil
		}
		m[key] = value
	}
	return m
}

func text[T ~string](r *reader) T { return T(r.quoted()) }

// word is text of an enumeration.
func word[T ~string](r *reader) T {
	s := r.quoted()
	if w, known := words[string(s)]; known {
		return T(w)
	}
	return T(s)
}

// blob reads standard base64 with padding. Line breaks, which Go's decoder would skip, and bits that
// do not belong to any byte are refused: one blob has one spelling.
func (r *reader) blob() []byte {
	s := r.quoted()
	if bytes.ContainsAny(s, "\r\n") {
		r.fail("invalid base64")
		return nil
	}
	b := make([]byte, base64.StdEncoding.DecodedLen(len(s)))
	n, err := base64.StdEncoding.Strict().Decode(b, s)
	if err != nil {
		r.fail("invalid base64")
		return nil
	}
	return b[:n]
}

// integer reads a 32-bit integer, the only kind the model has, without fraction or exponent.
func (r *reader) integer() int {
	n, err := strconv.ParseInt(string(r.number()), 10, 32)
	if err != nil {
		r.fail("expected an integer")
		return 0
	}
	return int(n)
}

func (r *reader) boolean() bool {
	if r.peek() == 't' {
		r.literal("true")
		return true
	}
	if r.peek() != 'f' {
		r.fail("expected true or false")
		return false
	}
	r.literal("false")
	return false
}

// timestamp reads seconds since 1970, to the millisecond. Years outside 1 to 9999 are refused; they
// cannot be printed again, and the first instant of year 1 is Go's zero time, which means absent.
func (r *reader) timestamp() time.Time {
	const first, last = -62135596800, 253402300799
	seconds, err := strconv.ParseFloat(string(r.number()), 64)
	if err != nil || seconds <= first || seconds >= last {
		r.fail("expected a timestamp in seconds")
		return time.Time{}
	}
	return time.UnixMilli(int64(math.Round(seconds * 1000))).UTC()
}

// number takes the longest number at this point and returns its bytes.
func (r *reader) number() []byte {
	r.peek()
	start := r.at
	r.sign("-")
	ok := true
	if r.at < len(r.in) && r.in[r.at] == '0' {
		r.at++ // no digit may follow a leading zero
	} else {
		ok = r.digits()
	}
	if ok && r.sign(".") {
		ok = r.digits()
	}
	if ok && r.sign("eE") {
		r.sign("+-")
		ok = r.digits()
	}
	if !ok {
		r.fail("expected a number")
		return nil
	}
	return r.in[start:r.at]
}

// sign takes one of the bytes of set, if it is next.
func (r *reader) sign(set string) bool {
	if r.at == len(r.in) || bytes.IndexByte([]byte(set), r.in[r.at]) < 0 {
		return false
	}
	r.at++
	return true
}

// digits takes one digit or more.
func (r *reader) digits() bool {
	start := r.at
	for r.at < len(r.in) && '0' <= r.in[r.at] && r.in[r.at] <= '9' {
		r.at++
	}
	return r.at > start
}

// skip reads a value of any kind and forgets it. What we ignore must still be JSON, or another reader
// of the same bytes might see the object end elsewhere.
func (r *reader) skip() {
	switch r.peek() {
	case '{':
		r.object(ignored{})
	case '[':
		list(r, func(r *reader) struct{} { r.skip(); return struct{}{} })
	case '"':
		r.quoted()
	case 't', 'f':
		r.boolean()
	case 'n':
		r.literal("null")
	default:
		r.number()
	}
}

// ignored is an object of which no member is known.
type ignored struct{}

func (ignored) member(*reader, []byte) bool { return false }

// quoted reads a string and returns its bytes, which alias the input unless it has escapes.
func (r *reader) quoted() []byte {
	if !r.expect('"', "a string") {
		return nil
	}
	ascii := true
	for i := r.at; i < len(r.in); i++ {
		switch c := r.in[i]; {
		case c == '"':
			s := r.in[r.at:i]
			if !ascii && !utf8.Valid(s) {
				r.fail("invalid UTF-8 in the string")
				return nil
			}
			r.at = i + 1
			return s
		case c == '\\':
			return r.unescaped()
		case c < ' ':
			r.fail("control character in the string")
			return nil
		case c >= utf8.RuneSelf:
			ascii = false
		}
	}
	r.fail("unterminated string")
	return nil
}

// unescaped reads the rest of a string that has escapes.
func (r *reader) unescaped() []byte {
	var s []byte
	for r.at < len(r.in) {
		c := r.in[r.at]
		switch {
		case c == '"':
			if !utf8.Valid(s) {
				r.fail("invalid UTF-8 in the string")
				return nil
			}
			r.at++
			return s
		case c == '\\':
			s = r.escape(s)
		case c < ' ':
			r.fail("control character in the string")
			return nil
		default:
			s = append(s, c)
			r.at++
		}
	}
	r.fail("unterminated string")
	return nil
}

// escape appends what the escape sequence at this point stands for.
func (r *reader) escape(s []byte) []byte {
	if r.at+1 >= len(r.in) {
		r.fail("unterminated string")
		return nil
	}
	c := r.in[r.at+1]
	if c == 'u' {
		return r.escapedRune(s)
	}
	i := bytes.IndexByte([]byte(`"\/bfnrt`), c)
	if i < 0 {
		r.fail("unknown escape in the string")
		return nil
	}
	r.at += 2
	return append(s, "\"\\/\b\f\n\r\t"[i])
}

// escapedRune appends what \u and four hex digits mean (RFC 8259 §7), or a surrogate pair of two. Half a pair is refused rather than replaced:
// two different strings must never become one, least of all in an encryption context.
func (r *reader) escapedRune(s []byte) []byte {
	high, ok := r.hex4()
	if !ok {
		return nil
	}
	if high < 0xD800 || high > 0xDFFF {
		return utf8.AppendRune(s, high)
	}
	low, ok := r.hex4()
	if !ok || high > 0xDBFF || low < 0xDC00 || low > 0xDFFF {
		r.fail("half a surrogate pair in the string")
		return nil
	}
	return utf8.AppendRune(s, 0x10000+(high-0xD800)<<10+(low-0xDC00))
}

// hex4 reads \u and four hex digits.
func (r *reader) hex4() (rune, bool) {
	if len(r.in)-r.at < 6 || r.in[r.at] != '\\' || r.in[r.at+1] != 'u' {
		r.fail("incomplete escape in the string")
		return 0, false
	}
	var n rune
	for _, c := range r.in[r.at+2 : r.at+6] {
		switch {
		case '0' <= c && c <= '9':
			n = n<<4 | rune(c-'0')
		case 'a' <= c|0x20 && c|0x20 <= 'f':
			n = n<<4 | rune(c|0x20-'a'+10)
		default:
			r.fail("unknown escape in the string")
			return 0, false
		}
	}
	r.at += 6
	return n, true
}
