package node_test

import (
	"errors"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"qkms/internal/audit"
	"qkms/internal/kmstest"
	"qkms/internal/node"
	"qkms/internal/seal"
)

// What a real server wrote, bent in each way: verification names the place, and the server does not
// start over it.
func TestTheLogOfARealServerCannotBeBent(t *testing.T) {
	s := kmstest.New(t)
	c := s.As(kmstest.Account)
	key := c.Must("CreateKey", map[string]any{"Description": "audited"}).String("KeyMetadata.KeyId")
	for range 20 {
		c.Must("Encrypt", map[string]any{"KeyId": key, "Plaintext": "aGk="})
	}
	c.Call("Decrypt", map[string]any{"CiphertextBlob": "aGk="})
	if err := s.Audit.Sign(); err != nil {
		t.Fatal(err)
	}
	vkey, dir := s.Audit.VerifierKey(), node.AuditDir(s.Dir())
	const segment = "audit-00000000000000000000.jsonl"
	whole, err := os.ReadFile(filepath.Join(dir, segment))
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.SplitAfter(strings.TrimSuffix(string(whole), "\n"), "\n")
	last := len(lines) - 1
	lines[last] += "\n"
	for name, row := range map[string]struct {
		bend  func([]string) []string
		what  audit.Change
		first uint64
		line  int
	}{
		"edited": {func(l []string) []string {
			l[4] = strings.Replace(l[4], "Encrypt", "Decrypt", 1)
			return l
		}, audit.Altered, 4, 5},
		"deleted":   {func(l []string) []string { return slices.Delete(l, 7, 8) }, audit.Missing, 7, 8},
		"reordered": {func(l []string) []string { l[2], l[3] = l[3], l[2]; return l }, audit.Moved, 2, 4},
		"repeated":  {func(l []string) []string { return slices.Insert(l, 6, l[5]) }, audit.Moved, 5, 7},
		"truncated": {func(l []string) []string { return l[:last-1] }, audit.Missing, uint64(last - 1), last},
	} {
		t.Run(name, func(t *testing.T) {
			copied := t.TempDir()
			if err := os.CopyFS(copied, os.DirFS(s.Dir())); err != nil {
				t.Fatal(err)
			}
			if err := os.Chmod(filepath.Join(copied, "root.key"), 0o600); err != nil {
				t.Fatal(err)
			}
			bent := strings.Join(row.bend(slices.Clone(lines)), "")
			if err := os.WriteFile(filepath.Join(node.AuditDir(copied), segment), []byte(bent), 0o600); err != nil {
				t.Fatal(err)
			}
			rep, err := audit.Verify(node.AuditDir(copied), vkey, nil)
			if err != nil || len(rep.Problems) != 1 {
				t.Fatalf("got %v, %v, want one problem", rep.Problems, err)
			}
			if p := rep.Problems[0]; p.What != row.what || p.First != row.first || p.Segment != segment || p.Line != row.line {
				t.Errorf("got %v, want record %d %s at line %d", p, row.first, row.what, row.line)
			}
			if row.what == audit.Moved {
				return // every record is there: the tree is the one that was signed, and the server goes on in another segment
			}
			_, err = node.Open(t.Context(), node.Config{
				Dir: copied, Unseal: []seal.Source{seal.KeyFile(filepath.Join(copied, "root.key"))}, Logger: slog.New(slog.NewTextHandler(io.Discard, nil)),
			})
			if !errors.Is(err, audit.ErrTampered) {
				t.Errorf("the server starts: %v", err)
			}
		})
	}
}
