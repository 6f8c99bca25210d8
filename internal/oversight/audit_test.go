package oversight_test

import (
	"encoding/base64"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"

	"qkms/internal/kmstest"
	"qkms/internal/node"
	"qkms/internal/oversight"
)

// A proof holds for whoever reads docs/formats/audit-checkpoint.md §5, and an account proves its own records alone.
func TestProveEvent(t *testing.T) {
	s := with(t)
	root, stranger := s.As(kmstest.Account), s.As(other)
	root.Must("CreateKey", `{}`)
	stranger.Must("GenerateRandom", `{"NumberOfBytes":1}`)
	wantRefusal(t, root, "ProveEvent", "ValidationException", "No checkpoint covers record 0 yet", "Sequence", "0")
	if e := ask[oversight.EventShown](t, root, "GetEvent", "Sequence", "0"); e.EventName != "CreateKey" || e.Signed {
		t.Errorf("record 0: got %s, signed %t, want CreateKey, not signed", e.EventName, e.Signed)
	}
	if err := s.Audit.Sign(); err != nil {
		t.Fatal(err)
	}
	e := ask[oversight.EventShown](t, root, "GetEvent", "Sequence", "0")
	if !e.Signed {
		t.Error("record 0: not signed after a checkpoint")
	}
	got := ask[oversight.EventProof](t, root, "ProveEvent", "Sequence", "0")
	checkProof(t, got, 0, e.Record)
	for _, action := range []string{"GetEvent", "ProveEvent"} {
		wantRefusal(t, root, action, "NotFoundException", "no record 1 of this account", "Sequence", "1")
		wantRefusal(t, root, action, "NotFoundException", "no record 4711 of this account", "Sequence", "4711")
		wantRefusal(t, stranger, action, "NotFoundException", "no record 0 of this account", "Sequence", "0")
		wantRefusal(t, root, action, "ValidationException", "sequence", "Sequence", "-1")
	}
}

func checkProof(t *testing.T, p oversight.EventProof, index int64, record string) {
	t.Helper()
	v, err := note.NewVerifier(p.VerifierKey)
	if err != nil {
		t.Fatal(err)
	}
	head, signed, _ := strings.Cut(p.Proof, "\n\n")
	n, err := note.Open([]byte(signed), note.VerifierList(v))
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(n.Text, "\n")
	size, _ := strconv.ParseInt(lines[1], 10, 64)
	root, _ := base64.StdEncoding.DecodeString(lines[2])
	var proof tlog.RecordProof
	for line := range strings.SplitSeq(head, "\n") {
		if text, is := strings.CutPrefix(line, "hash "); is {
			h, err := tlog.ParseHash(text)
			if err != nil {
				t.Fatal(err)
			}
			proof = append(proof, h)
		}
	}
	if err := tlog.CheckRecord(proof, size, tlog.Hash(root), index, tlog.RecordHash([]byte(record))); err != nil {
		t.Errorf("record %d: %v in %s", index, err, p.Proof)
	}
}

// What is about the whole log is for operators, and for those of them whose policies allow it.
func TestAuditState(t *testing.T) {
	s := with(t)
	root := s.As(kmstest.Account)
	root.Must("CreateKey", `{}`)
	if err := s.Audit.Sign(); err != nil {
		t.Fatal(err)
	}
	got := ask[oversight.AuditState](t, root, "AuditState")
	if got.Records != 1 || got.Signed != 1 || got.Unsigned != 0 || got.Bytes == 0 || got.Limit != 1<<30 || got.SignedAt.IsZero() || got.Newest.IsZero() || got.Verification != nil {
		t.Errorf("got %+v", got)
	}
	for _, action := range []string{"AuditState", "VerifyAudit"} {
		wantRefusal(t, s.As(other), action, "AccessDeniedException", "--operator-account "+other)
		ann := s.NewUser(kmstest.Account, "ann"+action, `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"qkms:Lookup*","Resource":"*"}]}`)
		wantRefusal(t, ann, action, "AccessDeniedException", "qkms:"+action)
	}
}

func TestVerifyAudit(t *testing.T) {
	s := with(t)
	root := s.As(kmstest.Account)
	root.Must("CreateKey", `{"Description":"whole"}`)
	if err := s.Audit.Sign(); err != nil {
		t.Fatal(err)
	}
	if v := ask[oversight.Verification](t, root, "VerifyAudit"); v.Running || v.Found != 0 || v.Records == 0 || v.Checkpoints != 1 {
		t.Errorf("a whole log: got %+v", v)
	}
	segment := filepath.Join(node.AuditDir(s.Dir()), fmt.Sprintf("audit-%020d.jsonl", 0))
	text, err := os.ReadFile(segment)
	if err != nil {
		t.Fatal(err)
	}
	overwrite(t, segment, strings.Replace(string(text), "whole", "wrong", 1))
	v := ask[oversight.Verification](t, root, "VerifyAudit")
	if v.Found != 1 || len(v.Problems) != 1 || !strings.Contains(v.Problems[0], "record 0 is altered") {
		t.Errorf("an altered log: got %+v", v)
	}
	if last := ask[oversight.AuditState](t, root, "AuditState").Verification; last == nil || last.Found != 1 {
		t.Errorf("later: got %+v, want the same", last)
	}
	now, err := os.ReadFile(segment)
	if err != nil {
		t.Fatal(err)
	}
	overwrite(t, segment, strings.Replace(string(now), "wrong", "whole", 1))
}

// overwrite replaces the beginning of a file, where another process has it open.
func overwrite(t *testing.T, path, text string) {
	t.Helper()
	f, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.WriteString(text); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
}
