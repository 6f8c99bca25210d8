// Package backup keeps a store in one file that proves itself.
//
// Start with Create, which writes the file of a running store, then Read, which fills a store from one.
// No file gets its name before it was read back whole. docs/formats/backup.md is the format.
package backup

import (
	"bufio"
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
	"qkms/internal/record"
	"qkms/internal/seal"
	"qkms/internal/store"
)

// A Source is a running store. Create may be called concurrently.
type Source struct {
	Book  *record.Book
	Audit *audit.Log
	Now   func() time.Time
}

// A Progress says how far a long job is.
type Progress struct {
	Step    string `json:"step"` // what is being done: "written", "verified"
	Records int    `json:"records"`
	Bytes   int64  `json:"bytes,omitempty"`
}

// A Made is a backup that was written and read back.
type Made struct {
	Path     string    `json:"path"`
	At       time.Time `json:"at"` // everything acknowledged before is in it
	Bytes    int64     `json:"bytes"`
	Records  int       `json:"records"`
	Verified int       `json:"verified"` // records whose seal opened, when the file was read back
	SHA256   string    `json:"sha256"`   // of the stream, in hex
}

// Create writes a backup to path (mode 0600), where nothing may be: fs.ErrExist. It reads the file back
// into a store beside it, opens every record there, and only then gives the file its name, durably. On an
// error, and after a crash, there is nothing under that name; what a crash leaves has a name that begins
// with .qkms-backup- and goes with the next Create in that directory.
//
// It takes twice the room of the store in the directory of path while it runs. say may be nil.
func Create(ctx context.Context, src Source, path string, say func(Progress)) (Made, error) {
	made, err := create(ctx, src, path, say)
	if err != nil {
		return Made{}, fmt.Errorf("back up to %s: %w", path, err)
	}
	return made, nil
}

func create(ctx context.Context, src Source, path string, say func(Progress)) (Made, error) {
	if _, err := os.Lstat(path); err == nil {
		return Made{}, fmt.Errorf("%w: give another name", fs.ErrExist)
	}
	w, err := openBench(filepath.Dir(path))
	if err != nil {
		return Made{}, err
	}
	defer w.close()
	file := w.path("backup")
	manifest, err := write(ctx, src, file, say)
	if err != nil {
		return Made{}, err
	}
	ring := src.Book.Ring()
	scratch, err := w.store(ctx, "read-back.db")
	if err != nil {
		return Made{}, err
	}
	got, err := read(ctx, file, scratch, Terms{Open: func(state []byte) (*seal.Ring, error) { return ring.Reload(state) }, Say: say})
	if err != nil {
		return Made{}, fmt.Errorf("what was written does not read back: %w", err)
	}
	defer got.Close()
	if got.Manifest.SHA256 != manifest.SHA256 {
		return Made{}, errors.New("what was written does not read back: it is another stream")
	}
	if err := place(file, path); err != nil {
		return Made{}, err
	}
	return Made{
		Path: path, At: got.Statement.At, Bytes: got.Manifest.Bytes + statementSize, Records: got.Manifest.Records,
		Verified: got.Report.Records, SHA256: fmt.Sprintf("%x", got.Manifest.SHA256),
	}, nil
}

// write writes the file whole, durably. The statement is made before the snapshot is taken: it must not
// claim what was acknowledged, or recorded, after it.
func write(ctx context.Context, src Source, path string, say func(Progress)) (store.Manifest, error) {
	ring := src.Book.Ring()
	s := Statement{Store: ring.StoreID(), At: src.Now().UTC().Truncate(time.Millisecond)}
	var err error
	if s.AuditNext, s.AuditLast, err = auditPlace(src.Audit); err != nil {
		return store.Manifest{}, err
	}
	f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return store.Manifest{}, err
	}
	defer f.Close()
	m, err := src.Book.Engine().Backup(ctx, &counted{w: f, say: say})
	if err != nil {
		return m, err
	}
	if _, err := f.Write(s.encode(ring, m.SHA256)); err != nil {
		return m, err
	}
	return m, errors.Join(f.Sync(), f.Close())
}

// auditPlace is where the audit log is now. A change of before has its record before it: records are
// appended after the commit, so a number below next belongs to what is committed.
func auditPlace(log *audit.Log) (next uint64, last [sha256.Size]byte, err error) {
	if err := log.Flush(); err != nil {
		return 0, last, err
	}
	p := log.Flushed()
	if p.Offset == 0 {
		return p.Next, last, nil
	}
	line, err := audit.LineBefore(log.Dir(), p)
	if errors.Is(err, fs.ErrNotExist) { // moved away since
		return p.Next, last, nil
	}
	return p.Next, sha256.Sum256(line), err
}

// counted says how much was written, at most once per MiB.
type counted struct {
	w    io.Writer
	say  func(Progress)
	n    int64
	told int64
}

func (c *counted) Write(b []byte) (int, error) {
	n, err := c.w.Write(b)
	if c.n += int64(n); c.say != nil && c.n-c.told >= 1<<20 {
		c.told = c.n
		c.say(Progress{Step: "written", Bytes: c.n})
	}
	return n, err
}

// head reads the statement of a file without its stream, unverified.
func head(path string) (*signed, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	end, err := f.Seek(0, io.SeekEnd)
	if err != nil {
		return nil, err
	}
	at := max(0, end-statementSize)
	if _, err := f.Seek(at, io.SeekStart); err != nil {
		return nil, err
	}
	return parse(bufio.NewReader(f), at)
}
