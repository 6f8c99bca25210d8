package audit

import (
	"errors"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"
)

var errDisk = errors.New("disk on fire")

// openFailing opens a log whose fsync of a segment fails as long as fail is set.
func openFailing(t *testing.T, dir string, fail *atomic.Bool) *Log {
	t.Helper()
	l, err := Open(dir, Config{FlushEvery: time.Hour, Logger: slog.New(slog.NewTextHandler(io.Discard, nil))})
	if err != nil {
		t.Fatal(err)
	}
	l.sync = func(f *os.File) error {
		if fail.Load() {
			return errDisk
		}
		return f.Sync()
	}
	t.Cleanup(func() { l.Close() })
	return l
}

func TestFailedFlushEndsTheSegment(t *testing.T) {
	dir := t.TempDir()
	var fail atomic.Bool
	l := openFailing(t, dir, &fail)
	steps := []struct {
		fails bool
		want  error
	}{{false, nil}, {true, errDisk}, {true, errDisk}, {false, nil}, {false, nil}}
	for i, s := range steps {
		fail.Store(s.fails)
		if err := l.AppendDurable(&Record{}); !errors.Is(err, s.want) {
			t.Fatalf("append %d: got error %v, want %v", i, err, s.want)
		}
	}
	// The second was written before its flush failed. The third had no segment to go to, since a
	// disk that cannot sync gets no new one.
	segs, err := segments(dir)
	if err != nil || len(segs) != 2 || segs[1].first != 2 {
		t.Fatalf("got segments %v, %v, want a second one from record 2", segs, err)
	}
	n := uint64(0)
	for e, err := range Scan(dir) {
		if err != nil || e.Seq != n {
			t.Errorf("got record %d, %v, want %d", e.Seq, err, n)
		}
		n++
	}
	if n != 4 {
		t.Errorf("got %d records, want 4", n)
	}
}

func TestFlushFailureReachesEveryoneWhoWaits(t *testing.T) {
	var fail atomic.Bool
	l := openFailing(t, t.TempDir(), &fail)
	fail.Store(true)
	got := make(chan error)
	for range 5 {
		go func() { got <- l.AppendDurable(&Record{}) }()
	}
	for range 5 {
		if err := <-got; !errors.Is(err, errDisk) {
			t.Errorf("got error %v, want that of the disk", err)
		}
	}
}

func TestSegmentTakenAwayIsNoticed(t *testing.T) {
	for name, take := range map[string]func(string) error{
		"removed": os.Remove,
		"emptied": func(p string) error { return os.Truncate(p, 0) },
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			var fail atomic.Bool
			l := openFailing(t, dir, &fail)
			if err := l.AppendDurable(&Record{}); err != nil {
				t.Fatal(err)
			}
			if err := take(filepath.Join(dir, nameOf(0))); err != nil {
				t.Fatal(err)
			}
			if err := l.AppendDurable(&Record{}); !errors.Is(err, errDamaged) {
				t.Errorf("got error %v, want damage", err)
			}
			if err := l.AppendDurable(&Record{}); err != nil {
				t.Errorf("got error %v, want a new segment", err)
			}
		})
	}
}

func TestHalfARecordIsCutOffBeforeTheNext(t *testing.T) {
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	r.Close()
	defer w.Close()
	s := &segment{f: w, size: 6} // cannot be written, nor cut
	for range 2 {
		if err := s.write([]byte("second\n")); err == nil || !s.torn {
			t.Fatalf("got error %v, torn %v, want both", err, s.torn)
		}
	}
	path := filepath.Join(t.TempDir(), "segment")
	if err := os.WriteFile(path, []byte("first\nseco"), 0o600); err != nil {
		t.Fatal(err)
	}
	if s.f, err = os.OpenFile(path, os.O_APPEND|os.O_WRONLY, 0); err != nil {
		t.Fatal(err)
	}
	defer s.f.Close()
	if err := s.write([]byte("second\n")); err != nil {
		t.Fatal(err)
	}
	if got, err := os.ReadFile(path); err != nil || string(got) != "first\nsecond\n" || s.size != 13 {
		t.Errorf("got %q, %v, want two whole lines", got, err)
	}
}
