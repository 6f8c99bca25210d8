package sink_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"pgregory.net/rapid"

	"qkms/internal/audit"
	"qkms/internal/audit/sink"
)

var quiet = slog.New(slog.DiscardHandler)

func openLog(t testing.TB, dir string, cfg audit.Config) *audit.Log {
	t.Helper()
	cfg.Logger = quiet
	cfg.FlushEvery = time.Millisecond
	l, err := audit.Open(dir, cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return l
}

// add appends n records and returns their event ids.
func add(t testing.TB, l *audit.Log, n int) (ids []string) {
	t.Helper()
	for i := range n {
		r := &audit.Record{Time: time.Unix(1.8e9, 0), EventName: fmt.Sprint("Op", i), Identity: audit.Identity{Type: "Root"}}
		if i%3 == 1 {
			r.ErrorCode = "DisabledException"
		}
		if err := l.Append(r); err != nil {
			t.Fatal(err)
		}
		ids = append(ids, r.EventID)
	}
	return ids
}

func parse(t testing.TB, url string, stdout io.Writer) *sink.Target {
	t.Helper()
	target, err := sink.Parse(url, stdout)
	if err != nil {
		t.Fatal(err)
	}
	return target
}

// start runs sinks that are in a hurry; the function it returns ends them.
func start(t testing.TB, c sink.Config) (*sink.Sinks, func()) {
	t.Helper()
	c.Every, c.Retry, c.Ceiling = time.Millisecond, time.Millisecond, 5*time.Millisecond
	if c.Logger == nil {
		c.Logger = quiet
	}
	s, err := sink.New(c)
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		s.Run(ctx)
		close(done)
	}()
	end := sync.OnceFunc(func() {
		stop()
		<-done
	})
	t.Cleanup(end)
	return s, end
}

// until polls what is asked of the sinks.
func until(t testing.TB, what string, is func() bool) {
	t.Helper()
	limit := time.After(time.Minute)
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for !is() {
		select {
		case <-tick.C:
		case <-limit:
			t.Fatalf("never: %s", what)
		}
	}
}

// drained waits until every sink has everything that was appended.
func drained(t testing.TB, l *audit.Log, s *sink.Sinks) {
	t.Helper()
	if err := l.AppendDurable(&audit.Record{EventName: "Last", Identity: audit.Identity{Type: "Root"}}); err != nil {
		t.Fatal(err)
	}
	until(t, "everything is delivered", func() bool {
		for _, st := range s.Status() {
			if st.Behind > 0 {
				return false
			}
		}
		return true
	})
}

// A receiver is an HTTP server that keeps what it took.
type receiver struct {
	*httptest.Server
	mu     sync.Mutex
	got    []string // event ids, as they came
	bodies [][]byte
	answer func(http.ResponseWriter, *http.Request) bool // whether the batch is taken
}

func receive(t testing.TB, answer func(http.ResponseWriter, *http.Request) bool) *receiver {
	r := &receiver{answer: answer}
	r.Server = httptest.NewServer(r)
	t.Cleanup(r.Close)
	return r
}

func (r *receiver) ServeHTTP(w http.ResponseWriter, hr *http.Request) {
	body, err := io.ReadAll(hr.Body)
	if err != nil {
		return
	}
	if r.answer != nil && !r.answer(w, hr) {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.bodies = append(r.bodies, body)
	r.got = append(r.got, idsOf(body)...)
}

func (r *receiver) ids() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.got)
}

func idsOf(ndjson []byte) (ids []string) {
	for line := range bytes.Lines(ndjson) {
		var e struct{ EventID, EventName string }
		if json.Unmarshal(line, &e) == nil && e.EventName != "Last" {
			ids = append(ids, e.EventID)
		}
	}
	return ids
}

// first is ids without repetitions.
func first(ids []string) (out []string) {
	seen := map[string]bool{}
	for _, id := range ids {
		if !seen[id] {
			out = append(out, id)
		}
		seen[id] = true
	}
	return out
}

func wantIDs(t testing.TB, got, want []string) {
	t.Helper()
	for i := range min(len(got), len(want)) {
		if got[i] != want[i] {
			t.Fatalf("got record %s at place %d, want %s", got[i], i, want[i])
		}
	}
	if len(got) != len(want) {
		t.Fatalf("got %d records, want %d", len(got), len(want))
	}
}

func TestRecordsOfOldSegmentsAndNewOnesArrive(t *testing.T) {
	r := receive(t, nil)
	l := openLog(t, t.TempDir(), audit.Config{SegmentBytes: 2000})
	want := add(t, l, 20)
	s, _ := start(t, sink.Config{Log: l, Targets: []*sink.Target{parse(t, r.URL, nil)}})
	want = append(want, add(t, l, 20)...)
	drained(t, l, s)
	wantIDs(t, r.ids(), want)
}

func TestCursorSurvivesARestart(t *testing.T) {
	dir, r := t.TempDir(), receive(t, nil)
	var want []string
	for range 3 {
		l := openLog(t, dir, audit.Config{SegmentBytes: 3000})
		want = append(want, add(t, l, 10)...)
		s, end := start(t, sink.Config{Log: l, Targets: []*sink.Target{parse(t, r.URL, nil)}})
		drained(t, l, s)
		end()
		l.Close()
	}
	wantIDs(t, r.ids(), want)
}

// Who stops a container wants the last records out.
func TestWhatIsThereAtTheEndIsDelivered(t *testing.T) {
	r := receive(t, nil)
	l := openLog(t, t.TempDir(), audit.Config{})
	s, err := sink.New(sink.Config{Log: l, Logger: quiet, Targets: []*sink.Target{parse(t, r.URL, nil)}})
	if err != nil {
		t.Fatal(err)
	}
	want := add(t, l, 5)
	if err := l.AppendDurable(&audit.Record{EventName: "Last"}); err != nil {
		t.Fatal(err)
	}
	ended, end := context.WithCancel(t.Context())
	end()
	s.Run(ended)
	wantIDs(t, r.ids(), want)
}

func TestCursorOfAnotherLogBeginsAtTheOldestRecord(t *testing.T) {
	dir, r := t.TempDir(), receive(t, nil)
	for _, n := range []int{10, 5, 30} { // shorter than the one before, and longer
		l := openLog(t, dir, audit.Config{})
		want := append(r.ids(), add(t, l, n)...)
		s, end := start(t, sink.Config{Log: l, Targets: []*sink.Target{parse(t, r.URL, nil)}})
		drained(t, l, s)
		end()
		l.Close()
		wantIDs(t, r.ids(), want)
		logs, err := filepath.Glob(filepath.Join(dir, "audit-*"))
		if err != nil {
			t.Fatal(err)
		}
		for _, path := range logs {
			if err := os.Remove(path); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// An append that waited for a receiver would hand the service to whoever can make one hang.
func TestDeadSinksHoldNothingUp(t *testing.T) {
	release := make(chan struct{})
	hangs := receive(t, func(w http.ResponseWriter, hr *http.Request) bool {
		select {
		case <-release:
			return true
		case <-hr.Context().Done():
			return false
		}
	})
	refuses := receive(t, func(w http.ResponseWriter, _ *http.Request) bool {
		select {
		case <-release:
			return true
		default:
			w.WriteHeader(http.StatusInternalServerError)
			return false
		}
	})
	gone := httptest.NewServer(nil)
	gone.Close()
	works := receive(t, nil)
	unread, written := io.Pipe() // a standard output that nobody reads
	defer unread.Close()
	l := openLog(t, t.TempDir(), audit.Config{})
	s, _ := start(t, sink.Config{Log: l, Timeout: 500 * time.Millisecond, Targets: []*sink.Target{
		parse(t, hangs.URL+"/a", nil), parse(t, refuses.URL+"/b", nil), parse(t, gone.URL+"/c", nil), parse(t, "stdout:", written), parse(t, works.URL, nil),
	}})
	want := add(t, l, 500)
	until(t, "the one that works has all, the others an error", func() bool {
		st := s.Status()
		return st[4].Behind == 0 && st[0].LastError != "" && st[1].LastError != "" && st[2].LastError != "" && st[3].LastError != ""
	})
	wantIDs(t, first(works.ids()), want) // at least once: the machine may be slow
	for i, st := range s.Status()[:4] {
		if st.Behind != 500 || st.Bytes == 0 || !st.Oldest.Equal(time.Unix(1.8e9, 0)) || !st.LastSuccess.IsZero() || st.Failures == 0 {
			t.Errorf("sink %d: got %+v, want 500 records behind", i, st)
		}
	}
	if at, ok := s.Delivered(); !ok || at.Next != 0 {
		t.Errorf("got %v delivered to all, want nothing", at)
	}
	close(release)
	until(t, "what hung and refused has all", func() bool {
		st := s.Status()
		return st[0].Behind == 0 && st[1].Behind == 0
	})
	wantIDs(t, first(hangs.ids()), want)
	wantIDs(t, first(refuses.ids()), want)
}

// What a sink has not got is not removed, however old it is.
func TestRetirementWaitsForEverySink(t *testing.T) {
	release := make(chan struct{})
	slow := receive(t, func(w http.ResponseWriter, _ *http.Request) bool {
		select {
		case <-release:
			return true
		default:
			w.WriteHeader(http.StatusServiceUnavailable)
			return false
		}
	})
	fast := receive(t, nil)
	signer, err := audit.NewSigner("qkms.test/log", [32]byte{1})
	if err != nil {
		t.Fatal(err)
	}
	l := openLog(t, t.TempDir(), audit.Config{SegmentBytes: 1, Signer: signer})
	want := add(t, l, 10)
	s, _ := start(t, sink.Config{Log: l, Targets: []*sink.Target{parse(t, slow.URL, nil), parse(t, fast.URL, nil)}})
	until(t, "one has all, the other fails", func() bool {
		st := s.Status()
		return st[0].LastError != "" && st[1].Behind == 0
	})
	if err := l.Sign(); err != nil {
		t.Fatal(err)
	}
	if n, err := l.Retire(time.Unix(2e9, 0), s.Delivered); err != nil || n != 0 {
		t.Fatalf("got %d records retired, %v, want none", n, err)
	}
	close(release)
	drained(t, l, s)
	if err := l.Sign(); err != nil {
		t.Fatal(err)
	}
	if n, err := l.Retire(time.Unix(2e9, 0), s.Delivered); err != nil || n != 10 {
		t.Errorf("got %d records retired, %v, want 10", n, err)
	}
	wantIDs(t, slow.ids()[:10], want) // the record of the retirement comes too
}

// Whatever a receiver and the machine do, what it has taken in the end is the log, in its order.
func TestEveryRecordIsDeliveredInOrder(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		dir, err := os.MkdirTemp(t.TempDir(), "")
		if err != nil {
			rt.Fatal(err)
		}
		moods := rapid.SliceOfN(rapid.SampledFrom([]string{"takes", "500", "429", "413", "302", "hangs", "takes and hangs up"}), 0, 6).Draw(rt, "moods")
		var mu sync.Mutex
		r := receive(t, func(w http.ResponseWriter, hr *http.Request) bool {
			mu.Lock()
			mood := "takes"
			if len(moods) > 0 {
				mood, moods = moods[0], moods[1:]
			}
			mu.Unlock()
			switch mood {
			case "takes":
				return true
			case "hangs":
				<-hr.Context().Done()
				return false
			case "takes and hangs up":
				if conn, _, err := http.NewResponseController(w).Hijack(); err == nil {
					conn.Close()
				}
				return true
			case "302":
				w.Header().Set("Location", "/elsewhere")
			case "429":
				w.Header().Set("Retry-After", "1")
			}
			var code int
			fmt.Sscan(mood, &code)
			w.WriteHeader(code)
			return false
		})
		defer r.Close()
		var want []string
		runs := rapid.IntRange(1, 3).Draw(rt, "runs")
		for i := range runs {
			l := openLog(t, dir, audit.Config{SegmentBytes: int64(rapid.IntRange(1, 4000).Draw(rt, "segment"))})
			s, end := start(t, sink.Config{Log: l, Timeout: 100 * time.Millisecond, Grace: time.Millisecond, Targets: []*sink.Target{parse(t, r.URL, nil)}})
			want = append(want, add(t, l, rapid.IntRange(0, 30).Draw(rt, "records"))...)
			if i == runs-1 {
				drained(t, l, s)
			}
			end()
			l.Close()
		}
		if got := first(r.ids()); !slices.Equal(got, want) {
			rt.Fatalf("got %d records, want %d, or they are not in order", len(got), len(want))
		}
	})
}

func TestOperatorHearsOnceOfAFailureAndOfItsEnd(t *testing.T) {
	fail := make(chan struct{})
	r := receive(t, func(w http.ResponseWriter, _ *http.Request) bool {
		select {
		case <-fail:
			return true
		default:
			w.WriteHeader(http.StatusServiceUnavailable)
			return false
		}
	})
	var said safeBuffer
	l := openLog(t, t.TempDir(), audit.Config{})
	s, end := start(t, sink.Config{Log: l, Logger: slog.New(slog.NewTextHandler(&said, nil)), Targets: []*sink.Target{parse(t, r.URL, nil)}})
	add(t, l, 3)
	until(t, "several failures", func() bool { return s.Status()[0].Failures > 3 })
	close(fail)
	drained(t, l, s)
	end()
	for _, want := range []string{"audit sink fails", "audit sink works again", "the receiver answers 503 Service Unavailable"} {
		if n := strings.Count(said.String(), want); n != 1 {
			t.Errorf("got %q %d times, want once in\n%s", want, n, said.String())
		}
	}
}

// A safeBuffer is written to by several goroutines.
type safeBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (b *safeBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *safeBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}
