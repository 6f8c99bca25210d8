package audit

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
)

// End is behind every record that there will be.
var End = Position{Segment: maxSeq}

// backBytes are read at once.
const backBytes = 256 << 10

// back calls do with the whole lines of the log in dir that begin before the place before, newest first, until do
// returns false. A line is good until do returns; at is where it begins, so that before = at goes on with the one before it.
// Segments that skip says are passed over; nil: none.
func back(dir string, before Position, skip func(segmentFile) bool, do func(line []byte, at Position) bool) error {
	segs, err := segments(dir)
	if err != nil {
		return fmt.Errorf("read audit log: %w", err)
	}
	for _, s := range slices.Backward(segs) {
		if s.first > before.Segment || skip != nil && skip(s) {
			continue
		}
		end := s.size
		if s.first == before.Segment {
			end = min(end, before.Offset)
		}
		err := linesBack(s.path, end, func(line []byte, at int64) bool { return do(line, Position{Segment: s.first, Offset: at}) })
		if errors.Is(err, errStop) {
			return nil
		}
		if err != nil && !errors.Is(err, fs.ErrNotExist) { // moved away since
			return fmt.Errorf("read audit log: %w", err)
		}
	}
	return nil
}

// linesBack calls do with each line that ends at or before end, the last first. What has no newline is a write in
// progress, and what is longer than any record is none: both are left out. It returns errStop when do returned false.
func linesBack(path string, end int64, do func(line []byte, at int64) bool) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	var rest []byte // of a line that begins before what was read
	for end > 0 {
		from := max(0, end-backBytes)
		b := make([]byte, end-from, int(end-from)+len(rest))
		if _, err := f.ReadAt(b, from); err != nil {
			return err
		}
		b = append(b, rest...)
		whole := 0 // where the first line begins that does not begin earlier
		if from > 0 {
			if whole = bytes.IndexByte(b, '\n') + 1; whole == 0 {
				whole = len(b)
			}
		}
		if !backwards(b[whole:], from+int64(whole), do) {
			return errStop
		}
		if rest = b[:whole]; len(rest) > maxLine {
			rest = nil
		}
		end = from
	}
	return nil
}

// backwards calls do with the whole lines of b, which begins at an offset, until do returns false.
func backwards(b []byte, offset int64, do func([]byte, int64) bool) bool {
	b = b[:bytes.LastIndexByte(b, '\n')+1]
	for len(b) > 0 {
		begin := bytes.LastIndexByte(b[:len(b)-1], '\n') + 1
		if !do(b[begin:len(b)-1], offset+int64(begin)) {
			return false
		}
		b = b[:begin]
	}
	return true
}
