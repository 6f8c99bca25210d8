package audit

import (
	"bytes"
	"fmt"
	"io"
	"os"
)

// Line returns the record with this number of the log in dir, without its newline; nil when there is none, or not any more. It
// reads some dozens of places of one segment, whatever the size of that: numbers grow with offsets.
func Line(dir string, seq uint64) ([]byte, error) {
	segs, err := segments(dir)
	if err != nil || len(segs) == 0 || seq < segs[0].first {
		return nil, err
	}
	s := segmentHolding(segs, seq)
	f, err := os.Open(s.path)
	if os.IsNotExist(err) { // moved away since
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read audit log: %w", err)
	}
	defer f.Close()
	low, high := int64(0), s.size // the record begins from low on, and before high
	for high-low > backBytes {
		middle := low + (high-low)/2
		n, at, err := nextRecord(f, middle, high)
		switch {
		case err != nil:
			return nil, fmt.Errorf("read audit log: %w", err)
		case at < 0 || n > seq:
			high = middle
		default:
			low = at
		}
	}
	var found []byte
	err = ignoreStop(eachLineOf(io.NewSectionReader(f, low, high-low+maxLine), func(line []byte, _ int64, ended bool) bool {
		n, ok := seqOf(line)
		if ok && ended && n == seq {
			found = bytes.Clone(line)
		}
		return found == nil && !(ok && n > seq)
	}))
	return found, err
}

// nextRecord is the number and the place of the first record that begins after a place and before end; -1: there is none.
func nextRecord(f *os.File, after, end int64) (seq uint64, at int64, err error) {
	at = -1
	err = ignoreStop(eachLineOf(io.NewSectionReader(f, after, end-after), func(line []byte, offset int64, ended bool) bool {
		if n, ok := seqOf(line); ok && ended && offset > 0 { // what begins at after may be the middle of a line
			seq, at = n, after+offset
		}
		return at < 0
	}))
	return seq, at, err
}
