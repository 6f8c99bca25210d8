package sink

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"qkms/internal/audit"
)

// cursors is the directory of the cursors in that of the log.
const cursors = "sinks"

// A cursor is what a sink remembers, in a file of its own: docs/formats/audit-sink.md §2.
type cursor struct {
	Sink    string `json:"sink"`
	Segment uint64 `json:"segment"`
	Offset  int64  `json:"offset"`
	Next    uint64 `json:"next"`
	Last    string `json:"last"` // SHA-256 in hex of the line before, which tells another log's cursor
}

func (c *cursor) position() audit.Position {
	return audit.Position{Segment: c.Segment, Offset: c.Offset, Next: c.Next}
}

// cursorOf is where the cursor of the sink of that name lies. Names have slashes, and may be long.
func cursorOf(dir, name string) string {
	h := sha256.Sum256([]byte(name))
	return filepath.Join(dir, cursors, hex.EncodeToString(h[:8])+".json")
}

func digest(line []byte) string {
	h := sha256.Sum256(line)
	return hex.EncodeToString(h[:])
}

// resume finds where the sink left off. Without a cursor, or with that of another log, it begins at the
// oldest record there is: what was delivered once is delivered again rather than never.
func (s *sink) resume() error {
	path := cursorOf(s.Log.Dir(), s.target.Name)
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return os.MkdirAll(filepath.Dir(path), 0o700)
	}
	if err != nil {
		return err
	}
	var c cursor
	if err := json.Unmarshal(text, &c); err != nil || c.Offset < 0 {
		s.Logger.Warn("cursor of an audit sink cannot be read, so the sink begins at the oldest record", "sink", s.target.Name, "file", path)
		return nil
	}
	switch same, err := c.fits(s.Log); {
	case err != nil:
		return err
	case !same:
		s.Logger.Warn("cursor of an audit sink is of another log, so the sink begins at the oldest record", "sink", s.target.Name, "file", path)
		return nil
	}
	s.at, s.kept = c.position(), c.position()
	return nil
}

// fits reports whether c is a place in the log. Of one whose segment was moved away nothing more can be
// said than that the log goes further.
func (c *cursor) fits(log *audit.Log) (bool, error) {
	if log.Flushed().Behind(c.position()) {
		return false, nil
	}
	line, err := audit.LineBefore(log.Dir(), c.position())
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return true, nil
	case errors.Is(err, io.ErrUnexpectedEOF):
		return false, nil
	case err != nil:
		return false, err
	}
	return digest(line) == c.Last, nil
}

// keep writes the cursor; s.mu is held. One that cannot be written costs repetitions after the next
// start and nothing else: above all not the delivery, since a full disk is when it matters.
func (s *sink) keep(at audit.Position, last []byte) {
	text, err := json.Marshal(cursor{s.target.Name, at.Segment, at.Offset, at.Next, digest(last)})
	if err == nil {
		// Synced before a segment is left behind: it may be removed as delivered from then on.
		err = replace(cursorOf(s.Log.Dir(), s.target.Name), append(text, '\n'), at.Segment != s.kept.Segment)
	}
	if err != nil {
		if s.kept == s.at { // the first of a row
			s.Logger.Warn("cursor of an audit sink could not be written; after a restart records are delivered again", "sink", s.target.Name, "error", err)
		}
		return
	}
	s.kept = at
}

// replace puts text at path, whole.
func replace(path string, text []byte, sync bool) error {
	next := path + ".new"
	f, err := os.OpenFile(next, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(text)
	if err == nil && sync {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return err
	}
	return os.Rename(next, path)
}

// Left reports how far each sink has come that has a cursor in the log's directory, whether or not it is
// delivered to now, up to the place until.
func Left(dir string, until audit.Position) ([]Status, error) {
	entries, err := os.ReadDir(filepath.Join(dir, cursors))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	var out []Status
	for _, e := range entries {
		text, err := os.ReadFile(filepath.Join(dir, cursors, e.Name()))
		var c cursor
		if err != nil || filepath.Ext(e.Name()) != ".json" || json.Unmarshal(text, &c) != nil {
			continue
		}
		st := Status{Name: c.Sink}
		st.measure(dir, c.position(), until)
		out = append(out, st)
	}
	if err != nil {
		return nil, fmt.Errorf("read cursors of audit sinks: %w", err)
	}
	return out, nil
}
