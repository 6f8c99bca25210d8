package audit

import (
	"maps"
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
func (e *encoder) name(n string) {
	e.comma()
	e.b = append(e.b, '"')
	e.b = append(e.b, n...)
	e.b = append(e.b, '"', ':')
}

// key begins a member of any name.
func (e *encoder) key(n string) {
	e.comma()
	e.string(n)
	e.b = append(e.b, ':')
}

func (e *encoder) comma() {
	if e.b[len(e.b)-1] != '{' {
		e.b = append(e.b, ',')
	}
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
	e.name(n)
	e.string(cut(v, limit))
}

func (e *encoder) int(n string, v int) {
	e.name(n)
	e.b = strconv.AppendInt(e.b, int64(v), 10)
}

func (e *encoder) bool(n string, v bool) {
	e.name(n)
	e.b = strconv.AppendBool(e.b, v)
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
	for _, m := range d {
		if m.kind != absent {
			e.key(m.name)
			e.value(m)
		}
	}
}

func (e *encoder) value(m Member) {
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
	keys := slices.AppendSeq(few[:0], maps.Keys(m))
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

// plain says which bytes stand for themselves.
var plain = func() (t [256]bool) {
	for c := byte(' '); c < 0x7f; c++ {
		t[c] = c != '"' && c != '\\'
	}
	return t
}()

const hex = "0123456789abcdef"

// string writes a JSON string (RFC 8259 §7). Beyond what JSON asks for, everything that does not
// print is escaped: a record is read with cat and less, where U+009B starts a terminal command,
// U+2028 ends a line for some parsers and U+202E turns the rest of the line around. Bytes that are
// no UTF-8 become U+FFFD.
func (e *encoder) string(s string) {
	e.b = append(e.b, '"')
	start := 0
	for i := 0; i < len(s); {
		if plain[s[i]] {
			i++
			continue
		}
		r, n := utf8.DecodeRuneInString(s[i:])
		if n > 1 && strconv.IsPrint(r) {
			i += n
			continue
		}
		e.b = append(e.b, s[start:i]...)
		e.escape(r)
		i += n
		start = i
	}
	e.b = append(append(e.b, s[start:]...), '"')
}

func (e *encoder) escape(r rune) {
	switch {
	case r == '"' || r == '\\':
		e.b = append(e.b, '\\', byte(r))
	case r == utf8.RuneError:
		e.b = append(e.b, "\uFFFD"...)
	case r > 0xffff:
		hi, lo := utf16.EncodeRune(r)
		e.escape(hi)
		e.escape(lo)
	default:
		e.b = append(e.b, '\\', 'u', hex[r>>12&15], hex[r>>8&15], hex[r>>4&15], hex[r&15])
	}
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
