// Package uuid makes random identifiers.
package uuid

import (
	"crypto/rand"
	"sync"
)

const (
	size   = 16
	length = 36
)

// New returns a random UUID (RFC 9562 §5.4) in lower case. It may be called concurrently.
func New() string {
	var text [length]byte
	write(&text)
	return string(text[:])
}

// Two returns two of them that share their memory, for what always has both: a request id and an event id.
func Two() (a, b string) {
	var text [2 * length]byte
	write((*[length]byte)(text[:length]))
	write((*[length]byte)(text[length:]))
	both := string(text[:])
	return both[:length], both[length:]
}

// A stock is random bytes for ids to come, so that a read of crypto/rand, most of whose cost is not the bytes, is shared
// by 32 of them. They are no secrets, and are wiped as they are used, for nobody to get them twice.
type stock struct {
	bytes [32 * size]byte
	left  int
}

var stocks = sync.Pool{New: func() any { return new(stock) }}

func (s *stock) take() (id [size]byte) {
	if s.left == 0 {
		_, _ = rand.Read(s.bytes[:]) // never fails: the program ends instead
		s.left = len(s.bytes)
	}
	s.left -= size
	copy(id[:], s.bytes[s.left:])
	clear(s.bytes[s.left : s.left+size])
	return id
}

const digits = "0123456789abcdef"

func write(text *[length]byte) {
	s := stocks.Get().(*stock)
	id := s.take()
	stocks.Put(s)
	id[6] = id[6]&0x0f | 0x40
	id[8] = id[8]&0x3f | 0x80
	at := 0
	for i, b := range id {
		if i == 4 || i == 6 || i == 8 || i == 10 {
			text[at] = '-'
			at++
		}
		text[at], text[at+1] = digits[b>>4], digits[b&15]
		at += 2
	}
}
