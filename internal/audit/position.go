package audit

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
)

// A Position is a place between two lines of a log.
type Position struct {
	Segment uint64 // the first record of the segment
	Offset  int64  // bytes into it
	Next    uint64 // the number of the record that follows
}

// Behind reports whether p is before q.
func (p Position) Behind(q Position) bool {
	return p.Segment < q.Segment || p.Segment == q.Segment && p.Offset < q.Offset
}

// Flushed is the place up to which the log is on stable storage. What is read up to there is final: a
// later record could still be lost with the power, and its number be another's after that.
func (l *Log) Flushed() Position {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.flushed
}

// Flush returns once everything appended before the call is on stable storage.
func (l *Log) Flush() error {
	if err := l.settle(); err != nil {
		return fmt.Errorf("flush audit log: %w", err)
	}
	return nil
}

// Dir is the directory of the log.
func (l *Log) Dir() string { return l.dir }

// A Batch is lines of a log that follow each other.
type Batch struct {
	Lines  [][]byte // records, without their newlines
	Next   Position // the place behind them
	Missed uint64   // numbers before or between them whose segments are not there
}

// ReadOn reads the records from p on of the log in dir, up to until: about limit bytes, and at least one
// record if there is one. Lines that are no records are left out; Verify is what finds them.
func ReadOn(dir string, p, until Position, limit int) (Batch, error) {
	b := Batch{Next: p}
	segs, err := segments(dir)
	if err != nil {
		return b, fmt.Errorf("read audit log: %w", err)
	}
	for _, s := range segs {
		from, to := int64(0), s.size
		if s.first == b.Next.Segment {
			from = b.Next.Offset
		}
		if s.first == until.Segment {
			to = min(to, until.Offset)
		}
		if s.first < b.Next.Segment || s.first > until.Segment || from >= to {
			continue
		}
		for from < to && limit > 0 {
			n, err := b.read(s, from, to, limit)
			if errors.Is(err, os.ErrNotExist) {
				break // moved away since
			}
			if err != nil {
				return b, fmt.Errorf("read audit log: %w", err)
			}
			from, limit = from+n, limit-int(n)
		}
		if limit <= 0 {
			break
		}
	}
	return b, nil
}

// read takes the whole lines of a segment between two offsets, up to about limit bytes, and returns how
// many bytes they have.
func (b *Batch) read(s segmentFile, from, to int64, limit int) (int64, error) {
	f, err := os.Open(s.path)
	if err != nil {
		return 0, err
	}
	defer f.Close()
	buf := make([]byte, min(to-from, int64(limit)))
	if _, err := f.ReadAt(buf, from); err != nil {
		return 0, err
	}
	end := bytes.LastIndexByte(buf, '\n') + 1
	if end == 0 && int64(len(buf)) < to-from && len(buf) < maxLine { // a line longer than the limit
		return b.read(s, from, to, maxLine)
	}
	if end == 0 { // no record is as long
		end = len(buf)
	}
	if b.Next.Segment != s.first && s.first > b.Next.Next {
		b.Missed += s.first - b.Next.Next
		b.Next.Next = s.first
	}
	for line := range bytes.Lines(buf[:end]) {
		line = bytes.TrimSuffix(line, []byte{'\n'})
		if seq, ok := seqOf(line); ok {
			b.Lines = append(b.Lines, line)
			if seq >= b.Next.Next && seq-s.first <= uint64(from)+uint64(end) { // else a digit was flipped
				b.Next.Next = seq + 1
			}
		}
	}
	b.Next.Segment, b.Next.Offset = s.first, from+int64(end)
	return int64(end), nil
}

// Between counts the bytes of the log in dir from p up to q.
func Between(dir string, p, q Position) (n int64, err error) {
	segs, err := segments(dir)
	if err != nil {
		return 0, fmt.Errorf("measure audit log: %w", err)
	}
	for _, s := range segs {
		switch {
		case s.first == q.Segment && s.first == p.Segment:
			n += q.Offset - p.Offset
		case s.first == q.Segment:
			n += q.Offset
		case s.first == p.Segment:
			n += s.size - p.Offset
		case p.Segment < s.first && s.first < q.Segment:
			n += s.size
		}
	}
	return max(0, n), nil
}

// LineBefore returns the line of the log in dir that ends at p, without its newline. The error is
// fs.ErrNotExist when the segment is not there, and io.ErrUnexpectedEOF when it is shorter than p.
func LineBefore(dir string, p Position) ([]byte, error) {
	f, err := os.Open(filepath.Join(dir, nameOf(p.Segment)))
	if err != nil {
		return nil, err
	}
	defer f.Close()
	buf := make([]byte, min(p.Offset, maxLine+1))
	if n, err := f.ReadAt(buf, p.Offset-int64(len(buf))); n < len(buf) {
		if err == io.EOF {
			err = io.ErrUnexpectedEOF
		}
		return nil, err
	}
	buf = bytes.TrimSuffix(buf, []byte{'\n'})
	return slices.Clone(buf[bytes.LastIndexByte(buf, '\n')+1:]), nil
}
