package server_test

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"qkms/internal/kmstest"
)

// Who can send requests must not be able to fill the disk with lines about requests that fail.
func TestFullAuditLogIsNotALinePerRequest(t *testing.T) {
	var said bytes.Buffer
	s := kmstest.With(t, kmstest.Options{AuditSpool: 16 << 10, Log: &said})
	c := s.As(kmstest.Account)
	full := func() bool { return c.Call("GenerateRandom", map[string]any{"NumberOfBytes": 1}).Status == 500 }
	for n := 0; !full(); n++ {
		if n > 1000 {
			t.Fatal("it never fills up")
		}
	}
	for range 50 {
		if !full() {
			t.Fatal("a request was answered without a record")
		}
	}
	s.Clock.Advance(time.Minute)
	full()
	got := said.String()
	if n := strings.Count(got, "audit spool is full"); n != 3 { // the alarm, and the cause in the two lines below
		t.Errorf("got %d lines about the spool, want 3 in\n%s", n, got)
	}
	if n := strings.Count(got, "requests fail because they cannot be recorded"); n != 2 || !strings.Contains(got, "not_said_before=50") {
		t.Errorf("got %d lines, want one a minute that counts the others, in\n%s", n, got)
	}
	if strings.Contains(got, "request failed") {
		t.Errorf("each request has a line in\n%s", got)
	}
}

// Who is refused for want of room tries again. The first time something may have been done, whose record waits in the
// outbox; not each time.
func TestFullAuditLogLetsNothingMoreBeDone(t *testing.T) {
	s := kmstest.With(t, kmstest.Options{AuditSpool: 16 << 10})
	c := s.As(kmstest.Account)
	const tries = 20
	for refused := 0; refused < tries; {
		if c.Call("CreateKey", "{}").Status == 500 {
			refused++
		}
	}
	if got := s.Ledger.Owed(); got > 1 {
		t.Errorf("%d requests to make a key were refused, and %d keys made", tries, got)
	}
}
