package audit

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"os"
	"path/filepath"
	"slices"
	"strconv"
)

// An Entry is one record as it stands in the log.
type Entry struct {
	Seq     uint64
	Segment string // file name
	Line    []byte // the JSON object, without its newline; the caller's to keep
}

// Scan reads the log in dir from its oldest record on, while it may be written to. With a damaged
// line, or a record whose number does not follow the one before, comes an error that says where;
// the scan goes on after it. Part of a record at the very end is a write in progress and is left out.
func Scan(dir string) iter.Seq2[Entry, error] {
	return func(yield func(Entry, error) bool) {
		segs, err := segments(dir)
		if err != nil {
			yield(Entry{}, fmt.Errorf("scan audit log: %w", err))
			return
		}
		var next uint64
		if len(segs) > 0 {
			next = segs[0].first // older ones were archived
		}
		for i, s := range segs {
			sc := scanner{name: filepath.Base(s.path), last: i == len(segs)-1, next: next, yield: yield}
			err := eachLine(s.path, sc.line)
			if errors.Is(err, errStop) {
				return
			}
			if err != nil && !yield(Entry{Segment: sc.name}, fmt.Errorf("scan audit log: %w", err)) {
				return
			}
			next = sc.next
		}
	}
}

// A scanner reads one segment.
type scanner struct {
	name  string
	last  bool
	next  uint64 // the number that should come
	yield func(Entry, error) bool
}

func (sc *scanner) line(ln []byte, at int64, ended bool) bool {
	if !ended && sc.last {
		return true
	}
	e := Entry{Segment: sc.name, Line: bytes.Clone(ln)}
	seq, ok := seqOf(ln)
	if !ended || !ok {
		sc.next++
		return sc.yield(e, fmt.Errorf("%s at byte %d: not a record: %w", sc.name, at, errDamaged))
	}
	e.Seq = seq
	var err error
	if seq != sc.next {
		err = fmt.Errorf("%s at byte %d: record %d where %d should be: %w", sc.name, at, seq, sc.next, errDamaged)
	}
	sc.next = seq + 1
	return sc.yield(e, err)
}

// Has reports whether the log holds a record with that event id. See Missing.
func (l *Log) Has(ctx context.Context, eventID string) (bool, error) {
	missing, err := l.Missing(ctx, eventID)
	return err == nil && len(missing) == 0, err
}

// Missing returns those of the event ids that no record in the log has, in their order. It is for
// what an outbox still holds after a crash: whatever Open found is on stable storage, so an id that
// is not missing needs no second record.
//
// Missing reads segments from the newest on until all ids are found, which for one that is missing
// is the whole spool: about a second per GiB in memory, and what the disk takes otherwise. It holds
// no lock, and ends early with ctx.
func (l *Log) Missing(ctx context.Context, eventIDs ...string) ([]string, error) {
	open := make(map[string]bool, len(eventIDs))
	for _, id := range eventIDs {
		open[id] = true
	}
	segs, err := segments(l.dir)
	if err != nil {
		return nil, fmt.Errorf("search audit log: %w", err)
	}
	for _, s := range slices.Backward(segs) {
		if len(open) == 0 {
			break
		}
		err := eachLine(s.path, func(ln []byte, _ int64, _ bool) bool {
			if id := eventIDOf(ln, open); id != "" {
				delete(open, id)
			}
			return len(open) > 0 && ctx.Err() == nil
		})
		if err := errors.Join(ctx.Err(), ignoreStop(err)); err != nil {
			return nil, fmt.Errorf("search audit log: %w", err)
		}
	}
	return slices.DeleteFunc(slices.Clone(eventIDs), func(id string) bool { return !open[id] }), nil
}

var eventIDMember = []byte(`"eventID":"`)

// eventIDOf returns the line's event id if it is one of those wanted. The quick look is not enough:
// an encryption context may have a member of that name, with the id of someone else's record.
func eventIDOf(ln []byte, wanted map[string]bool) string {
	for rest := ln; ; {
		_, after, found := bytes.Cut(rest, eventIDMember)
		if !found {
			return ""
		}
		id, _, _ := bytes.Cut(after, []byte(`"`))
		if wanted[string(id)] {
			var top struct {
				EventID string `json:"eventID"`
			}
			if json.Unmarshal(ln, &top) == nil && wanted[top.EventID] {
				return top.EventID
			}
		}
		rest = after
	}
}

// A tail is where a segment ends.
type tail struct {
	end     int64  // of the last whole line
	next    uint64 // the number after the last record
	damaged int    // lines that are no record, or not the one that should follow
}

// findTail reads a segment whose first record is to have the number first.
func findTail(f *os.File, first uint64) (tail, error) {
	t := tail{next: first}
	err := eachLineOf(f, func(ln []byte, at int64, ended bool) bool {
		if !ended {
			return true
		}
		t.end = at + int64(len(ln)) + 1
		seq, ok := seqOf(ln)
		if !ok || seq != t.next {
			t.damaged++
		}
		// Something stood here, and the lines after it may tell its number. One that the bytes before
		// it cannot account for is nobody's: a flipped digit must not use up the numbers for good.
		if !ok || seq < first || seq-first > uint64(at) {
			seq = t.next
		}
		t.next = seq + 1
		return true
	})
	return t, err
}

// SeqOf returns the number of a line that is a record.
func SeqOf(line []byte) (uint64, bool) { return seqOf(line) }

// seqOf returns the number of a record. It looks at the frame only, not at the JSON within.
func seqOf(ln []byte) (uint64, bool) {
	rest, ok := bytes.CutPrefix(ln, []byte(prefix))
	if !ok || !bytes.HasSuffix(rest, []byte{'}'}) {
		return 0, false
	}
	digits, _, ok := bytes.Cut(rest, []byte(`,"`))
	seq, err := strconv.ParseUint(string(digits), 10, 63)
	return seq, ok && err == nil
}

var errStop = errors.New("stop")

func ignoreStop(err error) error {
	if errors.Is(err, errStop) {
		return nil
	}
	return err
}

func eachLine(path string, do func(ln []byte, at int64, ended bool) bool) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	return eachLineOf(f, do)
}

// eachLineOf calls do with each line of r, the newline removed, its offset, and whether it had a
// newline: the last may not, nor a piece of one longer than any record. It returns errStop when do
// returned false.
func eachLineOf(r io.Reader, do func(ln []byte, at int64, ended bool) bool) error {
	br := bufio.NewReaderSize(r, maxLine)
	var at int64
	for {
		ln, err := br.ReadSlice('\n')
		if err != nil && err != io.EOF && err != bufio.ErrBufferFull {
			return err
		}
		if len(ln) > 0 && !do(bytes.TrimSuffix(ln, []byte{'\n'}), at, err == nil) {
			return errStop
		}
		if err == io.EOF {
			return nil
		}
		at += int64(len(ln))
	}
}
