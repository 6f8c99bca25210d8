package node_test

import (
	"bytes"
	"context"
	"errors"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"qkms/internal/audit"
	"qkms/internal/kmstest"
	"qkms/internal/node"
	"qkms/internal/record"
	"qkms/internal/record/recordpb"
	"qkms/internal/seal"
	"qkms/internal/store"
)

// A process that ended between a commit and the log left the record in the outbox: the next start
// writes it, once.
func TestRecordOfACommitSurvivesTheProcess(t *testing.T) {
	s := kmstest.New(t)
	rec := &audit.Record{EventName: "CreateKey", Time: s.Clock.Now()}
	line := rec.Encode()
	c := s.Book.Change()
	c.Insert(record.OfAlias(kmstest.Account, kmstest.Region, "alias/x"), &recordpb.Alias{Name: "alias/x"})
	if err := s.Book.Commit(context.Background(), c, rec.EventID, line); err != nil {
		t.Fatal(err)
	}
	if got := count(s, rec.EventID); got != 0 {
		t.Fatalf("before the restart: got %d records, want 0", got)
	}
	s.Restart()
	s.Restart()
	if got := count(s, rec.EventID); got != 1 {
		t.Errorf("after two restarts: got %d records, want 1", got)
	}
	left, err := s.Book.Undelivered(context.Background(), time.Time{})
	if err != nil || len(left) != 0 {
		t.Errorf("got %d rows in the outbox, %v, want none", len(left), err)
	}
}

// The same, when the record had reached the log and only its row was left.
func TestRecordInTheLogIsNotWrittenTwice(t *testing.T) {
	s := kmstest.New(t)
	rec := &audit.Record{EventName: "CreateKey", Time: s.Clock.Now()}
	line := rec.Encode()
	c := s.Book.Change()
	c.Insert(record.OfAlias(kmstest.Account, kmstest.Region, "alias/x"), &recordpb.Alias{Name: "alias/x"})
	if err := s.Book.Commit(context.Background(), c, rec.EventID, line); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Audit.AppendEncoded(line); err != nil {
		t.Fatal(err)
	}
	s.Restart()
	if got := count(s, rec.EventID); got != 1 {
		t.Errorf("got %d records, want 1", got)
	}
}

func count(s *kmstest.Server, eventID string) int {
	n := 0
	for _, e := range s.Records() {
		n += bytes.Count(e.Line, []byte(eventID))
	}
	return n
}

func TestSecondProcessIsRefused(t *testing.T) {
	s := kmstest.New(t)
	_, err := node.Open(t.Context(), s.Config)
	if !errors.Is(err, store.ErrLocked) {
		t.Errorf("got %v, want ErrLocked", err)
	}
}

func TestWrongRootKeyIsRefused(t *testing.T) {
	dir := t.TempDir()
	right, wrong := filepath.Join(dir, "right.key"), filepath.Join(dir, "wrong.key")
	for _, path := range []string{right, wrong} {
		if err := seal.NewKeyFile(path); err != nil {
			t.Fatal(err)
		}
	}
	c := node.Config{Dir: filepath.Join(dir, "data")}
	if err := node.Init(t.Context(), c, seal.KeyFile(right)); err != nil {
		t.Fatal(err)
	}
	if err := node.Init(t.Context(), c, seal.KeyFile(wrong)); !errors.Is(err, node.ErrInitialised) {
		t.Errorf("a second Init: got %v, want ErrInitialised", err)
	}
	c.Unseal = []seal.Source{seal.KeyFile(wrong)}
	_, err := node.Open(t.Context(), c)
	if !errors.Is(err, seal.ErrWrongKey) || !strings.Contains(err.Error(), wrong) {
		t.Errorf("got %v, want ErrWrongKey that names the file", err)
	}
	c.Unseal = append(c.Unseal, seal.KeyFile(right))
	n, err := node.Open(t.Context(), c)
	if err != nil {
		t.Fatalf("with the right key as well: %v", err)
	}
	if err := n.Close(); err != nil {
		t.Error(err)
	}
}
