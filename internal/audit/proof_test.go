package audit_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"

	"qkms/internal/audit"
)

// A proof as somebody reads it who has docs/formats/audit-checkpoint.md, the verifier key and x/mod.
type proof struct {
	fields map[string]string
	hashes []tlog.Hash
	origin string
	size   int64
	root   tlog.Hash
}

func readProof(t *testing.T, text string) (p proof) {
	t.Helper()
	head, signed, _ := strings.Cut(text, "\n\n")
	p.fields = map[string]string{}
	for line := range strings.SplitSeq(head, "\n") {
		name, value, _ := strings.Cut(line, " ")
		if name != "hash" {
			p.fields[name] = value
			continue
		}
		h, err := tlog.ParseHash(value)
		if err != nil {
			t.Fatal(err)
		}
		p.hashes = append(p.hashes, h)
	}
	verifier, err := note.NewVerifier(testSigner(t).VerifierKey())
	if err != nil {
		t.Fatal(err)
	}
	n, err := note.Open([]byte(signed), note.VerifierList(verifier))
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(n.Text, "\n")
	p.origin = lines[0]
	if p.size, err = strconv.ParseInt(lines[1], 10, 64); err != nil {
		t.Fatal(err)
	}
	if p.root, err = tlog.ParseHash(lines[2]); err != nil {
		t.Fatal(err)
	}
	return p
}

func prover(t *testing.T, dir string) *audit.Prover {
	t.Helper()
	p, err := audit.NewProver(dir, testSigner(t).VerifierKey())
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func idOf(t testing.TB, line []byte) string {
	t.Helper()
	var rec struct{ EventID string }
	if err := json.Unmarshal(line, &rec); err != nil {
		t.Fatal(err)
	}
	return rec.EventID
}

func checkInclusion(t *testing.T, dir string, e audit.Entry) {
	t.Helper()
	text, err := prover(t, dir).Inclusion(idOf(t, e.Line))
	if err != nil {
		t.Fatal(err)
	}
	p := readProof(t, text)
	if p.fields["record"] != string(e.Line) || p.fields["index"] != fmt.Sprint(e.Seq) || p.origin != "qkms.test/log" {
		t.Errorf("got a proof of %v, want one of %s", p, e.Line)
	}
	if err := tlog.CheckRecord(tlog.RecordProof(p.hashes), p.size, p.root, int64(e.Seq), tlog.RecordHash(e.Line)); err != nil {
		t.Errorf("record %d: %v", e.Seq, err)
	}
	if err := tlog.CheckRecord(tlog.RecordProof(p.hashes), p.size, p.root, int64(e.Seq), tlog.RecordHash(append(bytes.Clone(e.Line), 'x'))); err == nil {
		t.Errorf("record %d: the proof holds for another record", e.Seq)
	}
}

// Every record is proven, with all segments there, with the first ones moved away, and without hashes.
func TestInclusionIsProvenToAnybody(t *testing.T) {
	dir := signed(t, 23)
	paths := files(t, dir)
	for _, gone := range [][]string{nil, paths[:2], {filepath.Join(dir, "audit-00000000000000000000.hashes"), filepath.Join(dir, "audit-00000000000000000015.hashes")}} {
		for _, path := range gone {
			if err := os.Remove(path); err != nil {
				t.Fatal(err)
			}
		}
		n := 0
		for e, err := range audit.Scan(dir) {
			if err != nil {
				t.Fatal(err)
			}
			checkInclusion(t, dir, e)
			n++
		}
		if n < 13 {
			t.Errorf("got %d records, want the rest of 23", n)
		}
	}
}

func TestConsistencyIsProvenToAnybody(t *testing.T) {
	dir := signed(t, 23)
	sizes := []uint64{3, 5, 8, 10, 13, 15, 18, 20, 23}
	for i, path := range files(t, dir) {
		for j, old := range sizes {
			for _, next := range sizes[j:] {
				checkConsistency(t, dir, old, next)
			}
		}
		if i < 4 { // then again without it
			if err := os.Remove(path); err != nil {
				t.Fatal(err)
			}
			if err := os.Remove(strings.TrimSuffix(path, "jsonl") + "hashes"); err != nil {
				t.Fatal(err)
			}
		}
	}
	if _, err := prover(t, dir).Consistency(4, 23); err == nil {
		t.Error("got a proof from a checkpoint that never was")
	}
}

func checkConsistency(t *testing.T, dir string, old, next uint64) {
	t.Helper()
	text, err := prover(t, dir).Consistency(old, next)
	if err != nil {
		t.Fatal(err)
	}
	p := readProof(t, text)
	size, hash, _ := strings.Cut(p.fields["old"], " ")
	root, err := tlog.ParseHash(hash)
	if err != nil || size != fmt.Sprint(old) || p.size != int64(next) {
		t.Fatalf("got a proof from %s to %d, %v, want from %d to %d", size, p.size, err, old, next)
	}
	if err := tlog.CheckTree(tlog.TreeProof(p.hashes), p.size, p.root, int64(old), root); err != nil {
		t.Errorf("from %d to %d: %v", old, next, err)
	}
}

func TestNoProofOfWhatIsNotSo(t *testing.T) {
	dir := signed(t, 8)
	var ids []string
	for e := range audit.Scan(dir) {
		ids = append(ids, idOf(t, e.Line))
	}
	if text, err := prover(t, dir).Inclusion("00000000-0000-4000-8000-000000000000"); err == nil {
		t.Errorf("got %s for an event that never was", text)
	}
	lines(t, files(t, dir)[0], func(l []string) []string { l[1] = strings.Replace(l[1], "alias", "salia", 1); return l })
	if text, err := prover(t, dir).Inclusion(ids[1]); err == nil {
		t.Errorf("got %s for a record that was altered", text)
	}
	l := open(t, dir, audit.Config{})
	r := record("late")
	if err := l.AppendDurable(r); err != nil {
		t.Fatal(err)
	}
	if _, err := prover(t, dir).Inclusion(r.EventID); err == nil || !strings.Contains(err.Error(), "no checkpoint covers it yet") {
		t.Errorf("got error %v, want one that says that it is too early", err)
	}
}

func TestQuery(t *testing.T) {
	line := []byte(`{"seq":1,"eventVersion":"1.11","userIdentity":{"type":"Root","arn":"arn:aws:iam::111122223333:root","accountId":"111122223333","accessKeyId":"AKIAEXAMPLE"},"eventTime":"2026-01-02T03:04:05Z","eventName":"Decrypt","errorCode":"AccessDenied","requestParameters":{"keyId":"alias/app"},"eventID":"e-1","resources":[{"ARN":"arn:aws:kms:us-east-1:111122223333:key/1234"}]}`)
	for _, row := range []struct {
		q    audit.Query
		want bool
	}{
		{audit.Query{}, true},
		{audit.Query{Event: "Decrypt"}, true},
		{audit.Query{Event: "e-1"}, true},
		{audit.Query{Event: "Encrypt"}, false},
		{audit.Query{Key: "1234"}, true},
		{audit.Query{Key: "alias/app"}, true},
		{audit.Query{Key: "4321"}, false},
		{audit.Query{Principal: "111122223333"}, true},
		{audit.Query{Principal: "AKIAEXAMPLE"}, true},
		{audit.Query{Principal: "user/x"}, false},
		{audit.Query{Error: "any"}, true},
		{audit.Query{Error: "AccessDenied"}, true},
		{audit.Query{Error: "NotFoundException"}, false},
		{audit.Query{Since: "2026-01-02"}, true},
		{audit.Query{Since: "2026-01-02T03:04:06Z"}, false},
		{audit.Query{Until: "2026-01-02"}, false},
		{audit.Query{Until: "2026-01-03"}, true},
		{audit.Query{Event: "Decrypt", Error: "NotFoundException"}, false},
	} {
		if got := row.q.Match(line); got != row.want {
			t.Errorf("%+v: got %v, want %v", row.q, got, row.want)
		}
	}
	if (audit.Query{}).Match([]byte("{")) {
		t.Error("half a record matches")
	}
}

func TestTail(t *testing.T) {
	dir := signed(t, 12)
	for n, first := range map[int]int{0: 12, 1: 11, 3: 9, 12: 0, 100: 0} {
		got, err := audit.Tail(dir, n)
		if err != nil || len(got) != 12-first {
			t.Fatalf("the last %d: got %d lines, %v, want %d", n, len(got), err, 12-first)
		}
		for i, line := range got {
			if want := fmt.Sprintf(`{"seq":%d,`, first+i); !strings.HasPrefix(string(line), want) {
				t.Errorf("the last %d: got %s, want %s", n, line, want)
			}
		}
	}
}

func TestFollow(t *testing.T) {
	dir := signed(t, 7)
	l := open(t, dir, audit.Config{Signer: testSigner(t), SegmentBytes: 1000})
	next, errStop := 3, fmt.Errorf("enough")
	err := audit.Follow(t.Context(), dir, 3, func(line []byte) error {
		if want := fmt.Sprintf(`{"seq":%d,`, next); !strings.HasPrefix(string(line), want) {
			t.Errorf("got %s, want %s", line, want)
		}
		if next++; next == 20 {
			return errStop
		}
		appendAll(t, l, "more")
		return nil
	})
	if err == nil || !strings.Contains(err.Error(), "enough") {
		t.Errorf("got error %v, want ours", err)
	}
}
