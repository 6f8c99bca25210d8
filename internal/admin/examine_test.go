package admin_test

import (
	"testing"

	"qkms/internal/admin"
	"qkms/internal/audit"
	"qkms/internal/kmstest"
)

// examine returns the verdicts by what was looked at.
func examine(t *testing.T, s *kmstest.Server) map[string]admin.Verdict {
	t.Helper()
	verdicts := map[string]admin.Verdict{}
	for what, c := range examined(t, s) {
		verdicts[what] = c.Verdict
	}
	return verdicts
}

func examined(t *testing.T, s *kmstest.Server) map[string]admin.Check {
	t.Helper()
	checks, err := admin.Examine.Perform(t.Context(), host(s), admin.Self(), admin.Nothing{}, nil)
	if err != nil {
		t.Fatal(err)
	}
	byWhat := map[string]admin.Check{}
	for _, c := range checks {
		byWhat[c.What] = c
	}
	return byWhat
}

func TestExamineFindsNothingInAWholeStore(t *testing.T) {
	s := kmstest.New(t)
	sealed(t, s)()
	got := examine(t, s)
	for _, what := range []string{"root key", "KEKs", "database", "records", "audit log", "audit outbox"} {
		if got[what] != admin.Fine {
			t.Errorf("%s: got %q, want %q", what, got[what], admin.Fine)
		}
	}
}

func TestExamineFindsRecordsThatNeverReachedTheLog(t *testing.T) {
	s := kmstest.New(t)
	rec := &audit.Record{EventName: "Test", Time: s.Clock.Now()}
	line := rec.Encode()
	if err := s.Book.Commit(t.Context(), s.Book.Change(), rec.EventID, line); err != nil {
		t.Fatal(err)
	}
	if got := examine(t, s)["audit outbox"]; got != admin.Problem {
		t.Errorf("got %q, want %q", got, admin.Problem)
	}
	s.Restart()
	if got := examine(t, s)["audit outbox"]; got != admin.Fine {
		t.Errorf("restarted: got %q, want %q", got, admin.Fine)
	}
}

func TestExamineNoticesAClockThatWasAhead(t *testing.T) {
	s := kmstest.New(t)
	s.As(kmstest.Account).Must("ListKeys", `{}`)
	s.Clock.Advance(-24 * 60 * 60 * 1e9)
	if got := examine(t, s)["audit log"]; got != admin.Problem {
		t.Errorf("got %q, want %q", got, admin.Problem)
	}
}
