package audit_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"qkms/internal/audit"
)

// An aged log has segments of one record, a day apart, and then some.
type aged struct {
	*audit.Log
	dir string
	now *clock
}

var firstDay = time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC)

func age(t testing.TB, days int, cfg audit.Config) *aged {
	t.Helper()
	a := &aged{dir: t.TempDir(), now: startClock(firstDay)}
	cfg.SegmentBytes, cfg.Signer = 1, testSigner(t)
	cfg.Now = a.now.read
	a.Log = open(t, a.dir, cfg)
	a.grow(t, days)
	return a
}

func (a *aged) grow(t testing.TB, days int) {
	t.Helper()
	for range days {
		r := record("day")
		r.Time = a.now.read()
		if err := a.AppendDurable(r); err != nil {
			t.Fatal(err)
		}
		if err := a.Sign(); err != nil {
			t.Fatal(err)
		}
		a.now.advance(24 * time.Hour)
	}
}

func nobody() (audit.Position, bool) { return audit.Position{}, false }

func (a *aged) retire(t testing.TB, days int) uint64 {
	t.Helper()
	n, err := a.Retire(firstDay.AddDate(0, 0, days), nobody)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// firsts are the numbers in the names of segments.
func firsts(t testing.TB, dir string) (out []string) {
	t.Helper()
	for _, path := range files(t, dir) {
		out = append(out, strings.TrimLeft(strings.TrimSuffix(strings.TrimPrefix(filepath.Base(path), "audit-"), ".jsonl"), "0"))
	}
	return out
}

func TestRetirementTakesWhatItMayAndSaysSo(t *testing.T) {
	a := age(t, 10, audit.Config{})
	kept := retained(t, a.dir)
	if n := a.retire(t, 4); n != 4 { // those of days 0 to 3
		t.Fatalf("got %d records retired, want 4", n)
	}
	if got, want := firsts(t, a.dir), []string{"4", "5", "6", "7", "8", "9", "10"}; !slices.Equal(got, want) {
		t.Errorf("got segments %v, want %v", got, want)
	}
	rep := verify(t, a.dir, kept) // of 10 records: the tree still leads to it
	if len(rep.Problems) > 0 || rep.Retired != 4 || rep.Unread != 4 || rep.Records != 7 || rep.Newest.Retired != 4 {
		t.Errorf("got %+v, want 7 records and 4 retired", rep)
	}
	last := string(rep.Last.Line)
	for _, want := range []string{`"eventName":"RetireAuditSegments"`, `"eventType":"AwsServiceEvent"`, `"firstRecord":0,"lastRecord":3,"segments":4`, `"treeSize":10,"treeHash":"`} {
		if !strings.Contains(last, want) {
			t.Errorf("got record %s, want %s in it", last, want)
		}
	}
	if n := a.retire(t, 4); n != 0 {
		t.Errorf("a second time: got %d records retired, want none", n)
	}
	a.grow(t, 1)
	if n := a.retire(t, 6); n != 2 {
		t.Errorf("got %d records retired, want 2", n)
	}
	a.Close()
	a.Log = open(t, a.dir, audit.Config{Signer: testSigner(t), SegmentBytes: 1, Now: a.now.read})
	if n := a.retire(t, 7); n != 1 {
		t.Errorf("after a restart: got %d records retired, want 1", n)
	}
	if rep := verify(t, a.dir, kept); len(rep.Problems) > 0 || rep.Retired != 7 {
		t.Errorf("got %+v, want 7 retired", rep)
	}
	hashes, err := filepath.Glob(filepath.Join(a.dir, "*.hashes"))
	if err != nil || len(hashes) != len(files(t, a.dir))+1 {
		t.Errorf("got hashes of %d segments, %v, want %d and the last retired", len(hashes), err, len(files(t, a.dir)))
	}
}

func TestRetirementLeavesWhatItMayNotTake(t *testing.T) {
	for name, row := range map[string]struct {
		spoil     func(*testing.T, *aged)
		delivered func() (audit.Position, bool)
		want      uint64
	}{
		"nothing in the way":                {nil, nobody, 9},
		"a sink has nothing":                {nil, func() (audit.Position, bool) { return audit.Position{}, true }, 0},
		"a sink is within the third":        {nil, func() (audit.Position, bool) { return audit.Position{Segment: 2, Offset: 1}, true }, 2},
		"a sink is at the end of the third": {nil, func() (audit.Position, bool) { return audit.Position{Segment: 2, Offset: 1 << 20}, true }, 3},
		"a line that tells no time": {func(t *testing.T, a *aged) {
			if err := os.WriteFile(files(t, a.dir)[4], []byte("what is this\n"), 0o600); err != nil {
				t.Fatal(err)
			}
		}, nobody, 4},
	} {
		t.Run(name, func(t *testing.T) {
			a := age(t, 10, audit.Config{SignEvery: time.Hour})
			if row.spoil != nil {
				row.spoil(t, a)
			}
			got, err := a.Retire(a.now.read(), row.delivered)
			if err != nil || got != row.want {
				t.Errorf("got %d records retired, %v, want %d", got, err, row.want)
			}
		})
	}
}

func TestUnsignedLogKeepsEverything(t *testing.T) {
	l := open(t, t.TempDir(), audit.Config{SegmentBytes: 1})
	appendAll(t, l, "a", "b", "c")
	if n, err := l.Retire(time.Now(), nobody); err == nil || n != 0 {
		t.Errorf("got %d records retired, %v, want an error", n, err)
	}
}

// What an attacker removes must not pass for what the service did.
func TestRemovedSegmentsAreNotTakenForRetiredOnes(t *testing.T) {
	for name, row := range map[string]struct {
		bend  func(t testing.TB, dir string)
		what  audit.Change
		first uint64
	}{
		"the oldest that is left": {func(t testing.TB, dir string) { os.Remove(files(t, dir)[0]) }, audit.Missing, 4},
		"all but the newest": {func(t testing.TB, dir string) {
			for _, path := range files(t, dir)[:6] {
				os.Remove(path)
			}
		}, audit.Missing, 4},
		"one from the middle": {func(t testing.TB, dir string) { os.Remove(files(t, dir)[2]) }, audit.Missing, 6},
		"a letter of one that is left": {func(t testing.TB, dir string) {
			lines(t, files(t, dir)[1], func(l []string) []string {
				l[0] = strings.Replace(l[0], "alias", "salia", 1)
				return l
			})
		}, audit.Altered, 5},
		"the checkpoint says more were retired": {func(t testing.TB, dir string) {
			lines(t, filepath.Join(dir, "checkpoints.log"), func(l []string) []string {
				l[len(l)-1] = strings.Replace(l[len(l)-1], "retired 4", "retired 5", 1)
				return l
			})
		}, audit.BadHistory, 0},
	} {
		t.Run(name, func(t *testing.T) {
			a := age(t, 10, audit.Config{})
			a.retire(t, 4)
			a.Close()
			row.bend(t, a.dir)
			got := verify(t, a.dir, nil).Problems
			if len(got) == 0 || got[0].What != row.what || got[0].First != row.first {
				t.Errorf("got %v, want %s at %d", got, row.what, row.first)
			}
		})
	}
}

// The record that makes room is not kept out by there being none.
func TestRetirementMakesRoom(t *testing.T) {
	a := age(t, 3, audit.Config{SpoolBytes: 6 << 10})
	var err error
	for n := 0; err == nil && n < 100; n++ {
		r := record("day")
		r.Time = firstDay.AddDate(0, 0, 3)
		err = a.AppendDurable(r)
	}
	if !errors.Is(err, audit.ErrFull) {
		t.Fatalf("got %v, want ErrFull", err)
	}
	if n := a.retire(t, 3); n != 3 {
		t.Fatalf("got %d retired, want 3", n)
	}
	appendAll(t, a.Log, "again")
}

// A log is verified while segments go.
func TestVerifyWhileRetired(t *testing.T) {
	a := age(t, 25, audit.Config{})
	done := make(chan error, 1)
	go func() {
		var err error
		for day := 1; day < 22 && err == nil; day++ {
			_, err = a.Retire(firstDay.AddDate(0, 0, day), nobody)
		}
		done <- err
	}()
	for running := true; running; {
		select {
		case err := <-done:
			if err != nil {
				t.Fatal(err)
			}
			running = false
		default:
		}
		if rep := verify(t, a.dir, nil); len(rep.Problems) > 0 {
			t.Fatalf("got %v", rep.Problems)
		}
	}
}

func TestRetentionRunsByItself(t *testing.T) {
	var said bytes.Buffer
	a := age(t, 5, audit.Config{Logger: slog.New(slog.NewTextHandler(&said, nil))})
	ctx, stop := context.WithCancel(t.Context())
	asked := 0
	audit.Retention{Log: a.Log, Age: 48 * time.Hour, Every: time.Millisecond, Delivered: func() (audit.Position, bool) {
		if asked++; asked == 2 {
			stop() // the first round is over
		}
		return audit.Position{}, false
	}}.Run(ctx)
	if got, want := firsts(t, a.dir), []string{"3", "4", "5"}; !slices.Equal(got, want) {
		t.Errorf("got segments %v, want %v\n%s", got, want, &said)
	}
	if !strings.Contains(said.String(), fmt.Sprintf("segments=%d", 3)) {
		t.Errorf("got log %s", &said)
	}
}
