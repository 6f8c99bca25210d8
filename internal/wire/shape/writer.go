package shape

import (
	"encoding/base64"
	"maps"
	"slices"
	"strconv"
	"time"
	"unicode/utf8"
)

// Each append… function below writes one member and a comma; closeObject turns the last comma into the
// closing brace.

func appendName(dst []byte, name string) []byte {
	dst = append(dst, '"')
	dst = append(dst, name...) // member names of the model need no escapes
	return append(dst, '"', ':')
}

func closeObject(dst []byte) []byte {
	if last := len(dst) - 1; dst[last] == ',' {
		dst[last] = '}'
		return dst
	}
	return append(dst, '}')
}

func appendText[T ~string](dst []byte, name string, s T) []byte {
	return append(AppendString(appendName(dst, name), string(s)), ',')
}

func appendBlob(dst []byte, name string, b []byte) []byte {
	dst = append(appendName(dst, name), '"')
	dst = base64.StdEncoding.AppendEncode(dst, b)
	return append(dst, '"', ',')
}

func appendInteger(dst []byte, name string, n int) []byte {
	return append(strconv.AppendInt(appendName(dst, name), int64(n), 10), ',')
}

func appendBoolean(dst []byte, name string, b bool) []byte {
	return append(strconv.AppendBool(appendName(dst, name), b), ',')
}

// appendTimestamp writes seconds since 1970 with as many of the three digits of milliseconds as are
// needed (operations.md §1.3 [R2]).
func appendTimestamp(dst []byte, name string, t time.Time) []byte {
	dst = appendName(dst, name)
	ms := t.UnixMilli()
	if ms < 0 {
		dst, ms = append(dst, '-'), -ms
	}
	dst = strconv.AppendInt(dst, ms/1000, 10)
	if f := ms % 1000; f != 0 {
		dst = append(dst, '.', byte('0'+f/100), byte('0'+f/10%10), byte('0'+f%10))
		for dst[len(dst)-1] == '0' {
			dst = dst[:len(dst)-1]
		}
	}
	return append(dst, ',')
}

func appendTexts[T ~string](dst []byte, name string, list []T) []byte {
	dst = append(appendName(dst, name), '[')
	for i, s := range list {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = AppendString(dst, string(s))
	}
	return append(dst, ']', ',')
}

func appendObjects[T any, P interface {
	*T
	Encoder
}](dst []byte, name string, list []T) []byte {
	dst = append(appendName(dst, name), '[')
	for i := range list {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = P(&list[i]).AppendJSON(dst)
	}
	return append(dst, ']', ',')
}

// appendMap writes the map in byte order of its keys, so that equal answers are equal bytes.
func appendMap(dst []byte, name string, m map[string]string) []byte {
	dst = append(appendName(dst, name), '{')
	for _, key := range slices.Sorted(maps.Keys(m)) {
		dst = append(AppendString(dst, key), ':')
		dst = append(AppendString(dst, m[key]), ',')
	}
	return append(closeObject(dst), ',')
}

// AppendString appends s as a JSON string: what RFC 8259 §7 demands escaped, the rest as raw UTF-8. A
// byte that is not UTF-8 becomes U+FFFD, since the answer must be JSON whatever the store holds.
func AppendString(dst []byte, s string) []byte {
	dst = append(dst, '"')
	plain := 0 // start of what needs no escape
	for i := 0; i < len(s); {
		if c := s[i]; c < utf8.RuneSelf {
			if c < ' ' || c == '"' || c == '\\' {
				dst = appendEscape(append(dst, s[plain:i]...), c)
				plain = i + 1
			}
			i++
			continue
		}
		r, size := utf8.DecodeRuneInString(s[i:])
		if r == utf8.RuneError && size == 1 {
			dst = utf8.AppendRune(append(dst, s[plain:i]...), r)
			plain = i + 1
		}
		i += size
	}
	return append(append(dst, s[plain:]...), '"')
}

func appendEscape(dst []byte, c byte) []byte {
	switch c {
	case '"', '\\':
		return append(dst, '\\', c)
	case '\n':
		return append(dst, '\\', 'n')
	case '\r':
		return append(dst, '\\', 'r')
	case '\t':
		return append(dst, '\\', 't')
	}
	const hex = "0123456789abcdef"
	return append(dst, '\\', 'u', '0', '0', hex[c>>4], hex[c&15])
}
