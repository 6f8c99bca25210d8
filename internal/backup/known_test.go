package backup_test

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"qkms/internal/backup"
)

// What is known is kept, over a restart, up to fifty; what was removed is forgotten, and a damaged file is begun anew.
func TestRegister(t *testing.T) {
	dir, now := t.TempDir(), time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)
	if r := backup.NewRegister(dir); !r.LastVerified().IsZero() {
		t.Errorf("nothing was made: got %v", r.LastVerified())
	}
	for i := range 60 {
		var removed []string
		if i == 59 {
			removed = []string{"58"}
		}
		if err := backup.NewRegister(dir).Made(backup.Made{Path: fmt.Sprint(i), SHA256: fmt.Sprint("sum", i)}, removed, now.Add(time.Duration(i)*time.Hour)); err != nil {
			t.Fatal(err)
		}
	}
	r := backup.NewRegister(dir)
	all, err := r.All()
	if err != nil || len(all) != 50 || all[0].Path != "59" || all[1].Path != "57" {
		t.Fatalf("got %d, %v, the newest %+v", len(all), err, all[:2])
	}
	if got, want := r.LastVerified(), now.Add(59*time.Hour); !got.Equal(want) {
		t.Errorf("verified: got %v, want %v", got, want)
	}
	if err := r.Proved("sum40", now.Add(100*time.Hour)); err != nil {
		t.Fatal(err)
	}
	if err := r.Proved("of another deployment", now.Add(200*time.Hour)); err != nil {
		t.Fatal(err)
	}
	if got, want := r.LastVerified(), now.Add(100*time.Hour); !got.Equal(want) {
		t.Errorf("proved: got %v, want %v", got, want)
	}
	if err := os.WriteFile(filepath.Join(dir, "backups.json"), []byte("torn"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := r.All(); err == nil {
		t.Error("a damaged file: got no error")
	}
	if err := r.Made(backup.Made{Path: "again"}, nil, now); err != nil {
		t.Fatal(err)
	}
	if all, err := r.All(); err != nil || len(all) != 1 {
		t.Errorf("got %v, %v, want the new one", all, err)
	}
}
