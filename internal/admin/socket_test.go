package admin_test

import (
	"context"
	"errors"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"qkms/internal/admin"
	"qkms/internal/kmstest"
)

// host is the node of a test server, as a command would have opened it.
func host(s *kmstest.Server) *admin.Host {
	return &admin.Host{Node: s.Node, KeyFile: filepath.Join(s.Dir(), "root.key")}
}

// open opens the door of h for the time of the test.
func open(t *testing.T, h *admin.Host) *admin.Door {
	t.Helper()
	d, err := admin.Listen(h)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := d.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	})
	return d
}

var errOpened = errors.New("the store was opened")

// place is where no store may be opened but by the server.
func place(dir string) admin.Place {
	return admin.Place{Dir: dir, Open: func(context.Context) (*admin.Host, error) { return nil, errOpened }}
}

func TestDoAsksTheServerWhileOneRuns(t *testing.T) {
	s := kmstest.New(t)
	ctx := t.Context()
	if _, err := admin.Do(ctx, place(s.Dir()), admin.ListKEKs, admin.Nothing{}, nil); !errors.Is(err, errOpened) {
		t.Errorf("without a server: got %v, want the store to be opened", err)
	}
	d, err := admin.Listen(host(s))
	if err != nil {
		t.Fatal(err)
	}
	made, err := admin.Do(ctx, place(s.Dir()), admin.CreateAccessKey, admin.NewAccessKey{Account: kmstest.Account, Description: "x"}, nil)
	if err != nil {
		t.Fatal(err)
	}
	c := &kmstest.Client{Server: s, AccessKeyID: made.ID, Secret: made.Secret, Region: kmstest.Region}
	c.Must("ListKeys", `{}`)
	if _, err := admin.Do(ctx, place(s.Dir()), admin.DeleteAccessKey, admin.AccessKeyID{ID: "AKIANONE"}, nil); err == nil || !strings.Contains(err.Error(), "no such access key") {
		t.Errorf("got %v, want the server's own error", err)
	}
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Lstat(admin.Socket(s.Dir())); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("after Close: got %v, want no socket", err)
	}
}

func TestSocketIsForItsOwnerAlone(t *testing.T) {
	s := kmstest.New(t)
	open(t, host(s))
	info, err := os.Lstat(admin.Socket(s.Dir()))
	if err != nil {
		t.Fatal(err)
	}
	if got := info.Mode().Perm(); got != 0o600 {
		t.Errorf("got mode %04o, want 0600", got)
	}
}

func TestDirectoryThatOthersMayWriteIsRefused(t *testing.T) {
	s := kmstest.New(t)
	if err := os.Chmod(s.Dir(), 0o770); err != nil {
		t.Fatal(err)
	}
	if _, err := admin.Listen(host(s)); err == nil || !strings.Contains(err.Error(), "others may write in") {
		t.Errorf("got %v, want a refusal", err)
	}
}

func TestStaleSocketIsReplaced(t *testing.T) {
	s := kmstest.New(t)
	ln, err := net.ListenUnix("unix", &net.UnixAddr{Name: admin.Socket(s.Dir()), Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	ln.SetUnlinkOnClose(false)
	if err := ln.Close(); err != nil { // as a crash leaves it: the name without a listener
		t.Fatal(err)
	}
	if alive, err := admin.Running(s.Dir()); alive || err != nil {
		t.Errorf("stale: got %v, %v, want nobody", alive, err)
	}
	open(t, host(s))
	if alive, err := admin.Running(s.Dir()); !alive || err != nil {
		t.Errorf("replaced: got %v, %v, want a server", alive, err)
	}
}

func TestFileInPlaceOfTheSocketIsLeftAlone(t *testing.T) {
	s := kmstest.New(t)
	if err := os.WriteFile(admin.Socket(s.Dir()), []byte("mine"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := admin.Listen(host(s)); err == nil || !strings.Contains(err.Error(), "is no socket") {
		t.Errorf("got %v, want a refusal", err)
	}
	if b, err := os.ReadFile(admin.Socket(s.Dir())); string(b) != "mine" || err != nil {
		t.Errorf("got %q, %v, want the file as it was", b, err)
	}
}

func TestOnlyRootAndTheServersUserAreAdmitted(t *testing.T) {
	me := os.Geteuid()
	for name, c := range map[string]struct {
		uid  int
		want bool
	}{
		"root":              {0, true},
		"the server's user": {me, true},
		"another user":      {me + 1, false},
		"nobody":            {65534 - me, me == 65534},
		"unknown":           {-1, false},
	} {
		if got := admin.Admit(admin.Operator{UID: c.uid}) == nil; got != c.want {
			t.Errorf("%s (%d): got %v, want %v", name, c.uid, got, c.want)
		}
	}
}
