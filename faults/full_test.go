package faults_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"qkms/faults/program"
)

// TestFullDisk fills a disk under a whole server, with its callers at work, and gives it room again. Until then
// what cannot be stored or recorded is refused, in words that callers retry; what was acknowledged is there, was recorded,
// and is there after a crash; and all goes on by itself.
func TestFullDisk(t *testing.T) {
	binary := program.Build(t)
	const tryAgain, internal = "DependencyTimeoutException", "KMSInternalException"
	for _, row := range []struct {
		name        string
		put         func(m *machine, dir string) (args []string) // of what is on the disk
		use, change string                                       // what becomes of them when it is full
		ready       bool                                         // whether requests should come all the same
	}{
		{"database and audit log", (*machine).wholeServer, internal, internal, false},
		{"audit log", (*machine).auditLog, internal, internal, false},
		{"database", (*machine).database, "", tryAgain, true},
		{"PostgreSQL", (*machine).postgresStore, "", tryAgain, true},
	} {
		t.Run(row.name, func(t *testing.T) {
			m, dir := newMachine(t), t.TempDir()
			s := &service{m: m, binary: binary, args: row.put(m, dir)}
			s.login = program.Init(t, binary, s.args...)
			s.start()
			s.await("", "")
			m.call("Room", 100_000)
			s.await(row.use, row.change)
			s.awaitReady(row.ready)
			m.call("Room", -1)
			s.await("", "")
			s.stop()
			s.check()
			s.awaitReady(true)
			s.process.Kill()
			s.process = program.Serve(t, binary, s.args...)
			s.check()
		})
	}
}

// wholeServer has the data directory on the disk.
func (m *machine) wholeServer(string) []string {
	return []string{"--data", filepath.Join(m.mount, "data")}
}

// auditLog has only the audit log there.
func (m *machine) auditLog(dir string) []string {
	data, audit := filepath.Join(dir, "data"), filepath.Join(m.mount, "audit")
	m.link(data, audit)
	return []string{"--data", data}
}

// database has all but the audit log there.
func (m *machine) database(dir string) []string {
	data := filepath.Join(m.mount, "data")
	m.link(data, filepath.Join(dir, "audit"))
	return []string{"--data", data}
}

// link has the audit log of a data directory elsewhere.
func (m *machine) link(data, audit string) {
	m.Helper()
	for _, dir := range []string{data, audit} {
		if err := os.Mkdir(dir, 0o700); err != nil {
			m.Fatal(err)
		}
	}
	if err := os.Symlink(audit, filepath.Join(data, "audit")); err != nil {
		m.Fatal(err)
	}
}

// postgresStore has the store there, in PostgreSQL.
func (m *machine) postgresStore(dir string) []string {
	m.Helper()
	url := filepath.Join(dir, "url")
	if err := os.WriteFile(url, []byte(m.postgres("fsync=on").URL()), 0o600); err != nil {
		m.Fatal(err)
	}
	return []string{"--data", filepath.Join(dir, "data"), "--store-file", url}
}

// A service is a server with callers that use a key, and others that make keys.
type service struct {
	m       *machine
	binary  string
	args    []string
	login   program.Login
	process *program.Process
	running sync.WaitGroup
	stopped chan struct{}

	mu       sync.Mutex
	keys     []string // that were acknowledged
	requests []string // that were answered with success
	codes    [2]string
	times    [2]int // that the code came in a row
}

const (
	use = iota
	change
)

func (s *service) start() {
	s.m.Helper()
	s.process = program.Serve(s.m, s.binary, s.args...)
	a, err := s.login.Call(s.m.Context(), s.process.URL, "CreateKey", map[string]any{})
	if err != nil || a.Status != 200 {
		s.m.Fatalf("CreateKey: got %v, %v", a, err)
	}
	s.stopped = make(chan struct{})
	s.call(use, "GenerateDataKey", map[string]any{"KeyId": a.KeyID(), "NumberOfBytes": 32})
	s.call(change, "CreateKey", map[string]any{})
	s.m.Cleanup(s.stop)
}

func (s *service) stop() {
	select {
	case <-s.stopped:
	default:
		close(s.stopped)
	}
	s.running.Wait()
}

func (s *service) call(what int, operation string, in map[string]any) {
	s.running.Go(func() {
		for {
			select {
			case <-s.stopped:
				return
			default:
			}
			a, err := s.login.Call(s.m.Context(), s.process.URL, operation, in)
			if err != nil {
				s.m.Errorf("%s: %v", operation, err)
				return
			}
			s.note(what, a)
		}
	})
}

func (s *service) note(what int, a *program.Answer) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.codes[what] != a.Code() {
		s.codes[what], s.times[what] = a.Code(), 0
	}
	s.times[what]++
	if a.Status != 200 {
		if a.Status != 500 {
			s.m.Errorf("got %v", a)
		}
		return
	}
	s.requests = append(s.requests, a.Header.Get("X-Amzn-Requestid"))
	if what == change {
		s.keys = append(s.keys, a.KeyID())
	}
}

// await waits until both kinds of calls end with a code, many times in a row.
func (s *service) await(useCode, changeCode string) {
	s.m.Helper()
	const often = 10
	want := [2]string{useCode, changeCode}
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	deadline := time.After(time.Minute)
	for {
		s.mu.Lock()
		codes, times := s.codes, s.times
		s.mu.Unlock()
		if codes == want && min(times[use], times[change]) >= often {
			return
		}
		select {
		case <-tick.C:
		case <-deadline:
			s.m.Fatalf("got use %q and change %q, %v times, want %q", codes[use], codes[change], times, want)
		}
	}
}

// awaitReady waits until /readyz, which says the same for a second, says so.
func (s *service) awaitReady(want bool) {
	s.m.Helper()
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	deadline := time.After(time.Minute)
	for s.process.Ready(s.m.Context()) != want {
		select {
		case <-tick.C:
		case <-deadline:
			s.m.Fatalf("/readyz does not come to say ready=%v", want)
		}
	}
}

// check looks for all that was acknowledged.
func (s *service) check() {
	s.m.Helper()
	for _, key := range s.keys {
		a, err := s.login.Call(s.m.Context(), s.process.URL, "DescribeKey", map[string]any{"KeyId": key})
		if err != nil || a.Status != 200 {
			s.m.Errorf("key %s: got %v, %v", key, a, err)
		}
	}
	log := s.auditLog()
	recorded := map[string]bool{}
	for line := range strings.Lines(log) {
		_, rest, _ := strings.Cut(line, `"requestID":"`)
		id, _, _ := strings.Cut(rest, `"`)
		recorded[id] = true
	}
	for _, id := range s.requests {
		if !recorded[id] {
			s.m.Errorf("request %s was answered and not recorded", id)
		}
	}
	a, err := s.login.Call(s.m.Context(), s.process.URL, "ListKeys", map[string]any{"Limit": 1000})
	if err != nil || a.Status != 200 {
		s.m.Fatalf("ListKeys: got %v, %v", a, err)
	}
	listed, _ := a.Fields["Keys"].([]any)
	for _, k := range listed {
		key, _ := k.(map[string]any)["KeyId"].(string)
		if !strings.Contains(log, key) {
			s.m.Errorf("key %s was made and not recorded", key)
		}
	}
	if out, err := exec.Command(s.binary, "audit", "verify", "--data", s.args[1]).CombinedOutput(); err != nil {
		s.m.Errorf("qkms audit verify: %v\n%s", err, out)
	}
	if made := len(listed) - 1; made > len(s.keys)+1 { // one is the callers'; one may have been refused and be there
		s.m.Errorf("%d keys were made, %d of them acknowledged: want no more than one that was not", made, len(s.keys))
	}
	s.m.Logf("%d keys and %d requests acknowledged, %d keys", len(s.keys), len(s.requests), len(listed))
}

// auditLog is all of it.
func (s *service) auditLog() string {
	s.m.Helper()
	files, err := filepath.Glob(filepath.Join(s.args[1], "audit", "*.jsonl"))
	if err != nil || len(files) == 0 {
		s.m.Fatalf("audit log: got %v, %v", files, err)
	}
	var all strings.Builder
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			s.m.Fatal(err)
		}
		all.Write(text)
	}
	return all.String()
}
