package audit_test

import (
	"bytes"
	"errors"
	"log/slog"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"qkms/internal/audit"
)

// A clock is moved by the test, and read by the log's goroutines.
type clock struct{ ns atomic.Int64 }

func startClock(at time.Time) *clock {
	c := new(clock)
	c.ns.Store(at.UnixNano())
	return c
}

func (c *clock) read() time.Time         { return time.Unix(0, c.ns.Load()).UTC() }
func (c *clock) advance(d time.Duration) { c.ns.Add(int64(d)) }

// levels are those of the lines that were logged, with the first words of each.
func levels(said *bytes.Buffer) (out []string) {
	for line := range strings.Lines(said.String()) {
		_, rest, _ := strings.Cut(line, "level=")
		level, rest, _ := strings.Cut(rest, " msg=\"")
		words := strings.Fields(rest)
		out = append(out, level+" "+strings.Join(words[:4], " "))
	}
	said.Reset()
	return out
}

func TestSpoolAlarmsOncePerCrossing(t *testing.T) {
	dir, now := t.TempDir(), startClock(time.Unix(1e9, 0))
	var said bytes.Buffer
	const limit = 40 << 10
	l := open(t, dir, audit.Config{SegmentBytes: 4 << 10, SpoolBytes: limit, Signer: testSigner(t), SignEvery: time.Hour,
		Now: now.read, Logger: slog.New(slog.NewTextHandler(&said, nil))})
	stranger := &audit.Record{EventName: "Encrypt"}
	want := func(what string, lines ...string) {
		t.Helper()
		if got := levels(&said); strings.Join(got, "\n") != strings.Join(lines, "\n") {
			t.Errorf("%s: got %q, want %q", what, got, lines)
		}
	}
	fill := func(r *audit.Record) {
		t.Helper()
		for range 1000 {
			if err := l.AppendDurable(r); errors.Is(err, audit.ErrFull) {
				return
			} else if err != nil {
				t.Fatal(err)
			}
			r.EventID = ""
		}
		t.Fatal("it never fills up")
	}
	for round := range 2 {
		fill(stranger)
		fill(stranger)
		want("strangers", "WARN audit spool is half")
		fill(record("a"))
		fill(record("b"))
		fill(stranger)
		want("callers", "WARN audit spool is nearly", "ERROR audit spool is full:")
		if used, of, err := l.Spool(); err != nil || of != limit || used < limit*9/10 || used > limit {
			t.Errorf("got %d of %d bytes, %v", used, of, err)
		}
		if err := l.Sign(); err != nil { // the hashes are there, too
			t.Fatal(err)
		}
		for _, path := range files(t, dir)[:8-round] { // what stays is below a half
			for _, name := range []string{path, strings.TrimSuffix(path, ".jsonl") + ".hashes"} {
				if err := os.Remove(name); err != nil {
					t.Fatal(err)
				}
			}
		}
		now.advance(time.Second)
		if err := l.Append(record("c")); err != nil {
			t.Fatal(err)
		}
		want("room", "INFO audit log has room")
	}
}

// Hashes stay when segments are moved away, and fill a disk as well as records do.
func TestHashesCountTowardsTheSpool(t *testing.T) {
	dir := t.TempDir()
	l := open(t, dir, audit.Config{SegmentBytes: 1, SpoolBytes: 64 << 10, Signer: testSigner(t)})
	for range 10 {
		appendAll(t, l, "a")
		if err := l.Sign(); err != nil {
			t.Fatal(err)
		}
	}
	before, _, err := l.Spool()
	if err != nil {
		t.Fatal(err)
	}
	want := int64(0)
	for _, path := range files(t, dir)[:9] {
		info, err := os.Stat(path)
		if err != nil {
			t.Fatal(err)
		}
		want += info.Size()
		if err := os.Remove(path); err != nil {
			t.Fatal(err)
		}
	}
	last, err := os.Stat(files(t, dir)[0])
	if err != nil {
		t.Fatal(err)
	}
	if used, _, err := l.Spool(); err != nil || before-used != want || used != last.Size()+10*32 {
		t.Errorf("got %d bytes after %d, %v, want the last segment's and 10 hashes", used, before, err)
	}
}
