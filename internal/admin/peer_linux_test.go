package admin_test

import (
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"qkms/internal/admin"
	"qkms/internal/kmstest"
)

// The kernel says who connected, and it alone: with every permission in the way taken out, another
// user is refused and the refusal is on record. Only root can become another user, so for anybody
// else this shows that they are let in as themselves.
func TestTheKernelSaysWhoAsks(t *testing.T) {
	s := kmstest.New(t)
	open(t, host(s))
	for path, mode := range map[string]os.FileMode{filepath.Dir(s.Dir()): 0o755, s.Dir(): 0o755, admin.Socket(s.Dir()): 0o666} {
		if err := os.Chmod(path, mode); err != nil {
			t.Fatal(err)
		}
	}
	users := map[int]string{os.Geteuid(): ""}
	if os.Geteuid() == 0 {
		users[65534] = "user id 65534 may not administer this server"
	}
	for uid, refusal := range users {
		err := as(t, uid, func() error {
			_, err := admin.Do(t.Context(), place(s.Dir()), admin.ListAccessKeys, admin.InAccount{}, nil)
			return err
		})
		switch {
		case refusal == "" && err != nil:
			t.Errorf("user %d: got %v, want an answer", uid, err)
		case refusal != "" && (err == nil || !strings.Contains(err.Error(), refusal)):
			t.Errorf("user %d: got %v, want %q", uid, err, refusal)
		case refusal != "" && !recorded(s, `"principalId":"uid:65534"`, `"eventName":"ListAccessKeys"`, `"errorCode":"AccessDenied"`):
			t.Errorf("user %d: the refusal left no record", uid)
		}
	}
}

// as calls f on a thread whose effective user is uid.
func as(t *testing.T, uid int, f func() error) error {
	t.Helper()
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	become := func(id int) {
		const keep = ^uintptr(0) // -1: leave the real and the saved one
		if _, _, errno := unix.RawSyscall(unix.SYS_SETRESUID, keep, uintptr(id), keep); errno != 0 {
			t.Fatalf("become user %d: %v", id, errno)
		}
	}
	me := os.Geteuid()
	become(uid)
	defer become(me)
	return f()
}

func recorded(s *kmstest.Server, members ...string) bool {
	for _, e := range s.Records() {
		all := true
		for _, m := range members {
			all = all && strings.Contains(string(e.Line), m)
		}
		if all {
			return true
		}
	}
	return false
}

// An address of a Unix socket is shorter than a path may be.
func TestLongPath(t *testing.T) {
	dir := filepath.Join(t.TempDir(), strings.Repeat("d", 100), strings.Repeat("e", 100))
	if err := os.MkdirAll(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	s := kmstest.New(t)
	h := host(s)
	h.Dir = dir
	open(t, h)
	if alive, err := admin.Running(dir); !alive || err != nil {
		t.Errorf("got %v, %v, want a server", alive, err)
	}
}
