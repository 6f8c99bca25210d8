package backup_test

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"syscall"
	"testing"

	"qkms/internal/backup"
	"qkms/internal/kmstest"
	"qkms/internal/node"
	"qkms/internal/seal"
)

// TestMain lets the test binary be the other process of a test: one that makes backups until it is killed,
// or one whose files cannot grow.
func TestMain(m *testing.M) {
	data, out := os.Getenv("QKMS_TEST_DATA"), os.Getenv("QKMS_TEST_OUT")
	switch os.Getenv("QKMS_TEST_CHILD") {
	case "":
		os.Exit(m.Run())
	case "for ever":
		os.Exit(childOf(data, func(ctx context.Context, src backup.Source) error {
			for i := 0; ; i++ {
				if _, err := backup.Create(ctx, src, filepath.Join(out, fmt.Sprint(i, ".backup")), nil); err != nil {
					return err
				}
				fmt.Println(i)
			}
		}))
	case "full":
		os.Exit(childOf(data, func(ctx context.Context, src backup.Source) error {
			signal.Ignore(syscall.SIGXFSZ) // writes fail with EFBIG, as with ENOSPC on a full disk
			if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &syscall.Rlimit{Cur: 3000, Max: 3000}); err != nil {
				return err
			}
			_, err := backup.Create(ctx, src, filepath.Join(out, "x.backup"), nil)
			fmt.Println(err)
			return err
		}))
	}
	os.Exit(2)
}

func childOf(dir string, do func(context.Context, backup.Source) error) int {
	ctx := context.Background()
	n, err := node.Open(ctx, node.Config{Dir: dir, Unseal: []seal.Source{seal.KeyFile(filepath.Join(dir, "root.key"))}})
	if err == nil {
		err = do(ctx, backup.Source{Book: n.Book, Audit: n.Audit, Now: n.Now})
	}
	fmt.Fprintln(os.Stderr, err)
	return 1
}

func child(t *testing.T, role, data, out string) *exec.Cmd {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), "QKMS_TEST_CHILD="+role, "QKMS_TEST_DATA="+data, "QKMS_TEST_OUT="+out)
	return cmd
}

// initialised is a data directory with some keys in it, which nobody has open.
func initialised(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	file := filepath.Join(dir, "root.key")
	if err := seal.NewKeyFile(file); err != nil {
		t.Fatal(err)
	}
	if err := node.Init(t.Context(), node.Config{Dir: dir}, seal.KeyFile(file)); err != nil {
		t.Fatal(err)
	}
	return dir
}

func TestKilledLeavesNothingUnderAName(t *testing.T) {
	data, out := initialised(t), t.TempDir()
	cmd := child(t, "for ever", data, out)
	pipe, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	for lines := bufio.NewScanner(pipe); lines.Scan() && lines.Text() != "4"; { // it is at work on the next one
	}
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait() // killed
	terms := backup.Terms{Open: func(state []byte) (*seal.Ring, error) {
		return seal.Open(context.Background(), state, seal.KeyFile(filepath.Join(data, "root.key")))
	}}
	named, err := filepath.Glob(filepath.Join(out, "*.backup"))
	if err != nil || len(named) < 5 {
		t.Fatalf("got %q, %v, want five backups or more", named, err)
	}
	for _, path := range named {
		if _, err := read(t, path, terms); err != nil {
			t.Errorf("what has a name is not whole: %v", err)
		}
	}

	// The next one clears away what was left.
	s := kmstest.With(t, kmstest.Options{Dir: data})
	if _, err := backup.Create(t.Context(), source(s), filepath.Join(out, "after"), nil); err != nil {
		t.Fatal(err)
	}
	if left, err := filepath.Glob(filepath.Join(out, ".qkms-backup-*")); err != nil || len(left) > 0 {
		t.Errorf("got %q, %v, want nothing left", left, err)
	}
}

func TestAFullDiskLeavesNothing(t *testing.T) {
	data, out := initialised(t), t.TempDir()
	said, err := child(t, "full", data, out).Output()
	if err == nil {
		t.Errorf("a backup was made in 3000 bytes: %s", said)
	}
	if left, err := os.ReadDir(out); err != nil || len(left) > 0 {
		t.Errorf("got %v, %v, want nothing left", left, err)
	}
	if len(said) < 10 {
		t.Errorf("got %q, want the reason", said)
	}
}
