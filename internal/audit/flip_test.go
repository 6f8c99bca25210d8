//go:build !race

// One goroutine computes for a long time here, so this runs without the race detector (make test-norace).

package audit_test

import (
	"os"
	"path/filepath"
	"testing"

	"qkms/internal/audit"
)

// Any byte changed, anywhere, is found; and what is found names the segment.
func TestAnyFlippedByteIsFound(t *testing.T) {
	dir := t.TempDir()
	l := open(t, dir, audit.Config{Signer: testSigner(t), SegmentBytes: 1000})
	appendAll(t, l, "0", "1", "2")
	l.Close()
	for _, pattern := range []string{"audit-*.jsonl", "audit-*.hashes", "checkpoints.log"} {
		paths, err := filepath.Glob(filepath.Join(dir, pattern))
		if err != nil || len(paths) == 0 {
			t.Fatal(pattern, err)
		}
		for _, path := range paths {
			flipAll(t, dir, path, pattern == "audit-*.jsonl")
		}
	}
}

func flipAll(t *testing.T, dir, path string, inSegment bool) {
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	f, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	put := func(at int, b byte) {
		if _, err := f.WriteAt([]byte{b}, int64(at)); err != nil {
			t.Fatal(err)
		}
	}
	kept := retained(t, dir)
	for at, was := range whole {
		for _, now := range []byte{was ^ 1, '\n'} {
			if now == was || now == '\n' && !inSegment {
				continue
			}
			put(at, now)
			switch rep := verify(t, dir, kept); {
			case len(rep.Problems) == 0:
				t.Fatalf("%s: byte %d, changed to %#x, was not found", filepath.Base(path), at, now)
			case inSegment && rep.Problems[0].Segment != filepath.Base(path):
				t.Fatalf("%s: byte %d: got %v", filepath.Base(path), at, rep.Problems)
			}
		}
		put(at, was)
	}
}
