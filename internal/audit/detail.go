package audit

// A Detail is an ordered list of members, rendered as one JSON object. Members can only be made by
// the functions below, and none of them takes bytes: a plaintext, a ciphertext or a key has no way
// in except through somebody's deliberate conversion to a string.
//
//	audit.Detail{
//		audit.String("keyId", in.KeyId),
//		audit.Int("limit", in.Limit).If(in.Limit != 0),
//		audit.StringMap("encryptionContext", in.EncryptionContext),
//	}
//
// A Detail without members is rendered as null. Names are lowerCamel, as CloudTrail spells them.
type Detail []Member

// A Member is one name with its value. The zero Member is left out.
type Member struct {
	name string
	kind kind
	num  int64
	str  string
	ref  any // []string, map[string]string, Detail or []Detail, by kind
}

type kind uint8

const (
	absent kind = iota
	kindString
	kindBool
	kindInt
	kindStrings
	kindMap
	kindObject
	kindObjects
)

// String is a text, which may be empty.
func String[S ~string](name string, v S) Member {
	return Member{name: name, kind: kindString, str: string(v)}
}

// Bool is true or false.
func Bool(name string, v bool) Member {
	m := Member{name: name, kind: kindBool}
	if v {
		m.num = 1
	}
	return m
}

// Int is a number.
func Int[I ~int | ~int32 | ~int64](name string, v I) Member {
	return Member{name: name, kind: kindInt, num: int64(v)}
}

// Strings is a list of texts; left out when nil. The list is read when the record is rendered.
func Strings[S ~string](name string, v []S) Member {
	if v == nil {
		return Member{}
	}
	texts, ok := any(v).([]string)
	if !ok {
		texts = make([]string, len(v))
		for i, s := range v {
			texts[i] = string(s)
		}
	}
	return Member{name: name, kind: kindStrings, ref: texts}
}

// StringMap is a map of texts, rendered in byte order of its keys; left out when nil. The map is
// read when the record is rendered.
func StringMap(name string, v map[string]string) Member {
	if v == nil {
		return Member{}
	}
	return Member{name: name, kind: kindMap, ref: v}
}

// Object is an object within the object; null when it has no members.
func Object(name string, v Detail) Member {
	return Member{name: name, kind: kindObject, ref: v}
}

// Objects is a list of objects, such as tags; left out when nil.
func Objects(name string, v []Detail) Member {
	if v == nil {
		return Member{}
	}
	return Member{name: name, kind: kindObjects, ref: v}
}

// If returns m, or the member that is left out.
func (m Member) If(given bool) Member {
	if !given {
		return Member{}
	}
	return m
}

func (d Detail) empty() bool {
	for _, m := range d {
		if m.kind != absent {
			return false
		}
	}
	return true
}
