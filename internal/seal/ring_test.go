package seal_test

import (
	"path/filepath"
	"qkms/internal/seal"
	"testing"
	"time"
)

func TestSmoke(t *testing.T) {
	p := filepath.Join(t.TempDir(), "k")
	if err := seal.NewKeyFile(p); err != nil {
		t.Fatal(err)
	}
	r, err := seal.Init(t.Context(), seal.KeyFile(p), time.Now())
	if err != nil {
		t.Fatal(err)
	}
	s := r.Seal(seal.AD{Key: []byte("k")}, []byte("x"))
	r2, err := seal.Open(t.Context(), r.State(), seal.KeyFile(p))
	if err != nil {
		t.Fatal(err)
	}
	got, err := r2.Open(seal.AD{Key: []byte("k")}, s)
	if err != nil || string(got) != "x" {
		t.Fatal(got, err)
	}
}
