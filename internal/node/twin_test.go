package node_test

import (
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"qkms/internal/kmstest"
	"qkms/internal/store/postgres/pgtest"
)

// told is a log that says when it has a word.
type told struct {
	word string
	once sync.Once
	said chan struct{}
}

func (w *told) Write(line []byte) (int, error) {
	if strings.Contains(string(line), w.word) {
		w.once.Do(func() { close(w.said) })
	}
	return len(line), nil
}

// A data directory that was copied for a second node is found out.
func TestCopiedDataDirectoryIsFoundOut(t *testing.T) {
	log := &told{word: "is a copy", said: make(chan struct{})}
	url, copied := pgtest.URL(t), filepath.Join(t.TempDir(), "copied")
	a := kmstest.With(t, kmstest.Options{Store: url, Log: log})
	if err := os.CopyFS(copied, os.DirFS(a.Dir())); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(filepath.Join(copied, "root.key"), 0o600); err != nil {
		t.Fatal(err)
	}
	kmstest.With(t, kmstest.Options{Store: url, Dir: copied, Log: log})
	<-log.said
}
