package audit

import (
	"fmt"
	"strconv"
	"sync"

	"qkms/internal/uuid"
)

// A line is a pooled buffer that holds a record behind room for its number.
type line struct{ b []byte }

const (
	prefix     = `{"seq":`
	lineHead   = 32 // at least len(prefix) + 20 digits + a comma
	maxLine    = 1 << 20
	maxPooled  = 16 << 10
	firstBytes = 2 << 10
)

var linePool = sync.Pool{New: func() any { return &line{b: make([]byte, lineHead, firstBytes)} }}

func getLine() *line { return linePool.Get().(*line) }

func (ln *line) put() {
	if cap(ln.b) <= maxPooled {
		ln.b = ln.b[:lineHead]
		linePool.Put(ln)
	}
}

// line renders r. An empty EventID is set first.
func (r *Record) line() *line {
	if r.EventID == "" {
		r.EventID = uuid.New()
	}
	ln := getLine()
	ln.b = r.append(ln.b)
	return ln
}

// number gives the lines their numbers, from next on, and returns them as the log writes them: in the
// buffer of the first.
func number(lines []*line, next uint64) ([]byte, error) {
	var all []byte
	for i, ln := range lines {
		ln.b = append(ln.b, '\n')
		b := ln.numbered(next + uint64(i))
		if len(b) > maxLine {
			return nil, fmt.Errorf("a record of %d bytes, more than %d", len(b), maxLine)
		}
		if i == 0 {
			all = b
			continue
		}
		all = append(all, b...)
	}
	return all, nil
}

// numbered puts the number in front, over the record's own brace.
func (ln *line) numbered(seq uint64) []byte {
	var head [lineHead]byte
	h := append(strconv.AppendUint(append(head[:0], prefix...), seq, 10), ',')
	start := lineHead + 1 - len(h)
	copy(ln.b[start:], h)
	return ln.b[start:]
}
