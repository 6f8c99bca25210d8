package audit_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"qkms/internal/audit"
)

// proofs are one of each kind, of a log of 23 records.
func proofs(t testing.TB) (texts []string) {
	t.Helper()
	dir := signed(t, 23)
	p, err := audit.NewProver(dir, testSigner(t).VerifierKey())
	if err != nil {
		t.Fatal(err)
	}
	for e, err := range audit.Scan(dir) {
		if err != nil {
			t.Fatal(err)
		}
		text, err := p.Inclusion(idOf(t, e.Line))
		if err != nil {
			t.Fatal(err)
		}
		texts = append(texts, text)
	}
	for size := uint64(1); size <= 23; size++ {
		if _, ok := p.Checkpoint(size); ok {
			text, err := p.Consistency(size, 0)
			if err != nil {
				t.Fatal(err)
			}
			texts = append(texts, text)
		}
	}
	return texts
}

// What a Prover proves is found to hold; with any line changed, swapped or gone it is not.
func TestCheckProof(t *testing.T) {
	key := testSigner(t).VerifierKey()
	for _, text := range proofs(t) {
		if _, err := audit.CheckProof([]byte(text), key); err != nil {
			t.Fatalf("%v\n%s", err, text)
		}
		lines := strings.SplitAfter(text, "\n")
		for i := range lines {
			for how, change := range map[string]func([]string) []string{
				"gone":    func(l []string) []string { return append(l[:i:i], l[i+1:]...) },
				"twice":   func(l []string) []string { return append(l[:i+1:i+1], l[i:]...) },
				"changed": func(l []string) []string { return append(append(l[:i:i], change(l[i])), l[i+1:]...) },
			} {
				forged := strings.Join(change(lines), "")
				if forged == text || how == "twice" && strings.HasPrefix(lines[i], "— ") { // the same signature says the same
					continue
				}
				if _, err := audit.CheckProof([]byte(forged), key); err == nil {
					t.Errorf("line %d %s: it holds\n%s", i, how, forged)
				}
			}
		}
	}
}

// change is a line with its last letter another one.
func change(line string) string {
	body := strings.TrimSuffix(line, "\n")
	if body == "" {
		return "x" + line
	}
	last := "x"
	if strings.HasSuffix(body, "x") {
		last = "y"
	}
	return body[:len(body)-1] + last + line[len(body):]
}

// Whatever is brought as a proof proves nothing but records that are in the log. The seeds are files, since every process
// that fuzzes would make a log of its own.
func FuzzCheckProof(f *testing.F) {
	key := testSigner(f).VerifierKey()
	files, err := filepath.Glob("testdata/proofs/*")
	if err != nil || len(files) == 0 {
		f.Fatalf("no proofs: %v", err)
	}
	real := map[string]bool{}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		p, err := audit.CheckProof(text, key)
		if err != nil {
			f.Fatalf("%s: %v", file, err)
		}
		real[string(p.Record)] = true
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		p, err := audit.CheckProof(text, key)
		if err == nil && p.Record != nil && !real[string(p.Record)] {
			t.Errorf("proven: %q", p.Record)
		}
	})
}
