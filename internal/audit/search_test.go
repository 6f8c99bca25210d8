package audit_test

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/mod/sumdb/tlog"

	"qkms/internal/audit"
)

// A record is found by its number, and proven in one pass, whatever the segment; without hashes there is no proof and no
// wrong one.
func TestLineAndItsProof(t *testing.T) {
	dir, key := signed(t, 23), testSigner(t).VerifierKey()
	for e, err := range audit.Scan(dir) {
		if err != nil {
			t.Fatal(err)
		}
		line, err := audit.Line(dir, e.Seq)
		if err != nil || !bytes.Equal(line, e.Line) {
			t.Fatalf("record %d: got %s, %v, want %s", e.Seq, line, err, e.Line)
		}
		text, err := audit.Inclusion(t.Context(), dir, key, line)
		if err != nil {
			t.Fatalf("record %d: %v", e.Seq, err)
		}
		if want, err := prover(t, dir).Inclusion(idOf(t, e.Line)); err != nil || text != want {
			t.Errorf("record %d: got %s, want what the prover says: %s, %v", e.Seq, text, want, err)
		}
		p := readProof(t, text)
		if err := tlog.CheckRecord(tlog.RecordProof(p.hashes), p.size, p.root, int64(e.Seq), tlog.RecordHash(e.Line)); err != nil {
			t.Errorf("record %d: %v", e.Seq, err)
		}
		altered := bytes.Replace(line, []byte(`"eventName":"`), []byte(`"eventName":"X`), 1)
		if text, err := audit.Inclusion(t.Context(), dir, key, altered); err == nil {
			t.Errorf("record %d: got %s for one that was altered", e.Seq, text)
		}
	}
	if line, err := audit.Line(dir, 23); line != nil || err != nil {
		t.Errorf("a record that is not there yet: got %s, %v", line, err)
	}
	if _, err := audit.Inclusion(t.Context(), dir, key, []byte(`{"seq":23,"eventVersion":"1.11"}`)); !errors.Is(err, audit.ErrUnsigned) {
		t.Errorf("a record after the newest checkpoint: got %v, want ErrUnsigned", err)
	}
	if err := os.Remove(filepath.Join(dir, "audit-00000000000000000000.hashes")); err != nil {
		t.Fatal(err)
	}
	line, _ := audit.Line(dir, 1)
	if text, err := audit.Inclusion(t.Context(), dir, key, line); err == nil {
		t.Errorf("got %s from hashes that are not there", text)
	}
}

// Whatever one go may look at, all of them together find each record once, newest first.
func TestSearchInManyGoes(t *testing.T) {
	dir := t.TempDir()
	l := open(t, dir, audit.Config{SegmentBytes: 600 << 10})
	var want []string
	for i := range 60 {
		r := record(fmt.Sprintf("Op%d", i))
		r.RecipientAccount = []string{"111122223333", "444455556666"}[i%2]
		r.Request = audit.Detail{audit.String("fill", strings.Repeat("x", 90<<10*(i%3)/2))}
		if err := l.Append(r); err != nil {
			t.Fatal(err)
		}
		if i%2 == 0 {
			want = append([]string{fmt.Sprintf("Op%d", i)}, want...)
		}
	}
	for i := range uint64(60) {
		if line, err := audit.Line(dir, i); err != nil || !bytes.HasPrefix(line, fmt.Appendf(nil, `{"seq":%d,`, i)) {
			t.Errorf("record %d: got %.40s, %v", i, line, err)
		}
	}
	addTo(t, files(t, dir)[len(files(t, dir))-1], `{"seq":60,"eventVersion"`) // a write in progress
	for _, s := range []audit.Search{{Most: 1, Bytes: 1 << 30, Text: 1 << 30}, {Most: 50, Bytes: 1, Text: 1 << 30}, {Most: 50, Bytes: 1 << 30, Text: 1}, {Most: 50, Bytes: 300 << 10, Text: 1 << 30}} {
		var got []string
		s.Account = "111122223333"
		for at, more, goes := audit.End, true, 0; more; goes++ {
			f, err := s.Back(dir, at)
			if err != nil || goes > 100 {
				t.Fatalf("%+v: %v after %d goes", s, err, goes)
			}
			for _, line := range f.Lines {
				_, name, _ := bytes.Cut(line, []byte(`"eventName":"`))
				name, _, _ = bytes.Cut(name, []byte(`"`))
				got = append(got, string(name))
			}
			at, more = f.Next, f.More
		}
		if fmt.Sprint(got) != fmt.Sprint(want) {
			t.Errorf("%+v: got %v, want %v", s, got, want)
		}
	}
}
