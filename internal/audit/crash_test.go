package audit_test

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"slices"
	"sync"
	"syscall"
	"testing"
	"time"

	"qkms/internal/audit"
)

// The test program runs itself again to be killed, or to run out of disk.
func TestMain(m *testing.M) {
	dir := os.Getenv("AUDIT_TEST_DIR")
	switch os.Getenv("AUDIT_TEST_CHILD") {
	case "":
		os.Exit(m.Run())
	case "append":
		appendForEver(dir)
	case "group":
		if err := fillDiskInGroups(dir, os.Stdout); err != nil {
			fmt.Println(err)
			os.Exit(1)
		}
	case "full":
		if err := fillDisk(dir); err != nil {
			fmt.Println(err)
			os.Exit(1)
		}
	}
}

func child(t *testing.T, what, dir string) *exec.Cmd {
	t.Helper()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), exe)
	cmd.Env = append(os.Environ(), "AUDIT_TEST_CHILD="+what, "AUDIT_TEST_DIR="+dir)
	cmd.Stderr = os.Stderr
	return cmd
}

// appendForEver says on stdout which records it was told are safe.
func appendForEver(dir string) {
	signer, err := audit.NewSigner("qkms.test/log", [32]byte{1, 2, 3})
	if err != nil {
		panic(err)
	}
	l, err := audit.Open(dir, audit.Config{SegmentBytes: 4000, Logger: quiet, Signer: signer, SignRecords: 3, SignEvery: time.Millisecond})
	if err != nil {
		panic(err)
	}
	var said sync.Mutex
	for w := range 4 {
		add := l.AppendDurable
		if w == 0 {
			add = l.Append // survives the process too, though not the machine
		}
		go func() {
			for i := 0; ; i++ {
				name := fmt.Sprintf("%d-%d-%d", os.Getpid(), w, i)
				if err := add(record(name)); err != nil {
					panic(err)
				}
				said.Lock()
				fmt.Println(name)
				said.Unlock()
			}
		}()
	}
	select {}
}

func TestKilledProcessLosesNothingItAnswered(t *testing.T) {
	dir := t.TempDir()
	var acknowledged []string
	for round := range 10 {
		acknowledged = append(acknowledged, killAfter(t, dir, 1+17*round)...)
		if rep := verify(t, dir, nil); round > 0 && len(rep.Problems) > 0 {
			t.Fatalf("round %d: killed, the log shows %v", round, rep.Problems)
		}
		open(t, dir, audit.Config{Signer: testSigner(t)}).Close()
		if rep := verify(t, dir, retained(t, dir)); len(rep.Problems) > 0 || rep.Unsigned > 0 {
			t.Fatalf("round %d: got %v and %d records unsigned, want a log that proves itself", round, rep.Problems, rep.Unsigned)
		}
		got := map[string]bool{}
		for _, name := range names(t, dir) {
			got[name] = true
		}
		for _, name := range acknowledged {
			if !got[name] {
				t.Fatalf("round %d: record %s is lost", round, name)
			}
		}
	}
}

// killAfter kills a child once it has acknowledged n records and returns all it acknowledged.
func killAfter(t *testing.T, dir string, n int) (names []string) {
	t.Helper()
	cmd := child(t, "append", dir)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		names = append(names, lines.Text())
		if len(names) == n {
			cmd.Process.Kill()
		}
	}
	if err := cmd.Wait(); err == nil || len(names) < n {
		t.Fatalf("got %d records and error %v, want %d and a kill", len(names), err, n)
	}
	return slices.Clip(names)
}

func TestFullDiskRefusesUntilThereIsRoom(t *testing.T) {
	dir := t.TempDir()
	if out, err := child(t, "full", dir).Output(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	if got := names(t, dir); len(got) < 3 || got[len(got)-1] != "after" {
		t.Errorf("got records %v, want some, then the one after", got)
	}
	if rep := verify(t, dir, retained(t, dir)); len(rep.Problems) > 0 || rep.Unsigned > 0 {
		t.Errorf("got %+v, want a log that proves itself", rep)
	}
}

// fillDisk meets the limit of a file's size, which cuts a write short as a full disk does.
func fillDisk(dir string) error {
	signal.Ignore(syscall.SIGXFSZ)
	signer, err := audit.NewSigner("qkms.test/log", [32]byte{1, 2, 3})
	if err != nil {
		return err
	}
	l, err := audit.Open(dir, audit.Config{Logger: quiet, Signer: signer, SignEvery: time.Hour})
	if err != nil {
		return err
	}
	var free syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_FSIZE, &free); err != nil {
		return err
	}
	full := free
	full.Cur = 5000
	if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &full); err != nil {
		return err
	}
	for err = nil; err == nil; {
		err = l.Append(record("before"))
	}
	if !errors.Is(err, syscall.EFBIG) {
		return fmt.Errorf("got error %v, want EFBIG", err)
	}
	for range 3 {
		if err := l.AppendDurable(record("lost")); !errors.Is(err, syscall.EFBIG) {
			return fmt.Errorf("got error %v, want EFBIG", err)
		}
		if n := damage(dir); n != 0 {
			return fmt.Errorf("got %d damaged lines, want none", n)
		}
	}
	if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &free); err != nil {
		return err
	}
	return errors.Join(l.AppendDurable(record("after")), l.Close())
}
