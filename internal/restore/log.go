package restore

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"

	"qkms/internal/audit"
	"qkms/internal/backup"
	"qkms/internal/node"
)

// A LogReport says what became of an audit log.
type LogReport struct {
	Dir  string `json:"dir,omitempty"`  // where it was read
	Name string `json:"name,omitempty"` // which of the logs of a store that nodes share it is; empty where the store was in the data directory

	// Fate is "continued" (its numbers go on where it is), "copied" (likewise, in a copy of the one given),
	// "read" (nothing is added to it) or "new" (none was there: a new one begins at 0).
	Fate    string    `json:"fate"`
	Records uint64    `json:"records"` // read
	Newest  time.Time `json:"newest,omitzero"`
	ByTime  bool      `json:"byTime,omitempty"` // the place of the backup was not in the log, so times decided what is newer

	last audit.Entry
}

// takeLogs reads the logs that were, brings one of them to where the new deployment continues it, and returns the
// events after the backup. That one is in the data directory, or the first of those given; the others are only read.
func (c *Config) takeLogs(ctx context.Context, b *backup.Copy, rep *Report) ([]*event, error) {
	own := node.AuditDir(c.Node.Dir)
	dirs, err := c.auditDirs(own)
	if err != nil || len(dirs) == 0 {
		rep.Log = LogReport{Fate: "new"}
		return nil, err
	}
	var events []*event
	for i, dir := range dirs {
		l, found, err := readLog(ctx, dir, i, b)
		if err != nil {
			return nil, err
		}
		events = append(events, found...)
		if i == 0 {
			rep.Log = l
			continue
		}
		if l.extends(rep.Log) {
			return nil, fmt.Errorf("%s is a longer copy of the log in %s, which would be continued under the same name: move the shorter one away, or give the longer one first", dir, dirs[0])
		}
		rep.Others = append(rep.Others, l)
	}
	rep.Log.Fate = "continued"
	if dirs[0] != own {
		rep.Log.Fate = "copied"
		err = copyLog(dirs[0], own)
	}
	return merge(events), err
}

// auditDirs is where there are logs, first the one that is to be continued.
func (c *Config) auditDirs(own string) (dirs []string, err error) {
	if holds(own) {
		dirs = append(dirs, own)
	}
	for _, dir := range c.AuditDirs {
		if !holds(dir) {
			return nil, fmt.Errorf("%s holds no audit log", dir)
		}
		if !slices.ContainsFunc(dirs, func(d string) bool { return same(d, dir) }) {
			dirs = append(dirs, dir)
		}
	}
	return dirs, nil
}

// readLog reads the events of a log that may be newer than the backup.
//
// What is done again is what the log says, a key policy word for word. So the log must prove itself first, with
// the key that only the store has and under its own name: else whoever can write to a disk could write policies.
func readLog(ctx context.Context, dir string, number int, b *backup.Copy) (LogReport, []*event, error) {
	rep := LogReport{Dir: dir, Fate: "read"}
	signer, err := node.AuditSigner(b.Book.Ring(), dir)
	if err != nil {
		return rep, nil, err
	}
	if rep.Name, err = node.AuditName(dir); err != nil {
		return rep, nil, err
	}
	found, err := audit.Verify(dir, signer.VerifierKey(), nil)
	if err != nil {
		return rep, nil, err
	}
	if n := len(found.Problems); n > 0 {
		return rep, nil, fmt.Errorf("the audit log in %s is not the one that was signed, so nothing in it can be done again: %v (%d in all; `qkms audit verify` lists them); "+
			"leave it out, or move it away, to restore without it", dir, found.Problems[0], n)
	}
	rep.Records, rep.Newest, rep.last = found.Records, audit.TimeOf(found.Last.Line), found.Last
	events, err := after(ctx, dir, b.Statement, found.Newest.Size, &rep)
	for _, e := range events {
		e.log = number
	}
	return rep, events, err
}

// extends reports whether l is the log of shorter, and goes on behind its end.
func (l LogReport) extends(shorter LogReport) bool {
	if shorter.last.Line == nil {
		return l.Name == shorter.Name && l.last.Line != nil
	}
	return l.Name == shorter.Name && l.last.Seq > shorter.last.Seq && bytes.Equal(lineOf(l.Dir, shorter.last.Seq), shorter.last.Line)
}

// after reads the events that may be newer than the backup. If the log has the line before its place, numbers
// tell; if not, it is another node's, or old segments are gone, and times do: those of clocks that differ, so
// what is a little older is returned too, with early set.
func after(ctx context.Context, dir string, s backup.Statement, signed uint64, rep *LogReport) ([]*event, error) {
	rep.ByTime = !holdsPlace(dir, s)
	var events []*event
	var newest time.Time
	for e, err := range audit.Scan(dir) {
		if err = errors.Join(err, ctx.Err()); err != nil {
			return nil, err
		}
		if !rep.ByTime && e.Seq < s.AuditNext {
			continue
		}
		ev, err := parseEvent(e.Line)
		if err != nil {
			return nil, fmt.Errorf("audit record %d: %w", e.Seq, err)
		}
		ev.early = rep.ByTime && ev.Time.Before(s.At.Truncate(time.Second))
		if ev.early && ev.Time.Before(s.At.Add(-skew)) || !ev.matters() {
			continue
		}
		ev.late = ev.Time.Before(newest)
		if !ev.late {
			newest = ev.Time
		}
		ev.signed, ev.at = e.Seq < signed, newest
		events = append(events, ev)
	}
	return events, nil
}

func holdsPlace(dir string, s backup.Statement) bool {
	return s.AuditNext == 0 || sha256.Sum256(lineOf(dir, s.AuditNext-1)) == s.AuditLast
}

// lineOf is the record with this number; nil when it cannot be read.
func lineOf(dir string, number uint64) []byte {
	for e, err := range audit.Scan(dir) {
		if err != nil || e.Seq > number {
			return nil
		}
		if e.Seq == number {
			return e.Line
		}
	}
	return nil
}

func holds(dir string) bool {
	segments, err := filepath.Glob(filepath.Join(dir, "audit-*.jsonl"))
	return err == nil && len(segments) > 0
}

func same(a, b string) bool {
	x, err := os.Stat(a)
	y, err2 := os.Stat(b)
	return err == nil && err2 == nil && os.SameFile(x, y)
}

// copyLog copies a log to where there is none, under another name first: a half of it would be taken for all.
func copyLog(from, to string) error {
	part := to + ".copying"
	if err := os.RemoveAll(part); err != nil {
		return err
	}
	err := filepath.WalkDir(from, func(path string, e fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(from, path)
		if err != nil {
			return err
		}
		switch dst := filepath.Join(part, rel); {
		case e.IsDir():
			return os.Mkdir(dst, 0o700)
		case e.Type().IsRegular():
			return copyFile(path, dst)
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("copy the audit log: %w", err)
	}
	if err := os.Remove(to); err != nil && !errors.Is(err, fs.ErrNotExist) { // empty, if it is there
		return err
	}
	return errors.Join(os.Rename(part, to), syncDirectory(filepath.Dir(to)))
}

func copyFile(from, to string) error {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := os.OpenFile(to, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	_, err = io.Copy(out, in)
	return errors.Join(err, out.Sync(), out.Close())
}
