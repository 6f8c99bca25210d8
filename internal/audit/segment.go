package audit

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"syscall"
	"time"
)

// A segment is a file being appended to.
type segment struct {
	f      *os.File
	first  uint64 // the number of its first record
	size   int64
	opened time.Time
	torn   bool  // there may be part of a record beyond size
	failed error // of its fsync; touched by the flusher only
}

// write appends b whole or not at all, as far as any later reader can tell. A disk that fills up
// takes the first half of a record: that half is cut off again, now or before the next record.
func (s *segment) write(b []byte) error {
	if s.torn {
		if err := s.f.Truncate(s.size); err != nil {
			return fmt.Errorf("cut off part of a record: %w", err)
		}
		s.torn = false
	}
	if _, err := s.f.Write(b); err != nil {
		s.torn = s.f.Truncate(s.size) != nil
		return err
	}
	s.size += int64(len(b))
	return nil
}

// check notices what a log rotator does to a file that is not its own: a segment removed or emptied
// under the log takes its records with it.
func (s *segment) check(size int64) error {
	info, err := s.f.Stat()
	if err != nil {
		return err
	}
	if st, ok := info.Sys().(*syscall.Stat_t); (ok && st.Nlink == 0) || info.Size() < size {
		return fmt.Errorf("segment %s was removed or shortened by somebody else: %w", s.f.Name(), errDamaged)
	}
	return nil
}

// A segmentFile is a segment as found in the directory.
type segmentFile struct {
	path  string
	first uint64 // the number of its first record, from its name
	size  int64
}

var segmentName = regexp.MustCompile(`^audit-(\d{20})\.jsonl$`)

func nameOf(first uint64) string { return fmt.Sprintf("audit-%020d.jsonl", first) }

// segments lists the segments of dir, oldest first. Other files are none of the log's.
func segments(dir string) ([]segmentFile, error) {
	entries, err := os.ReadDir(dir) // sorted by name, hence by number
	if err != nil {
		return nil, err
	}
	var segs []segmentFile
	for _, e := range entries {
		m := segmentName.FindStringSubmatch(e.Name())
		if m == nil {
			continue
		}
		first, err := strconv.ParseUint(m[1], 10, 62)
		if err != nil {
			continue
		}
		info, err := e.Info()
		if errors.Is(err, fs.ErrNotExist) {
			continue // archived since
		}
		if err != nil {
			return nil, err
		}
		segs = append(segs, segmentFile{filepath.Join(dir, e.Name()), first, info.Size()})
	}
	return segs, nil
}

// measure is how many bytes of the spool the directory has: segments, and the hashes beside them.
func measure(dir string) (n int64, err error) {
	entries, err := os.ReadDir(dir)
	for _, e := range entries {
		if !segmentName.MatchString(e.Name()) && !leavesName.MatchString(e.Name()) {
			continue
		}
		if info, err := e.Info(); err == nil { // else it was moved away since
			n += info.Size()
		}
	}
	return n, err
}

func total(segs []segmentFile) (n int64) {
	for _, s := range segs {
		n += s.size
	}
	return n
}

// create begins the segment of the next record. Its name is made durable first: a record synced
// into a file that no directory names is lost with the power.
func (l *Log) create(now time.Time) (*segment, error) {
	f, err := os.OpenFile(filepath.Join(l.dir, nameOf(l.next)), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, err
	}
	info, err := f.Stat()
	if err == nil && info.Size() != 0 { // an empty one is what a failed attempt left
		err = fmt.Errorf("segment %s exists already: %w", f.Name(), errDamaged)
	}
	if err == nil {
		err = l.sync(f)
	}
	if err == nil {
		err = l.sync(l.lock)
	}
	if err != nil {
		f.Close()
		return nil, err
	}
	return &segment{f: f, first: l.next, opened: now}, nil
}

// recover finds where the log ends, makes all of it durable and continues its last segment. The
// last two are synced because those can hold records that were written and never flushed.
func (l *Log) recover() error {
	segs, err := segments(l.dir)
	if err != nil {
		return err
	}
	if l.size, err = measure(l.dir); err != nil {
		return err
	}
	if len(segs) > 1 {
		if err := l.syncPath(segs[len(segs)-2].path); err != nil {
			return err
		}
	}
	if len(segs) > 0 {
		return l.resume(segs)
	}
	if err := l.checkTree(nil, 0); err != nil {
		return err
	}
	return l.sync(l.lock)
}

func (l *Log) checkTree(segs []segmentFile, next uint64) error {
	if l.cfg.Signer == nil {
		return nil
	}
	return l.openTree(segs, next)
}

func (l *Log) syncPath(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	return l.sync(f)
}

// resume reads the last segment and opens it for more. Damage before its end is somebody's doing
// or a failed disk's: it stays as it is for the verifier to find, and the log goes on in a new file.
func (l *Log) resume(segs []segmentFile) error {
	last := segs[len(segs)-1]
	f, err := os.OpenFile(last.path, os.O_RDWR|os.O_APPEND, 0)
	if err != nil {
		return err
	}
	t, err := findTail(f, last.first)
	if err == nil {
		err = l.checkTree(segs, t.next) // before anything is cut off
	}
	if err == nil && t.end < last.size {
		l.cfg.Logger.WarnContext(context.Background(), "audit log ended in part of a record, which nobody was answered for; it was cut off",
			"segment", last.path, "bytes", last.size-t.end)
		err = f.Truncate(t.end)
		l.size -= last.size - t.end
	}
	if err == nil {
		err = l.sync(f)
	}
	if err == nil {
		err = l.sync(l.lock)
	}
	if err != nil {
		f.Close()
		return err
	}
	l.next, l.flushed = t.next, Position{last.first, t.end, t.next}
	if t.damaged > 0 {
		l.cfg.Logger.ErrorContext(context.Background(), "audit log is damaged; it goes on in a new segment",
			"segment", last.path, "lines", t.damaged)
		return f.Close()
	}
	l.seg = &segment{f: f, first: last.first, size: t.end, opened: l.cfg.Now()}
	return nil
}

// lockDir makes dir if necessary and locks it. The kernel lets go of the lock when the process ends.
func lockDir(dir string) (*os.File, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	parent, err := os.Open(filepath.Dir(dir))
	if err != nil {
		return nil, err
	}
	defer parent.Close()
	if err := parent.Sync(); err != nil {
		return nil, err
	}
	d, err := os.Open(dir)
	if err != nil {
		return nil, err
	}
	if err := syscall.Flock(int(d.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		d.Close()
		if errors.Is(err, syscall.EWOULDBLOCK) {
			err = ErrLocked
		}
		return nil, fmt.Errorf("%s: %w", dir, err)
	}
	return d, nil
}
