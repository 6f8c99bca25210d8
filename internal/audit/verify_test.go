package audit_test

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"qkms/internal/audit"
)

// testSigner is of a fixed key, as a store's is.
func testSigner(t testing.TB) *audit.Signer {
	t.Helper()
	s, err := audit.NewSigner("qkms.test/log", [32]byte{1, 2, 3})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// signed makes a log of closed segments: five records each, three of them to a checkpoint.
func signed(t testing.TB, records int) (dir string) {
	t.Helper()
	dir = t.TempDir()
	one := len(record("0").Encode()) + 12
	l := open(t, dir, audit.Config{Signer: testSigner(t), SegmentBytes: int64(5 * one)})
	for i := range records {
		appendAll(t, l, fmt.Sprint(i%10))
		if i%5 == 2 {
			if err := l.Sign(); err != nil {
				t.Fatal(err)
			}
		}
		if i%5 == 4 { // whole before the next segment begins
			if err := l.Sign(); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	return dir
}

func verify(t testing.TB, dir string, retained []byte) audit.Report {
	t.Helper()
	rep, err := audit.Verify(dir, testSigner(t).VerifierKey(), retained)
	if err != nil {
		t.Fatal(err)
	}
	return rep
}

func retained(t testing.TB, dir string) []byte {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(dir, "checkpoint"))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestAnUntouchedLogVerifies(t *testing.T) {
	dir := signed(t, 23)
	rep := verify(t, dir, retained(t, dir))
	if len(rep.Problems) > 0 || rep.Records != 23 || rep.Newest.Size != 23 || rep.Unsigned != 0 || rep.Last.Seq != 22 {
		t.Errorf("got %+v, want 23 records, all signed, no problem", rep)
	}
	if got := len(files(t, dir)); got < 4 {
		t.Errorf("got %d segments, want several", got)
	}
}

// lines edits the lines of one file.
func lines(t testing.TB, path string, edit func([]string) []string) {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	all := edit(strings.Split(strings.TrimSuffix(string(b), "\n"), "\n"))
	text := ""
	if len(all) > 0 {
		text = strings.Join(all, "\n") + "\n"
	}
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

const second = "audit-00000000000000000005.jsonl" // holds the records 5 to 9

func TestTampering(t *testing.T) {
	edit := func(name string, do func([]string) []string) func(testing.TB, string) {
		return func(t testing.TB, dir string) { lines(t, filepath.Join(dir, name), do) }
	}
	renumber := func(from, to int) func(string) string {
		return func(s string) string {
			return strings.Replace(s, fmt.Sprintf(`{"seq":%d,`, from), fmt.Sprintf(`{"seq":%d,`, to), 1)
		}
	}
	rows := map[string]struct {
		do   func(testing.TB, string)
		want []audit.Problem // What, First, Last, Segment, Line
	}{
		"one letter of a record": {edit(second, func(l []string) []string {
			l[2] = strings.Replace(l[2], "alias/7", "alias/6", 1)
			return l
		}), []audit.Problem{{What: audit.Altered, First: 7, Last: 7, Segment: second, Line: 3}}},
		"a record blanked": {edit(second, func(l []string) []string {
			l[0] = strings.Repeat(" ", len(l[0]))
			return l
		}), []audit.Problem{{What: audit.Altered, First: 5, Last: 5, Segment: second, Line: 1}}},
		"a record deleted": {edit(second, func(l []string) []string {
			return slices.Delete(l, 1, 2)
		}), []audit.Problem{{What: audit.Missing, First: 6, Last: 6, Segment: second, Line: 2}}},
		"a record deleted and the others renumbered": {edit(second, func(l []string) []string {
			l = slices.Delete(l, 1, 2)
			for i := 1; i < 4; i++ {
				l[i] = renumber(i+6, i+5)(l[i])
			}
			return l
		}), []audit.Problem{
			{What: audit.Altered, First: 6, Last: 8, Segment: second, Line: 2},
			{What: audit.Missing, First: 9, Last: 9, Segment: second, Line: 5},
		}},
		"two records swapped": {edit(second, func(l []string) []string {
			l[1], l[2] = l[2], l[1]
			return l
		}), []audit.Problem{{What: audit.Moved, First: 6, Last: 6, Segment: second, Line: 3}}},
		"two records swapped and renumbered": {edit(second, func(l []string) []string {
			l[1], l[2] = renumber(7, 6)(l[2]), renumber(6, 7)(l[1])
			return l
		}), []audit.Problem{{What: audit.Altered, First: 6, Last: 7, Segment: second, Line: 2}}},
		"a record repeated": {edit(second, func(l []string) []string {
			return slices.Insert(l, 3, l[2])
		}), []audit.Problem{{What: audit.Moved, First: 7, Last: 7, Segment: second, Line: 4}}},
		"a line added": {edit(second, func(l []string) []string {
			return slices.Insert(l, 2, `{"seq":7,"forged":true}`)
		}), []audit.Problem{
			{What: audit.Altered, First: 7, Last: 7, Segment: second, Line: 3}, // stands where 7 should
			{What: audit.Moved, First: 7, Last: 7, Segment: second, Line: 4},
		}},
		"a line of nothing added": {edit(second, func(l []string) []string {
			return slices.Insert(l, 2, "")
		}), []audit.Problem{{What: audit.Added, First: 7, Last: 7, Segment: second, Line: 3}}},
		"a number changed": {edit(second, func(l []string) []string {
			l[1] = renumber(6, 9)(l[1])
			return l
		}), []audit.Problem{{What: audit.Altered, First: 6, Last: 6, Segment: second, Line: 2}}},
		"the end cut off a segment": {edit(second, func(l []string) []string {
			return l[:3]
		}), []audit.Problem{{What: audit.Missing, First: 8, Last: 9, Segment: second, Line: 4}}},
		"a segment emptied": {edit(second, func([]string) []string {
			return nil
		}), []audit.Problem{{What: audit.Missing, First: 5, Last: 9, Segment: second, Line: 1}}},
		"a segment removed from the middle": {func(t testing.TB, dir string) {
			if err := os.Remove(filepath.Join(dir, second)); err != nil {
				t.Fatal(err)
			}
		}, []audit.Problem{{What: audit.Missing, First: 5, Last: 9, Segment: "audit-00000000000000000000.jsonl", Line: 6}}},
		"a record and its hash": {func(t testing.TB, dir string) {
			lines(t, filepath.Join(dir, second), func(l []string) []string {
				l[0] = strings.Replace(l[0], "alias/5", "alias/6", 1)
				return l
			})
			flipByte(t, filepath.Join(dir, "audit-00000000000000000005.hashes"), 0)
		}, []audit.Problem{
			{What: audit.BadHashes, First: 5, Last: 7},
			{What: audit.Altered, First: 5, Last: 7, Segment: second, Line: 1},
		}},
		"a record, and the hashes removed": {func(t testing.TB, dir string) {
			lines(t, filepath.Join(dir, second), func(l []string) []string {
				l[0] = strings.Replace(l[0], "alias/5", "alias/6", 1)
				return l
			})
			if err := os.Remove(filepath.Join(dir, "audit-00000000000000000005.hashes")); err != nil {
				t.Fatal(err)
			}
		}, []audit.Problem{{What: audit.Altered, First: 5, Last: 7, Segment: second, Line: 1}}},
		"a checkpoint removed from the middle": {edit("checkpoints.log", func(l []string) []string {
			return slices.Delete(l, 2, 3)
		}), []audit.Problem{{What: audit.BadHistory, Segment: "checkpoints.log", Line: 3}}},
		"a checkpoint that covers less": {edit("checkpoints.log", func(l []string) []string {
			l[2] = strings.Replace(l[2], `"size":8`, `"size":7`, 1)
			return l
		}), []audit.Problem{
			{What: audit.BadHistory, Segment: "checkpoints.log", Line: 3},
			{What: audit.BadHistory, Segment: "checkpoints.log", Line: 4},
		}},
		"two checkpoints swapped": {edit("checkpoints.log", func(l []string) []string {
			l[1], l[2] = l[2], l[1]
			return l
		}), []audit.Problem{
			{What: audit.BadHistory, Segment: "checkpoints.log", Line: 2},
			{What: audit.BadHistory, Segment: "checkpoints.log", Line: 3},
		}},
		"every checkpoint removed": {edit("checkpoints.log", func([]string) []string {
			return nil
		}), []audit.Problem{{What: audit.BadHistory, Segment: "checkpoints.log", Line: 1}}},
		"every segment removed": {func(t testing.TB, dir string) {
			for _, path := range files(t, dir) {
				if err := os.Remove(path); err != nil {
					t.Fatal(err)
				}
			}
		}, []audit.Problem{{What: audit.Missing, First: 0, Last: 14}}},
	}
	for name, row := range rows {
		t.Run(name, func(t *testing.T) {
			dir := signed(t, 15)
			row.do(t, dir)
			got := verify(t, dir, nil).Problems
			for i := range got {
				t.Log(got[i])
				got[i].Detail = ""
				if got[i].What == audit.BadHistory {
					got[i].First, got[i].Last = 0, 0
				}
			}
			if !slices.Equal(got, row.want) {
				t.Errorf("got %+v\nwant %+v", got, row.want)
			}
		})
	}
}

func flipByte(t testing.TB, path string, at int) {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	b[at] ^= 0x20
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
}

// Whoever cuts lines and checkpoints alike leaves a log that proves itself: only a checkpoint kept
// elsewhere tells.
func TestTruncationAgainstARetainedCheckpoint(t *testing.T) {
	dir := signed(t, 15)
	kept := retained(t, dir)
	last := files(t, dir)[2]
	lines(t, last, func(l []string) []string { return l[:3] })
	lines(t, filepath.Join(dir, "checkpoints.log"), func(l []string) []string { return l[:len(l)-1] })
	if rep := verify(t, dir, nil); len(rep.Problems) != 0 {
		t.Fatalf("got %v, want a log that proves itself", rep.Problems)
	}
	got := verify(t, dir, kept).Problems
	want := audit.Problem{What: audit.Truncated, First: 13, Last: 14, Segment: filepath.Base(last), Line: 4}
	if len(got) != 1 {
		t.Fatalf("got %v, want %v", got, want)
	}
	if got[0].Detail = ""; got[0] != want {
		t.Errorf("got %+v, want %+v", got[0], want)
	}
}

func TestACheckpointCutFromTheHistory(t *testing.T) {
	dir := signed(t, 15)
	kept := retained(t, dir)
	lines(t, filepath.Join(dir, "checkpoints.log"), func(l []string) []string { return l[:len(l)-1] })
	got := verify(t, dir, kept).Problems
	if len(got) != 1 || got[0].What != audit.BadHistory {
		t.Errorf("got %v, want the missing checkpoint", got)
	}
}

// A log of another past, signed with the same key, is another log.
func TestARetainedCheckpointOfAnotherPast(t *testing.T) {
	dir, other := signed(t, 15), signed(t, 15)
	got := verify(t, dir, retained(t, other)).Problems
	if len(got) != 1 || got[0].What != audit.Rewritten {
		t.Errorf("got %v, want a log that was rewritten", got)
	}
}

func TestKeyThatDidNotSign(t *testing.T) {
	dir := signed(t, 5)
	other, err := audit.NewSigner("qkms.test/log", [32]byte{9})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := audit.Verify(dir, other.VerifierKey(), retained(t, dir)); err == nil {
		t.Error("got no error for a retained checkpoint of another key")
	}
	rep, err := audit.Verify(dir, other.VerifierKey(), nil)
	if err != nil || len(rep.Problems) == 0 || rep.Checkpoints != 0 {
		t.Errorf("got %+v, %v, want no checkpoint that holds", rep, err)
	}
	if _, err := audit.Verify(dir, "nonsense", nil); err == nil {
		t.Error("got no error for a key that is none")
	}
}

// Whole segments are moved away, with their hashes or without: the rest is still proven to the end.
func TestArchivedSegments(t *testing.T) {
	for name, patterns := range map[string][]string{
		"segments":            {"audit-*.jsonl"},
		"segments and hashes": {"audit-*.jsonl", "audit-*.hashes"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := signed(t, 23)
			kept := retained(t, dir)
			for _, pattern := range patterns {
				paths, err := filepath.Glob(filepath.Join(dir, pattern))
				if err != nil {
					t.Fatal(err)
				}
				for _, path := range paths[:2] {
					if err := os.Remove(path); err != nil {
						t.Fatal(err)
					}
				}
			}
			rep := verify(t, dir, kept)
			if len(rep.Problems) > 0 || rep.Unread != 10 || rep.Records != 13 {
				t.Errorf("got %+v, want 13 records, the first 10 unread", rep)
			}
			open(t, dir, audit.Config{Signer: testSigner(t)}).Close()
			lines(t, files(t, dir)[0], func(l []string) []string { return slices.Delete(l, 0, 1) })
			if got := verify(t, dir, nil).Problems; len(got) != 1 || got[0].First != 10 || got[0].Line != 1 {
				t.Errorf("got %v, want record 10 to be missing", got)
			}
		})
	}
}

// A log is verified while it grows, between any two writes.
func TestVerifyWhileWritten(t *testing.T) {
	dir := t.TempDir()
	l := open(t, dir, audit.Config{Signer: testSigner(t), SegmentBytes: 4000, SignRecords: 7, SignEvery: time.Millisecond})
	done := make(chan struct{})
	go func() {
		defer close(done)
		for i := range 400 {
			if err := l.Append(record(fmt.Sprint(i % 10))); err != nil {
				t.Error(err)
			}
		}
	}()
	if err := l.Append(record("0")); err != nil {
		t.Fatal(err)
	}
	if err := l.Sign(); err != nil {
		t.Fatal(err)
	}
	for running := true; running; {
		select {
		case <-done:
			running = false
		default:
		}
		if rep := verify(t, dir, nil); len(rep.Problems) > 0 {
			t.Fatalf("got %v", rep.Problems)
		}
	}
	l.Close()
	if rep := verify(t, dir, nil); len(rep.Problems) > 0 || rep.Newest.Size != 401 {
		t.Errorf("got %+v, want 401 records signed", rep)
	}
}

// What Open finds beyond the last checkpoint may be torn; below it nothing may.
func TestOpenComparesWithTheLastCheckpoint(t *testing.T) {
	last := func(t testing.TB, dir string) string { f := files(t, dir); return f[len(f)-1] }
	for name, spoil := range map[string]func(testing.TB, string){
		"a record altered": func(t testing.TB, dir string) {
			lines(t, last(t, dir), func(l []string) []string { l[1] = strings.Replace(l[1], "alias", "salia", 1); return l })
		},
		"the end cut off": func(t testing.TB, dir string) {
			lines(t, last(t, dir), func(l []string) []string { return l[:1] })
		},
		"the last record torn": func(t testing.TB, dir string) {
			b, err := os.ReadFile(last(t, dir))
			if err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(last(t, dir), b[:len(b)-5], 0o600); err != nil {
				t.Fatal(err)
			}
		},
		"the last segment removed": func(t testing.TB, dir string) { os.Remove(last(t, dir)) },
		"a checkpoint altered": func(t testing.TB, dir string) {
			lines(t, filepath.Join(dir, "checkpoints.log"), func(l []string) []string {
				l[len(l)-1] = strings.Replace(l[len(l)-1], "test/log", "test/lag", 1)
				return l
			})
		},
		"another key": func(t testing.TB, dir string) { flipByte(t, filepath.Join(dir, "verifier-key"), 3) },
	} {
		t.Run(name, func(t *testing.T) {
			dir := signed(t, 13)
			spoil(t, dir)
			before := contents(t, dir)
			_, err := audit.Open(dir, audit.Config{Signer: testSigner(t), Logger: quiet})
			if !errors.Is(err, audit.ErrTampered) {
				t.Fatalf("got error %v, want ErrTampered", err)
			}
			t.Log(err)
			if !maps.Equal(contents(t, dir), before) {
				t.Error("the evidence was changed")
			}
		})
	}
}

func contents(t testing.TB, dir string) map[string]string {
	t.Helper()
	all := map[string]string{}
	paths, err := filepath.Glob(filepath.Join(dir, "*"))
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range paths {
		b, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		all[filepath.Base(path)] = string(b)
	}
	return all
}

// What stands behind the last checkpoint and is damaged is kept, told, and signed as what it is.
func TestDamageBehindTheLastCheckpoint(t *testing.T) {
	dir := signed(t, 8)
	l := open(t, dir, audit.Config{})
	appendAll(t, l, "8", "9", "0")
	l.Close()
	lines(t, files(t, dir)[1], func(l []string) []string { l[len(l)-2] = "{}"; return l })
	l = open(t, dir, audit.Config{Signer: testSigner(t)})
	appendAll(t, l, "1")
	l.Close()
	got := verify(t, dir, nil)
	if len(got.Problems) != 1 || got.Problems[0].First != 9 || got.Newest.Size != 12 {
		t.Errorf("got %+v, want record 9 to be lost and the rest signed", got)
	}
}

// A log from before there were checkpoints gets its tree at the next start.
func TestALogWithoutATreeGetsOne(t *testing.T) {
	dir := t.TempDir()
	l := open(t, dir, audit.Config{SegmentBytes: 1000})
	appendAll(t, l, "a", "b", "c", "d", "e")
	l.Close()
	open(t, dir, audit.Config{Signer: testSigner(t)}).Close()
	if rep := verify(t, dir, nil); len(rep.Problems) > 0 || rep.Newest.Size != 5 {
		t.Errorf("got %+v, want 5 records signed", rep)
	}
}

// A checkpoint that was never finished is made again.
func TestTornHistory(t *testing.T) {
	dir := signed(t, 13)
	addTo(t, filepath.Join(dir, "checkpoints.log"), `{"size":14,"si`)
	l := open(t, dir, audit.Config{Signer: testSigner(t)})
	appendAll(t, l, "a")
	l.Close()
	if rep := verify(t, dir, nil); len(rep.Problems) > 0 || rep.Newest.Size != 14 {
		t.Errorf("got %+v, want 14 records signed", rep)
	}
}

// Whatever stands where no checkpoint has been yet, a log that opens can be signed and goes on proving
// itself: damage is told, and nothing after it is.
func FuzzSignedOpen(f *testing.F) {
	for _, s := range []string{
		"", "\n", "{\"seq\":0,\"a\":1}\n{\"seq\":1,\"a", "{\"seq\":0,\"a\":1}\n{\"seq\":2,\"a\":1}\n", "{\"seq\":\n", "{\"seq\":9223372036854775807,\"}\n",
		"{\"seq\":1,\"a\":1}\n{\"seq\":0,\"a\":1}\n", "\x00\n{\"seq\":-1,\"}\n", "{\"seq\":20,\"a\":1234567890}\n{\"seq\":21,\"a\":1234567890}\n",
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, segment []byte) {
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, "audit-00000000000000000000.jsonl"), segment, 0o600); err != nil {
			t.Fatal(err)
		}
		l, err := audit.Open(dir, audit.Config{Signer: testSigner(t), Logger: quiet, FlushEvery: time.Hour})
		if err != nil {
			if !errors.Is(err, audit.ErrTampered) {
				t.Fatal(err)
			}
			return
		}
		if err := l.Append(record("last")); err != nil {
			t.Fatal(err)
		}
		if err := l.Close(); err != nil {
			t.Fatal(err)
		}
		first := verify(t, dir, nil)
		if first.Newest.Size == 0 || first.Unsigned != 0 {
			t.Fatalf("got %+v, want everything signed", first)
		}
		l = open(t, dir, audit.Config{Signer: testSigner(t), FlushEvery: time.Hour})
		appendAll(t, l, "later")
		l.Close()
		if again := verify(t, dir, retained(t, dir)); len(again.Problems) != len(first.Problems) || again.Newest.Size != first.Newest.Size+1 {
			t.Errorf("got %+v\nafter %+v, want one record more", again, first)
		}
	})
}
