package audit

import (
	"encoding/binary"
	"slices"
	"strconv"
	"unicode/utf16"
	"unicode/utf8"
)

// An encoder appends one line of JSON. It is written out, not reflected, because the record of a
// request is most of what a data-plane call costs beyond its cryptography, and because the order of
// members must never depend on a library's version: the bytes are final once appended.
type encoder struct{ b []byte }

// name begins a member whose name is one of the format's own, with nothing in it to escape.
func (e *encoder) name(n string) { e.b = appendName(e.b, n) }

func appendName(b []byte, n string) []byte {
	if b[len(b)-1] != '{' {
		b = append(b, ',')
	}
	b = append(append(b, '"'), n...)
	return append(b, '"', ':')
}

// key begins a member of any name.
func (e *encoder) key(n string) {
	b := e.b
	if b[len(b)-1] != '{' {
		b = append(b, ',')
	}
	e.b = append(appendString(b, n), ':')
}

func (e *encoder) open(n string) {
	e.name(n)
	e.b = append(e.b, '{')
}

func (e *encoder) close() { e.b = append(e.b, '}') }

// text writes a member unless it is empty, cut to limit bytes.
func (e *encoder) text(n, v string, limit int) {
	if v == "" {
		return
	}
	e.b = appendString(appendName(e.b, n), cut(v, limit))
}

func (e *encoder) int(n string, v int) {
	e.b = strconv.AppendInt(appendName(e.b, n), int64(v), 10)
}

func (e *encoder) bool(n string, v bool) {
	e.b = strconv.AppendBool(appendName(e.b, n), v)
}

// detail writes a member whose rendering is at most limit bytes.
func (e *encoder) detail(n string, d Detail, limit int) {
	e.name(n)
	start := len(e.b)
	e.object(d)
	e.limit(start, limit)
}

// limit puts a marker in the place of what was written from start on, if that is more than limit bytes.
func (e *encoder) limit(start, limit int) {
	if size := len(e.b) - start; size > limit {
		e.b = append(e.b[:start], `{"omitted":"`...)
		e.b = strconv.AppendInt(e.b, int64(size), 10)
		e.b = append(e.b, ` bytes"}`...)
	}
}

func (e *encoder) object(d Detail) {
	if d.empty() {
		e.b = append(e.b, "null"...)
		return
	}
	e.b = append(e.b, '{')
	e.members(d)
	e.close()
}

func (e *encoder) members(d Detail) {
	for i := range d {
		if m := &d[i]; m.kind != absent {
			e.key(m.name)
			e.value(m)
		}
	}
}

func (e *encoder) value(m *Member) {
	switch m.kind {
	case kindString:
		e.string(m.str)
	case kindBool:
		e.b = strconv.AppendBool(e.b, m.num != 0)
	case kindInt:
		e.b = strconv.AppendInt(e.b, m.num, 10)
	case kindStrings:
		list(e, m.ref.([]string), e.string)
	case kindMap:
		e.stringMap(m.ref.(map[string]string))
	case kindObject:
		e.object(m.ref.(Detail))
	case kindObjects:
		list(e, m.ref.([]Detail), e.object)
	}
}

func (e *encoder) stringMap(m map[string]string) {
	var few [8]string
	keys := few[:0]
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	e.b = append(e.b, '{')
	for _, k := range keys {
		e.key(k)
		e.string(m[k])
	}
	e.close()
}

func list[T any](e *encoder, vs []T, each func(T)) {
	e.b = append(e.b, '[')
	for i, v := range vs {
		if i > 0 {
			e.b = append(e.b, ',')
		}
		each(v)
	}
	e.b = append(e.b, ']')
}

const hex = "0123456789abcdef"

func (e *encoder) string(s string) { e.b = appendString(e.b, s) }

// appendString writes a JSON string (RFC 8259 §7). Beyond what JSON asks for, everything that does not
// print is escaped: a record is read with cat and less, where U+009B starts a terminal command,
// U+2028 ends a line for some parsers and U+202E turns the rest of the line around. Bytes that are
// no UTF-8 become U+FFFD.
func appendString(b []byte, s string) []byte {
	b = append(b, '"')
	start := len(b)
	b = append(b, s...)
	if n := plain(b[start:]); n < len(s) {
		b = appendEscaped(b[:start+n], s[n:])
	}
	return append(b, '"')
}

func appendEscaped(b []byte, s string) []byte {
	for s != "" {
		r, n := utf8.DecodeRuneInString(s)
		if stands(r, n) {
			b = append(b, s[:n]...)
		} else {
			b = appendEscape(b, r)
		}
		s = s[n:]
	}
	return b
}

// stands reports whether a character of n bytes stands for itself.
func stands(r rune, n int) bool {
	if r < utf8.RuneSelf {
		return ' ' <= r && r < 0x7f && r != '"' && r != '\\'
	}
	return n > 1 && strconv.IsPrint(r)
}

// plain is how many of the first bytes of b stand for themselves, whatever follows: eight at a time, as nearly
// all of a record is such texts, and the last eight again where a few are left over.
func plain(b []byte) int {
	n := 0
	for len(b)-n >= 8 && allPlain(binary.LittleEndian.Uint64(b[n:])) {
		n += 8
	}
	if n >= 8 && len(b)-n < 8 && allPlain(binary.LittleEndian.Uint64(b[len(b)-8:])) {
		return len(b)
	}
	for n < len(b) && b[n] < utf8.RuneSelf && stands(rune(b[n]), 1) {
		n++
	}
	return n
}

// allPlain reports whether each of eight bytes is from ' ' to '~' and neither '"' nor '\\'. In a word of ASCII no sum
// here goes beyond its byte, and the highest bit of c+0x60 says c >= ' ', of c+1 that c is DEL, of c+0x7f that c
// is not 0. In any other the highest bit of w is reason enough.
func allPlain(w uint64) bool {
	const ones = 0x0101010101010101
	good := (w + 0x60*ones) & ((w ^ '"'*ones) + 0x7f*ones) & ((w ^ '\\'*ones) + 0x7f*ones)
	return (w|(w+ones)|^good)&(0x80*ones) == 0
}

func appendEscape(b []byte, r rune) []byte {
	switch {
	case r == '"' || r == '\\':
		return append(b, '\\', byte(r))
	case r == utf8.RuneError:
		return append(b, "\uFFFD"...)
	case r > 0xffff:
		hi, lo := utf16.EncodeRune(r)
		return appendEscape(appendEscape(b, hi), lo)
	}
	return append(b, '\\', 'u', hex[r>>12&15], hex[r>>8&15], hex[r>>4&15], hex[r&15])
}

// cut shortens s to at most limit bytes without splitting a character.
func cut(s string, limit int) string {
	if len(s) <= limit {
		return s
	}
	n := limit
	for n > limit-utf8.UTFMax && n > 0 && !utf8.RuneStart(s[n]) {
		n--
	}
	return s[:n]
}
