package audit_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"qkms/internal/audit"
)

// together appends n records that are written as one group. It returns which were taken, and why others were not.
func together(l *audit.Log, name string, n int, add func(*audit.Record, ...*audit.Record) error) (taken []string, refused []error) {
	var mu sync.Mutex
	audit.Together(l, n, func(i int) {
		r := record(fmt.Sprintf("%s-%d", name, i))
		err := add(r)
		mu.Lock()
		defer mu.Unlock()
		if err != nil {
			refused = append(refused, err)
		} else {
			taken = append(taken, r.EventName)
		}
	})
	return taken, refused
}

// wantSet demands that exactly these records are in the log, in whatever order, numbered without gaps.
func wantSet(t *testing.T, dir string, want []string) {
	t.Helper()
	got, want := slices.Sorted(slices.Values(names(t, dir))), slices.Sorted(slices.Values(want))
	if !slices.Equal(got, want) {
		t.Errorf("got records %v, want %v", got, want)
	}
}

func TestGroupIsWrittenWhole(t *testing.T) {
	for name, add := range map[string]func(*audit.Log, *audit.Record, ...*audit.Record) error{
		"left to the system": (*audit.Log).Append, "on stable storage": (*audit.Log).AppendDurable,
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			l := open(t, dir, audit.Config{Signer: testSigner(t)})
			var all []string
			for _, n := range []int{1, 2, 100} {
				taken, refused := together(l, fmt.Sprint(n), n, func(r *audit.Record, c ...*audit.Record) error { return add(l, r, c...) })
				if len(refused) > 0 {
					t.Fatalf("%d at once: got %v", n, refused)
				}
				all = append(all, taken...)
			}
			if err := l.Close(); err != nil {
				t.Fatal(err)
			}
			wantSet(t, dir, all)
			if rep := verify(t, dir, retained(t, dir)); len(rep.Problems) > 0 || rep.Unsigned > 0 {
				t.Errorf("got %+v, want a log that proves itself", rep)
			}
		})
	}
}

// A group that is more than the rest of a segment goes on in the next. The third would be begun while the first
// may be on no disk yet: so the second gets the rest.
func TestGroupOverTheEndOfASegment(t *testing.T) {
	dir := t.TempDir()
	l := open(t, dir, audit.Config{SegmentBytes: 2000, Signer: testSigner(t)})
	taken, refused := together(l, "a", 20, l.Append)
	if len(refused) > 0 {
		t.Fatal(refused)
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	wantSet(t, dir, taken)
	files, err := filepath.Glob(filepath.Join(dir, "audit-*.jsonl"))
	if err != nil || len(files) != 2 {
		t.Fatalf("got segments %v, %v, want 2", files, err)
	}
	if info, err := os.Stat(files[0]); err != nil || info.Size() > 2000 {
		t.Errorf("got %v, %v, want a segment of at most 2000 bytes", info.Size(), err)
	}
	if rep := verify(t, dir, retained(t, dir)); len(rep.Problems) > 0 || rep.Unsigned > 0 {
		t.Errorf("got %+v, want a log that proves itself", rep)
	}
}

// Who is refused takes nobody along, and leaves no gap.
func TestRefusedInAGroup(t *testing.T) {
	dir := t.TempDir()
	var told bytes.Buffer
	l := open(t, dir, audit.Config{SpoolBytes: 20_000, Logger: slog.New(slog.NewTextHandler(&told, nil))})
	var err error
	for n := 0; err == nil; n++ {
		stranger := record(fmt.Sprintf("s-%d", n))
		stranger.Identity = audit.Identity{}
		err = l.Append(stranger)
	}
	want := names(t, dir)
	taken, refused := together(l, "g", 12, func(r *audit.Record, _ ...*audit.Record) error {
		switch r.EventName[len(r.EventName)-1] {
		case '1', '4':
			r.Identity = audit.Identity{}
		case '7':
			_, err := l.AppendEncoded([]byte(`{"x":"` + strings.Repeat("a", 1<<20) + `"}`))
			return err
		}
		return l.Append(r)
	})
	full := 0
	for _, err := range refused {
		if errors.Is(err, audit.ErrFull) {
			full++
		}
	}
	if len(taken) != 8 || len(refused) != 4 || full != 3 {
		t.Errorf("got %v taken, %v refused, want 3 strangers and a record too long refused", taken, refused)
	}
	wantSet(t, dir, append(want, taken...))
	if n := strings.Count(told.String(), "half full"); n != 1 {
		t.Errorf("got %d lines for the operator, want 1: %s", n, told.String())
	}
}

func TestGroupAfterClose(t *testing.T) {
	l := open(t, t.TempDir(), audit.Config{})
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	_, refused := together(l, "a", 5, l.Append)
	for _, err := range refused {
		if !errors.Is(err, os.ErrClosed) {
			t.Errorf("got error %v, want that the log is closed", err)
		}
	}
	if len(refused) != 5 {
		t.Errorf("got %d refused, want 5", len(refused))
	}
}

// A disk that fills up in the middle of a group takes none of it: nobody is answered whose record is not there, and no
// record is there of somebody who was refused.
func TestFullDiskRefusesAGroupWhole(t *testing.T) {
	dir := t.TempDir()
	out, err := child(t, "group", dir).Output()
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	wantSet(t, dir, strings.Fields(string(out)))
	if rep := verify(t, dir, retained(t, dir)); len(rep.Problems) > 0 || rep.Unsigned > 0 {
		t.Errorf("got %+v, want a log that proves itself", rep)
	}
}

// fillDiskInGroups prints the records that were taken.
func fillDiskInGroups(dir string, out io.Writer) error {
	signal.Ignore(syscall.SIGXFSZ)
	signer, err := audit.NewSigner("qkms.test/log", [32]byte{1, 2, 3})
	if err != nil {
		return err
	}
	l, err := audit.Open(dir, audit.Config{Logger: quiet, Signer: signer})
	if err != nil {
		return err
	}
	var free syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_FSIZE, &free); err != nil {
		return err
	}
	full := free
	full.Cur = 10_000 // a group of 40 ends beyond
	for _, row := range []struct {
		name    string
		limit   *syscall.Rlimit
		n       int
		refused bool
	}{{"a", &full, 4, false}, {"b", &full, 40, true}, {"c", &full, 40, true}, {"d", &full, 2, false}, {"e", &free, 40, false}} {
		if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, row.limit); err != nil {
			return err
		}
		taken, refused := together(l, row.name, row.n, l.Append)
		for _, err := range refused {
			if !errors.Is(err, syscall.EFBIG) {
				return fmt.Errorf("group %s: got error %w, want EFBIG", row.name, err)
			}
		}
		if got := len(refused) == row.n; got != row.refused || !got && len(refused) > 0 {
			return fmt.Errorf("group %s: got %d of %d refused, want all or none", row.name, len(refused), row.n)
		}
		if n := damage(dir); n != 0 {
			return fmt.Errorf("group %s: got %d damaged lines, want none", row.name, n)
		}
		fmt.Fprintln(out, strings.Join(taken, "\n"))
	}
	return l.Close()
}

// A bug in whoever writes for all ends one request, not the log.
func TestPanicOfTheWriter(t *testing.T) {
	var broken atomic.Bool
	l, err := audit.Open(t.TempDir(), audit.Config{Logger: slog.New(slog.DiscardHandler), Now: func() time.Time {
		if broken.Load() {
			panic("no clock")
		}
		return time.Now()
	}})
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	appended := func() (err error) {
		defer func() {
			if recover() != nil {
				err = errors.New("panic")
			}
		}()
		return l.Append(&audit.Record{EventName: "Encrypt"})
	}
	broken.Store(true)
	failed := make(chan error, 8)
	for range cap(failed) {
		go func() { failed <- appended() }()
	}
	for range cap(failed) {
		if err := <-failed; err == nil {
			t.Error("got a record appended by a writer that panicked")
		}
	}
	broken.Store(false)
	if err := appended(); err != nil {
		t.Errorf("afterwards: got %v", err)
	}
}
