package restore

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"qkms/internal/audit"
	"qkms/internal/backup"
	"qkms/internal/node"
)

// A LogReport says what became of the audit log.
type LogReport struct {
	// Fate is "continued" (its numbers go on where it is), "copied" (likewise, in a copy of the one given)
	// or "new" (none was there: a new one begins at 0).
	Fate    string    `json:"fate"`
	Records uint64    `json:"records"` // read
	Newest  time.Time `json:"newest,omitzero"`
	ByTime  bool      `json:"byTime,omitempty"` // the place of the backup was not in the log, so times decided what is newer
}

// takeLog reads the log that was, brings it to where the new deployment continues it, and returns the events
// after the backup.
//
// What is done again is what the log says, a key policy word for word. So the log must prove itself first, with
// the key that only the store has: else whoever can write to a disk could write policies.
func (c *Config) takeLog(ctx context.Context, b *backup.Copy) ([]*event, LogReport, error) {
	own := node.AuditDir(c.Node.Dir)
	from, rep := own, LogReport{Fate: "continued"}
	if c.AuditDir != "" && !same(c.AuditDir, own) {
		if holds(own) {
			return nil, rep, fmt.Errorf("%s is there, and %s was given: move away the one that is not to be continued", own, c.AuditDir)
		}
		if !holds(c.AuditDir) {
			return nil, rep, fmt.Errorf("%s holds no audit log", c.AuditDir)
		}
		from, rep.Fate = c.AuditDir, "copied"
	}
	if !holds(from) {
		return nil, LogReport{Fate: "new"}, nil
	}
	signer, err := node.AuditSigner(b.Book.Ring(), from)
	if err != nil {
		return nil, rep, err
	}
	found, err := audit.Verify(from, signer.VerifierKey(), nil)
	if err != nil {
		return nil, rep, err
	}
	if n := len(found.Problems); n > 0 {
		return nil, rep, fmt.Errorf("the audit log in %s is not the one that was signed, so nothing in it can be done again: %v (%d in all; `qkms audit verify` lists them); "+
			"move it away to restore without it", from, found.Problems[0], n)
	}
	rep.Records, rep.Newest = found.Records, audit.TimeOf(found.Last.Line)
	events, err := after(ctx, from, b.Statement, found.Newest.Size, &rep)
	if err == nil && rep.Fate == "copied" {
		err = copyLog(from, own)
	}
	return events, rep, err
}

// after reads the events that may be newer than the backup. If the log has the line before its place, numbers
// tell; if not, it is another node's, or old segments are gone, and times do.
func after(ctx context.Context, dir string, s backup.Statement, signed uint64, rep *LogReport) ([]*event, error) {
	rep.ByTime = !holdsPlace(dir, s)
	var events []*event
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
		if rep.ByTime && ev.Time.Before(s.At.Truncate(time.Second)) {
			continue
		}
		ev.signed = e.Seq < signed
		if ev.matters() {
			events = append(events, ev)
		}
	}
	return events, nil
}

func holdsPlace(dir string, s backup.Statement) bool {
	if s.AuditNext == 0 {
		return true
	}
	for e, err := range audit.Scan(dir) {
		if err != nil || e.Seq >= s.AuditNext {
			return false
		}
		if e.Seq == s.AuditNext-1 {
			return sha256.Sum256(e.Line) == s.AuditLast
		}
	}
	return false
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
