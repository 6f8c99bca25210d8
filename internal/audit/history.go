package audit

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

// Beside the segments lie the files that prove them.
const (
	historyName    = "checkpoints.log" // every checkpoint, with what the tree says of the records between
	checkpointName = "checkpoint"      // the newest, to be kept elsewhere
	keyName        = "verifier-key"
)

// A mark is one line of the history: a checkpoint, and the hashes that tie it to the one before. Both
// spans can be checked by it: all is the tree it signs, since what that tree gained.
type mark struct {
	line int // in the file, from 1
	Checkpoint
	note       []byte
	all, since span
}

// marked is a mark as JSON.
type marked struct {
	Size  uint64      `json:"size"`
	Since uint64      `json:"since"` // the size of the checkpoint before
	All   []tlog.Hash `json:"all"`   // subtrees that cover the records from 0 up to size
	New   []tlog.Hash `json:"new"`   // subtrees that cover the records from since up to size
	Note  string      `json:"note"`
}

func (m *mark) encode() ([]byte, error) {
	b, err := json.Marshal(marked{m.Size, m.since.begin, m.all.hashes(), m.since.hashes(), string(m.note)})
	return append(b, '\n'), err
}

// parseMark believes nothing but the signature: both spans must lead to what was signed. The span since
// is checked against the mark before, see follows.
func parseMark(line []byte, v note.Verifier) (*mark, error) {
	var raw marked
	d := json.NewDecoder(bytes.NewReader(line))
	d.DisallowUnknownFields()
	if err := d.Decode(&raw); err != nil {
		return nil, fmt.Errorf("not a checkpoint line: %w", err)
	}
	m := &mark{note: []byte(raw.Note)}
	var err error
	if m.Checkpoint, err = openCheckpoint(m.note, v); err != nil {
		return nil, err
	}
	if m.all, err = spanOf(0, raw.Size, raw.All); err != nil {
		return nil, err
	}
	if m.since, err = spanOf(raw.Since, raw.Size, raw.New); err != nil {
		return nil, err
	}
	if raw.Size != m.Size || m.all.root() != m.Root {
		return nil, errors.New("its hashes do not lead to the root that was signed")
	}
	again, err := m.encode() // one spelling only: a byte that means nothing is a byte somebody changed
	if err == nil && !bytes.Equal(again, append(bytes.Clone(line), '\n')) {
		err = errors.New("not as it was written")
	}
	return m, err
}

// follows reports whether what m says was gained since the mark before leads from that to m.
func (m *mark) follows(before span) bool {
	if m.since.begin != before.end {
		return false
	}
	all := before.join(m.since)
	return all.root() == m.Root
}

// readHistory calls do with each line of the history and what it says, or why it is not to be believed.
// Part of a line at the end is a checkpoint that was never finished.
func readHistory(dir string, v note.Verifier, do func(line int, m *mark, err error)) error {
	n := 0
	err := eachLine(filepath.Join(dir, historyName), func(ln []byte, _ int64, ended bool) bool {
		if !ended {
			return true
		}
		n++
		m, err := parseMark(ln, v)
		if m != nil {
			m.line = n
		}
		do(n, m, err)
		return true
	})
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

// recentBytes of the history are read at start: some hundred checkpoints, more than a segment has. A line
// is at most two spans of 124 hashes of 32 bytes each, and a note.
const recentBytes = 256 << 10

// recentMarks reads the end of the history, oldest first, and where its last whole line ends.
func recentMarks(f *os.File, v note.Verifier) (marks []*mark, end int64, err error) {
	info, err := f.Stat()
	if err != nil {
		return nil, 0, err
	}
	from := max(0, info.Size()-recentBytes)
	b, err := io.ReadAll(io.NewSectionReader(f, from, info.Size()-from))
	if err != nil {
		return nil, 0, err
	}
	b = b[:bytes.LastIndexByte(b, '\n')+1] // what follows was never finished
	end = from + int64(len(b))
	if from > 0 {
		b = b[bytes.IndexByte(b, '\n')+1:]
	}
	for line := range bytes.Lines(b) {
		m, err := parseMark(line[:len(line)-1], v)
		if err != nil {
			return nil, 0, tampered("%s: a line near its end: %v", historyName, err)
		}
		marks = append(marks, m)
	}
	return marks, end, nil
}
