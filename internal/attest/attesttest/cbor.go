package attesttest

import (
	"encoding/binary"
	"fmt"
	"slices"
)

// A Pair is one entry of a Map.
type Pair struct {
	Key   string
	Value any
}

// A Map is a CBOR map in the order in which it will be written, so that a test can repeat a key.
type Map []Pair

// Set replaces the value of key, or adds it.
func (m *Map) Set(key string, value any) {
	for i := range *m {
		if (*m)[i].Key == key {
			(*m)[i].Value = value
			return
		}
	}
	*m = append(*m, Pair{key, value})
}

// Delete removes key.
func (m *Map) Delete(key string) {
	*m = slices.DeleteFunc(*m, func(p Pair) bool { return p.Key == key })
}

// Raw is CBOR that is written as it is.
type Raw []byte

// Encode writes v in CBOR. It knows nil, uint64, string, []byte, [][]byte, map[int][]byte, Map and Raw.
func Encode(v any) []byte {
	switch v := v.(type) {
	case nil:
		return []byte{0xf6}
	case Raw:
		return v
	case uint64:
		return head(0, v)
	case []byte:
		return append(head(2, uint64(len(v))), v...)
	case string:
		return append(head(3, uint64(len(v))), v...)
	case [][]byte:
		out := head(4, uint64(len(v)))
		for _, b := range v {
			out = append(out, Encode(b)...)
		}
		return out
	case map[int][]byte:
		return encodeRegisters(v)
	case Map:
		return append(head(5, uint64(len(v))), encodePairs(v)...)
	}
	panic(fmt.Sprintf("attesttest: no encoding for %T", v))
}

// EncodeOpen writes m as a map of indefinite length, as newer hypervisors do.
func EncodeOpen(m Map) []byte {
	return append(append([]byte{0xbf}, encodePairs(m)...), 0xff)
}

func encodePairs(m Map) (out []byte) {
	for _, p := range m {
		out = append(out, Encode(p.Key)...)
		out = append(out, Encode(p.Value)...)
	}
	return out
}

func encodeRegisters(m map[int][]byte) []byte {
	indexes := make([]int, 0, len(m))
	for i := range m {
		indexes = append(indexes, i)
	}
	slices.Sort(indexes)
	out := head(5, uint64(len(m)))
	for _, i := range indexes {
		out = append(out, head(0, uint64(i))...)
		out = append(out, Encode(m[i])...)
	}
	return out
}

func head(major byte, n uint64) []byte {
	b := major << 5
	switch {
	case n < 24:
		return []byte{b | byte(n)}
	case n < 1<<8:
		return []byte{b | 24, byte(n)}
	case n < 1<<16:
		return binary.BigEndian.AppendUint16([]byte{b | 25}, uint16(n))
	case n < 1<<32:
		return binary.BigEndian.AppendUint32([]byte{b | 26}, uint32(n))
	}
	return binary.BigEndian.AppendUint64([]byte{b | 27}, n)
}
