package admin_test

import (
	"bytes"
	"log/slog"
	"strings"
	"testing"
	"time"

	"qkms/internal/admin"
	"qkms/internal/coherence"
	"qkms/internal/kmstest"
	"qkms/internal/node"
	"qkms/internal/store"
	"qkms/internal/store/postgres"
	"qkms/internal/store/postgres/pgtest"
)

func wantCheck(t *testing.T, checks map[string]admin.Check, what string, verdict admin.Verdict, says string) {
	t.Helper()
	if got := checks[what]; got.Verdict != verdict || !strings.Contains(got.Text, says) {
		t.Errorf("%s: got %q %q, want %q %q", what, got.Verdict, got.Text, verdict, says)
	}
}

// The bound is claimed while commits wait for the standby, and no longer.
func TestExamineSaysWhatTheBoundRestsOn(t *testing.T) {
	pair := pgtest.NewPair(t, nil, "fsync=on", "full_page_writes=on")
	s := kmstest.With(t, kmstest.Options{Store: pair.URL(), Bound: 20 * time.Second})
	s.Join()
	checks := examined(t, s)
	wantCheck(t, checks, "database", admin.Fine, "the change log is complete")
	wantCheck(t, checks, "staleness bound", admin.Fine, "20s in force: commits wait for standby")
	wantCheck(t, checks, "nodes", admin.Fine, "2 at work")
	wantStart(t, s, postgres.Sync, "", "staleness bound in force")
	pair.Asynchronous(t)
	wantStart(t, s, postgres.Sync, "--store-replication=sync is not what the database does: synchronous_standby_names is empty", "")
	wantStart(t, s, postgres.Unsaid, "", "no staleness bound can be promised")
	wantCheck(t, examined(t, s), "staleness bound", admin.Problem,
		"none can be promised: synchronous_standby_names is empty, with a standby (standby) connected that commits do not wait for: acknowledged revocations can be lost at failover")
}

// wantStart checks what a node over the store of s says when it begins to serve.
func wantStart(t *testing.T, s *kmstest.Server, said postgres.Replication, refusal, says string) {
	t.Helper()
	var log bytes.Buffer
	n := &node.Node{Config: node.Config{Replication: said, Logger: slog.New(slog.NewTextHandler(&log, nil))}, Engine: s.Engine, Lease: s.Lease}
	err := n.CheckPromise(t.Context())
	if (err == nil) != (refusal == "") || err != nil && !strings.Contains(err.Error(), refusal) || !strings.Contains(log.String(), says) {
		t.Errorf("got error %v, log %q, want %q, %q", err, log.String(), refusal, says)
	}
}

func TestExamineOfOneFileSpeaksOfNoBound(t *testing.T) {
	t.Setenv("QKMS_TEST_STORE", "")
	s := kmstest.New(t)
	checks := examined(t, s)
	wantCheck(t, checks, "database", admin.Fine, "integrity_check passed")
	for _, what := range []string{"staleness bound", "nodes"} {
		if got, is := checks[what]; is {
			t.Errorf("got %v, want no check %s", got, what)
		}
	}
}

func TestNodesAreToAgree(t *testing.T) {
	says := func(id string, beat uint64, info string) store.Node {
		return store.Node{ID: id, Beat: beat, Info: info}
	}
	with := func(bound time.Duration) string { return coherence.Info{Host: "h", Bound: bound}.String() }
	for name, row := range map[string]struct {
		before, now []store.Node
		verdict     admin.Verdict
		says        string
	}{
		"alone": {nil, []store.Node{says("self", 1, with(45*time.Second))}, admin.Fine, "1 at work (self h 45s, this one)"},
		"two that agree": {
			[]store.Node{says("a", 1, with(45*time.Second)), says("self", 5, with(45*time.Second))},
			[]store.Node{says("a", 2, with(45*time.Second)), says("self", 5, with(45*time.Second))}, admin.Fine, "2 at work (a h 45s; self h 45s, this one)",
		},
		"one that came meanwhile": {
			nil, []store.Node{says("a", 1, with(45*time.Second))}, admin.Fine, "1 at work",
		},
		"one that is silent": {
			[]store.Node{says("a", 1, with(9*time.Second)), says("self", 5, with(45*time.Second))},
			[]store.Node{says("a", 1, with(9*time.Second)), says("self", 6, with(45*time.Second))}, admin.Notice, "1 silent for 2s (a h 9s)",
		},
		"two that do not agree": {
			[]store.Node{says("a", 1, with(9*time.Second)), says("self", 5, with(45*time.Second))},
			[]store.Node{says("a", 2, with(9*time.Second)), says("self", 6, with(45*time.Second))}, admin.Problem, "Give all the same --staleness-bound",
		},
		"one that says nothing": {
			[]store.Node{says("abcdefghi", 1, "")}, []store.Node{says("abcdefghi", 2, "")}, admin.Fine, "(abcdef which says nothing of itself)",
		},
	} {
		wantCheck(t, map[string]admin.Check{name: admin.JudgeNodes(row.before, row.now, "self")}, name, row.verdict, row.says)
	}
}
