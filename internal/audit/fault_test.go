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

// A checkpoint that cannot be written costs no record its proof: the next one covers it.
func TestFailedCheckpointIsMadeUpFor(t *testing.T) {
	dir := t.TempDir()
	signer, err := NewSigner("qkms.test/log", [32]byte{1})
	if err != nil {
		t.Fatal(err)
	}
	l, err := Open(dir, Config{Signer: signer, SignEvery: time.Hour, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	step := func(fails bool) {
		t.Helper()
		if err := l.Append(&Record{}); err != nil {
			t.Fatal(err)
		}
		if err := l.Sign(); (err != nil) != fails {
			t.Fatalf("got error %v, want one: %v", err, fails)
		}
	}
	step(false)
	whole := l.keeper.history.f
	if l.keeper.history.f, err = os.Open(whole.Name()); err != nil { // may not be written to
		t.Fatal(err)
	}
	step(true)
	step(true)
	l.keeper.history.f.Close()
	l.keeper.history.f = whole
	step(false)
	rep, err := Verify(dir, signer.VerifierKey(), nil)
	if err != nil || len(rep.Problems) > 0 || rep.Checkpoints != 2 || rep.Newest.Size != 4 {
		t.Errorf("got %+v, %v, want 4 records under 2 checkpoints", rep, err)
	}
}

// A checkpoint never covers what may not survive the power: a failed flush leaves it unsigned.
func TestNothingIsSignedBeforeItIsFlushed(t *testing.T) {
	dir := t.TempDir()
	signer, err := NewSigner("qkms.test/log", [32]byte{1})
	if err != nil {
		t.Fatal(err)
	}
	l, err := Open(dir, Config{Signer: signer, SignEvery: time.Hour, FlushEvery: time.Hour, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if err := l.Append(&Record{}); err != nil {
		t.Fatal(err)
	}
	l.mu.Lock() // the flusher reads it behind this lock's back only when it was told to flush
	l.sync = func(*os.File) error { return errDisk }
	l.mu.Unlock()
	if err := l.Sign(); !errors.Is(err, errDisk) {
		t.Errorf("got error %v, want %v", err, errDisk)
	}
	rep, err := Verify(dir, signer.VerifierKey(), nil)
	if err != nil || rep.Newest.Size != 0 || rep.Unsigned != 1 {
		t.Errorf("got %+v, %v, want a record that is not signed", rep, err)
	}
}
