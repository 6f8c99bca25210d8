package audit_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"qkms/internal/audit"
)

var quiet = slog.New(slog.NewTextHandler(io.Discard, nil))

func open(t testing.TB, dir string, cfg audit.Config) *audit.Log {
	t.Helper()
	if cfg.Logger == nil {
		cfg.Logger = quiet
	}
	l, err := audit.Open(dir, cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return l
}

func record(name string) *audit.Record {
	return &audit.Record{
		Time: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC), EventName: name, RequestID: name, Region: "us-east-1",
		Identity: audit.Identity{Type: "Root", AccountID: "111122223333"},
		Request:  audit.Detail{audit.String("keyId", "alias/"+name)},
	}
}

func appendAll(t testing.TB, l *audit.Log, names ...string) {
	t.Helper()
	for _, n := range names {
		if err := l.Append(record(n)); err != nil {
			t.Fatal(err)
		}
	}
}

// names reads the log back, and checks all that must hold of any log on the way.
func names(t testing.TB, dir string) []string {
	t.Helper()
	var got []string
	want := -1
	for e, err := range audit.Scan(dir) {
		if err != nil {
			t.Fatal(err)
		}
		var rec struct {
			Seq       int
			EventName string
			EventID   string
		}
		if err := json.Unmarshal(e.Line, &rec); err != nil {
			t.Fatalf("%s: %v", e.Line, err)
		}
		if want < 0 {
			want = rec.Seq
		}
		if rec.Seq != want || e.Seq != uint64(want) {
			t.Fatalf("got record %d, want %d", rec.Seq, want)
		}
		want++
		got = append(got, rec.EventName)
	}
	return got
}

func damage(dir string) (n int) {
	for _, err := range audit.Scan(dir) {
		if err != nil {
			n++
		}
	}
	return n
}

func wantNames(t testing.TB, dir string, want ...string) {
	t.Helper()
	if got := names(t, dir); !slices.Equal(got, want) {
		t.Errorf("got records %v, want %v", got, want)
	}
}

func files(t testing.TB, dir string) []string {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join(dir, "audit-*.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	return paths
}

func TestRecordsContinueAcrossRestarts(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "audit")
	for i := range 3 {
		l := open(t, dir, audit.Config{})
		appendAll(t, l, fmt.Sprint("a", i))
		if err := l.AppendDurable(record(fmt.Sprint("b", i))); err != nil {
			t.Fatal(err)
		}
		if err := l.Close(); err != nil {
			t.Fatal(err)
		}
	}
	wantNames(t, dir, "a0", "b0", "a1", "b1", "a2", "b2")
	if got := files(t, dir); len(got) != 1 || filepath.Base(got[0]) != "audit-00000000000000000000.jsonl" {
		t.Errorf("got segments %v, want one that begins at 0", got)
	}
}

func TestFilesAreForTheServiceOnly(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "audit")
	open(t, dir, audit.Config{}).Append(record("a"))
	for path, want := range map[string]os.FileMode{dir: 0o700, files(t, dir)[0]: 0o600} {
		if info, err := os.Stat(path); err != nil || info.Mode().Perm() != want {
			t.Errorf("%s: got mode %v, %v, want %v", path, info.Mode().Perm(), err, want)
		}
	}
}

func TestSequenceNumberComesFirst(t *testing.T) {
	dir := t.TempDir()
	appendAll(t, open(t, dir, audit.Config{}), "a", "b")
	b, err := os.ReadFile(files(t, dir)[0])
	if err != nil {
		t.Fatal(err)
	}
	for i, ln := range bytes.Split(bytes.TrimSuffix(b, []byte("\n")), []byte("\n")) {
		if want := fmt.Sprintf(`{"seq":%d,"eventVersion":"1.11",`, i); !strings.HasPrefix(string(ln), want) {
			t.Errorf("got line %s, want it to begin with %s", ln, want)
		}
	}
}

func TestSegmentsAreSealedBySize(t *testing.T) {
	dir := t.TempDir()
	l := open(t, dir, audit.Config{SegmentBytes: 1})
	var want []string
	for i := range 5 {
		want = append(want, fmt.Sprint(i))
		if err := l.AppendDurable(record(want[i])); err != nil {
			t.Fatal(err)
		}
	}
	wantNames(t, dir, want...)
	if got := len(files(t, dir)); got != 5 {
		t.Errorf("got %d segments, want one for each record", got)
	}
	l.Close()
	appendAll(t, open(t, dir, audit.Config{}), "5")
	wantNames(t, dir, append(want, "5")...)
}

func TestSegmentsAreSealedByAge(t *testing.T) {
	dir := t.TempDir()
	now := time.Unix(1e9, 0)
	l := open(t, dir, audit.Config{Now: func() time.Time { return now }})
	appendAll(t, l, "a", "b")
	now = now.Add(5 * time.Minute)
	appendAll(t, l, "c")
	wantNames(t, dir, "a", "b", "c")
	if got := len(files(t, dir)); got != 2 {
		t.Errorf("got %d segments, want 2", got)
	}
}

func TestConcurrentAppends(t *testing.T) {
	dir := t.TempDir()
	l := open(t, dir, audit.Config{SegmentBytes: 20_000})
	var wg sync.WaitGroup
	for w := range 8 {
		wg.Go(func() {
			for i := range 50 {
				add := l.Append
				if i%5 == 0 {
					add = l.AppendDurable
				}
				if err := add(record(fmt.Sprint(w, ".", i))); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	got := names(t, dir)
	slices.Sort(got)
	if got = slices.Compact(got); len(got) != 400 {
		t.Errorf("got %d different records, want 400", len(got))
	}
	if got := len(files(t, dir)); got < 3 {
		t.Errorf("got %d segments, want several", got)
	}
}

func TestOnlyOneProcessWrites(t *testing.T) {
	dir := t.TempDir()
	l := open(t, dir, audit.Config{})
	if _, err := audit.Open(dir, audit.Config{}); err == nil || !strings.Contains(err.Error(), "in use") {
		t.Errorf("got error %v, want one that says the log is in use", err)
	}
	l.Close()
	open(t, dir, audit.Config{})
}

func TestClosedLogRefuses(t *testing.T) {
	l := open(t, t.TempDir(), audit.Config{})
	l.Close()
	for name, add := range map[string]func(*audit.Record, ...*audit.Record) error{"Append": l.Append, "AppendDurable": l.AppendDurable} {
		if err := add(record("a")); !errors.Is(err, os.ErrClosed) {
			t.Errorf("%s: got error %v, want os.ErrClosed", name, err)
		}
	}
	if err := l.Close(); err != nil {
		t.Errorf("second Close: got error %v, want none", err)
	}
}

func TestFullSpoolRefusesUntilThereIsRoom(t *testing.T) {
	dir := t.TempDir()
	now := time.Unix(1e9, 0)
	l := open(t, dir, audit.Config{SegmentBytes: 1, SpoolBytes: 1500, Now: func() time.Time { return now }})
	var err error
	kept := 0
	for ; err == nil && kept < 100; kept++ {
		err = l.AppendDurable(record("a"))
	}
	if !errors.Is(err, audit.ErrFull) {
		t.Fatalf("got error %v, want ErrFull", err)
	}
	kept--
	if err := os.Remove(files(t, dir)[0]); err != nil {
		t.Fatal(err)
	}
	if err := l.Append(record("b")); !errors.Is(err, audit.ErrFull) {
		t.Errorf("within the second: got error %v, want ErrFull from memory", err)
	}
	now = now.Add(time.Second)
	if err := l.Append(record("c")); err != nil {
		t.Fatal(err)
	}
	if got := names(t, dir); len(got) != kept || got[len(got)-1] != "c" {
		t.Errorf("got records %v, want %d, the last of them c", got, kept)
	}
}

// Whoever need not prove anything could otherwise stop the service for those who did.
func TestStrangersCannotFillTheSpool(t *testing.T) {
	dir := t.TempDir()
	l := open(t, dir, audit.Config{SpoolBytes: 8 << 10})
	stranger := record("a")
	stranger.Identity = audit.Identity{AccessKeyID: "AKIAIOSFODNN7EXAMPLE"} // claimed, not proved
	var err error
	for n := 0; err == nil && n < 100; n++ {
		err = l.Append(stranger)
	}
	if !errors.Is(err, audit.ErrFull) {
		t.Fatalf("got error %v, want ErrFull", err)
	}
	sweep := &audit.Record{EventName: "DeleteKey", EventType: audit.TypeServiceEvent, Identity: audit.Identity{InvokedBy: "AWS Internal"}}
	for name, r := range map[string]*audit.Record{"a caller": record("b"), "the service itself": sweep} {
		if err := l.Append(r); err != nil {
			t.Errorf("%s: got error %v, want room", name, err)
		}
	}
}

func TestTornTailIsCutOff(t *testing.T) {
	for name, torn := range map[string]string{
		"half a record":    `{"seq":2,"eventVersion":"1.1`,
		"all but its end":  `{"seq":2,"eventVersion":"1.11"}`,
		"zeros":            string(make([]byte, 4096)),
		"more than a line": strings.Repeat("x", 3<<20),
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			l := open(t, dir, audit.Config{})
			appendAll(t, l, "a", "b")
			l.Close()
			addTo(t, files(t, dir)[0], torn)
			wantNames(t, dir, "a", "b")

			var said bytes.Buffer
			l = open(t, dir, audit.Config{Logger: slog.New(slog.NewTextHandler(&said, nil))})
			if want := fmt.Sprintf("bytes=%d", len(torn)); !strings.Contains(said.String(), want) {
				t.Errorf("got log %q, want %s", &said, want)
			}
			appendAll(t, l, "c")
			wantNames(t, dir, "a", "b", "c")
		})
	}
}

func addTo(t *testing.T, path, text string) {
	t.Helper()
	f, err := os.OpenFile(path, os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := f.WriteString(text); err != nil {
		t.Fatal(err)
	}
}

func TestDamageIsKeptForTheVerifier(t *testing.T) {
	for name, tt := range map[string]struct {
		spoil func(string) string
		next  uint64
	}{
		"a line removed":    {func(s string) string { _, s, _ = strings.Cut(s, "\n"); return s }, 3},
		"a line blanked":    {func(s string) string { return strings.Replace(s, `{"seq":1,`, `         `, 1) }, 3},
		"the last blanked":  {func(s string) string { return strings.Replace(s, `{"seq":2,`, `         `, 1) }, 3},
		"a number changed":  {func(s string) string { return strings.Replace(s, `{"seq":1,`, `{"seq":9,`, 1) }, 3},
		"a line of nothing": {func(s string) string { return s + "\n" }, 4},
		"a bare frame":      {func(s string) string { return s + "{\"seq\":\n" }, 4},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			l := open(t, dir, audit.Config{})
			appendAll(t, l, "a", "b", "c")
			l.Close()
			path := files(t, dir)[0]
			before, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			spoiled := tt.spoil(string(before))
			if err := os.WriteFile(path, []byte(spoiled), 0o600); err != nil {
				t.Fatal(err)
			}
			if damage(dir) == 0 {
				t.Error("Scan found no damage")
			}
			l = open(t, dir, audit.Config{})
			appendAll(t, l, "d")
			if after, err := os.ReadFile(path); err != nil || string(after) != spoiled {
				t.Errorf("the damaged segment was touched: %v", err)
			}
			var last audit.Entry
			for e := range audit.Scan(dir) {
				last = e
			}
			if last.Seq != tt.next || last.Segment == filepath.Base(path) {
				t.Errorf("got record %d in %s, want %d in a new segment", last.Seq, last.Segment, tt.next)
			}
		})
	}
}

func TestMissing(t *testing.T) {
	dir := t.TempDir()
	l := open(t, dir, audit.Config{SegmentBytes: 1})
	const forged = "00000000-0000-4000-8000-000000000000"
	var ids []string
	for range 3 {
		r := record("Encrypt")
		r.Request = audit.Detail{audit.StringMap("encryptionContext", map[string]string{"eventID": forged})}
		if err := l.AppendDurable(r); err != nil {
			t.Fatal(err)
		}
		ids = append(ids, r.EventID)
	}
	got, err := l.Missing(t.Context(), forged, ids[2], "other", ids[0], ids[1])
	if err != nil || !slices.Equal(got, []string{forged, "other"}) {
		t.Errorf("got missing %v, %v, want the two that were never written", got, err)
	}
	for id, want := range map[string]bool{ids[0]: true, forged: false, "": false} {
		if got, err := l.Has(t.Context(), id); err != nil || got != want {
			t.Errorf("Has(%q): got %v, %v, want %v", id, got, err, want)
		}
	}
}

func TestOutboxRecordIsTheSameBytes(t *testing.T) {
	dir := t.TempDir()
	l := open(t, dir, audit.Config{})
	r := record("CreateKey")
	encoded := r.Encode()
	if _, err := l.AppendEncoded(encoded); err != nil {
		t.Fatal(err)
	}
	if err := l.Append(r); err != nil {
		t.Fatal(err)
	}
	for e, err := range audit.Scan(dir) {
		if want := fmt.Sprintf(`{"seq":%d,%s`, e.Seq, encoded[1:]); err != nil || string(e.Line) != want {
			t.Errorf("got %s, %v, want %s", e.Line, err, want)
		}
	}
	if has, err := l.Has(t.Context(), r.EventID); err != nil || !has {
		t.Errorf("got Has %v, %v, want true", has, err)
	}
}

func TestAppendEncodedTakesRecordsOnly(t *testing.T) {
	dir := t.TempDir()
	l := open(t, dir, audit.Config{})
	for _, bad := range []string{"", "{}", "[]", `{"a":1`, "{\"a\":\n1}", "{\"a\":1}\n", `{"a":1}{"b":2}`} {
		if _, err := l.AppendEncoded([]byte(bad)); err == nil {
			t.Errorf("%q was taken", bad)
		}
	}
	if _, err := l.AppendEncoded(fmt.Appendf(nil, `{"a":%q}`, strings.Repeat("x", 1<<20))); err == nil {
		t.Error("a line of more than a MiB was taken")
	}
	appendAll(t, l, "a")
	wantNames(t, dir, "a")
}

// Whatever stands in the last segment, the log opens, and the next record is whole and the last.
func FuzzOpen(f *testing.F) {
	for _, s := range []string{
		"", "\n", "{\"seq\":0,\"a\":1}\n{\"seq\":1,\"a", "{\"seq\":0,\"a\":1}", "{\"seq\":\n", "{\"seq\":9223372036854775807,\"}\n",
		"{\"seq\":18446744073709551615,\"}\n", "\x00\n{\"seq\":-1,\"}\n",
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, segment []byte) {
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, "audit-00000000000000000000.jsonl"), segment, 0o600); err != nil {
			t.Fatal(err)
		}
		l := open(t, dir, audit.Config{FlushEvery: time.Hour})
		r := record("last")
		if err := l.Append(r); err != nil {
			t.Fatal(err)
		}
		var last audit.Entry
		for e := range audit.Scan(dir) {
			last = e
		}
		if want := fmt.Sprintf(`{"seq":%d,%s`, last.Seq, r.Encode()[1:]); string(last.Line) != want {
			t.Errorf("got %q, want %q", last.Line, want)
		}
	})
}
