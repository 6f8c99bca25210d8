package audit_test

import (
	"errors"
	"testing"

	"qkms/internal/audit"
)

// Half a pair would let an answer leave that the owner of the key has no record of.
func TestCopiesAreWrittenTogetherOrNotAtAll(t *testing.T) {
	one := int64(len(record("a").Encode())) + 16
	for name, row := range map[string]struct {
		room int64
		want []string
	}{
		"room for both": {3 * one, []string{"a", "b"}},
		"room for one":  {one + one/2, nil},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			l := open(t, dir, audit.Config{SpoolBytes: row.room})
			err := l.Append(record("a"), record("b"))
			if full := errors.Is(err, audit.ErrFull); full != (row.want == nil) {
				t.Errorf("got error %v", err)
			}
			wantNames(t, dir, row.want...)
		})
	}
}

func TestCopiesAreSignedAsRecordsOfTheirOwn(t *testing.T) {
	dir := t.TempDir()
	l := open(t, dir, audit.Config{Signer: testSigner(t)})
	if err := l.AppendDurable(record("a"), record("b"), record("c")); err != nil {
		t.Fatal(err)
	}
	if err := l.Sign(); err != nil {
		t.Fatal(err)
	}
	rep, err := audit.Verify(dir, l.VerifierKey(), nil)
	if err != nil || len(rep.Problems) > 0 || rep.Newest.Size != 3 {
		t.Errorf("got %+v, %v, want 3 records signed", rep, err)
	}
}
