package soft

import "errors"

var errNotBER = errors.New("not BER")

const (
	tagOctets     = 0x04
	tagHigh       = 0x1f // the tag number follows in bytes of its own
	constructed   = 0x20
	indefinite    = 0x80
	deepest       = 16 // private keys nest five deep; a stack must not grow with what is sent
	longestLength = 4  // bytes of a length; the API sends no more than 6144 of content
)

// toDER returns in, one BER value, in DER as far as private keys differ in that: lengths become definite
// and minimal (X.690 §10.1), octet strings come in one piece (§10.2). Key stores write such keys.
func toDER(in []byte) ([]byte, error) {
	out, rest, ok := value(in, deepest)
	if !ok || len(rest) != 0 {
		clear(out)
		return nil, errNotBER
	}
	return out, nil
}

// value converts the first value of in, at most depth deep.
func value(in []byte, depth int) (out, rest []byte, ok bool) {
	if depth == 0 || len(in) < 2 || in[0]&tagHigh == tagHigh {
		return nil, nil, false
	}
	tag := in[0]
	size, body, ok := length(in[1:])
	switch {
	case !ok:
		return nil, nil, false
	case tag&constructed == 0 && size < 0:
		return nil, nil, false
	case tag&constructed == 0:
		return element(tag, body[:size]), body[size:], true
	}
	content, rest, ok := values(body, size, tag == tagOctets|constructed, depth-1)
	if !ok {
		clear(content)
		return nil, nil, false
	}
	defer clear(content)
	if tag == tagOctets|constructed {
		tag = tagOctets
	}
	return element(tag, content), rest, true
}

// values converts what is in a constructed value of size bytes, or up to its end-of-contents if size is
// negative. The pieces of an octet string are put together.
func values(in []byte, size int, octets bool, depth int) (content, rest []byte, ok bool) {
	if size >= 0 {
		in, rest = in[:size], in[size:]
	}
	for len(in) > 0 {
		if size < 0 && len(in) >= 2 && in[0] == 0 && in[1] == 0 {
			return content, in[2:], true
		}
		one, next, ok := value(in, depth)
		if !ok || octets && one[0] != tagOctets {
			clear(one)
			return content, nil, false
		}
		if octets {
			_, body, _ := length(one[1:])
			content = append(content, body...)
		} else {
			content = append(content, one...)
		}
		clear(one)
		in = next
	}
	return content, rest, size >= 0
}

// length reads a length; -1 is an indefinite one. There are as many bytes after it.
func length(in []byte) (size int, body []byte, ok bool) {
	first, body := in[0], in[1:]
	switch count := int(first &^ indefinite); {
	case first < indefinite:
		size = int(first)
	case first == indefinite:
		return -1, body, true
	case count > longestLength || count > len(body):
		return 0, nil, false
	default:
		for _, b := range body[:count] {
			size = size<<8 | int(b)
		}
		body = body[count:]
	}
	return size, body, size <= len(body)
}

// element is one DER value.
func element(tag byte, content []byte) []byte {
	n := len(content)
	out := make([]byte, 0, n+6)
	switch {
	case n < 0x80:
		out = append(out, tag, byte(n))
	case n < 1<<8:
		out = append(out, tag, 0x81, byte(n))
	case n < 1<<16:
		out = append(out, tag, 0x82, byte(n>>8), byte(n))
	default:
		out = append(out, tag, 0x84, byte(n>>24), byte(n>>16), byte(n>>8), byte(n))
	}
	return append(out, content...)
}
