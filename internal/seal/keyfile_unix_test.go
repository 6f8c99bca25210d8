//go:build unix

package seal

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

func TestKeyFileModes(t *testing.T) {
	path := filepath.Join(t.TempDir(), "root.key")
	if err := NewKeyFile(path); err != nil {
		t.Fatal(err)
	}
	rows := []struct {
		mode             os.FileMode
		file, credential bool // whether it is accepted as such
	}{
		{0o600, true, true},
		{0o400, true, true},
		{0o440, false, true}, // the mask of an ACL, as systemd sets it
		{0o640, false, true},
		{0o620, false, false},
		{0o610, false, false},
		{0o604, false, false},
		{0o602, false, false},
		{0o601, false, false},
		{0o666, false, false},
	}
	for _, row := range rows {
		if err := os.Chmod(path, row.mode); err != nil {
			t.Fatal(err)
		}
		for denied, accepted := range map[os.FileMode]bool{0o077: row.file, 0o037: row.credential} {
			_, err := keyFile{path, denied, "key file"}.read()
			if (err == nil) != accepted {
				t.Errorf("mode %04o, denied %04o: got %v, want accepted %v", row.mode, denied, err, accepted)
			}
			if err != nil && !strings.Contains(err.Error(), "chmod 600 "+path) {
				t.Errorf("mode %04o: got %v, want it to name the chmod", row.mode, err)
			}
		}
	}
}

func TestCredentialAllowsTheACLMask(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "qkms-root-key")
	if err := NewKeyFile(path); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(path, 0o440); err != nil {
		t.Fatal(err)
	}
	env := "CREDENTIALS_DIRECTORY"
	for _, row := range []struct {
		name, value string
		accepted    bool
	}{{env, dir, true}, {"QKMS_ROOT_KEY_FILE", path, false}} {
		src, _ := Credential(func(k string) string { return map[string]string{row.name: row.value}[k] })
		if _, err := Init(t.Context(), src, time.UnixMilli(0)); (err == nil) != row.accepted {
			t.Errorf("%s: got %v, want accepted %v", row.name, err, row.accepted)
		}
	}
}

// info is a file of the given owner, which only root could really make.
type info struct {
	os.FileInfo
	uid uint32
}

func (i info) Mode() os.FileMode { return 0o600 }
func (i info) Sys() any          { return &syscall.Stat_t{Uid: i.uid} }

func TestKeyFileOwner(t *testing.T) {
	me := uint32(os.Geteuid())
	for name, row := range map[string]struct {
		uid      uint32
		accepted bool
	}{
		"ours":          {me, true},
		"root's":        {0, true},
		"somebody else": {me + 4711, false},
	} {
		err := private("root.key", info{uid: row.uid}, 0o077)
		if (err == nil) != row.accepted {
			t.Errorf("%s: got %v, want accepted %v", name, err, row.accepted)
		}
		if want := fmt.Sprintf("chown %d root.key", me); err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want it to name the chown", name, err)
		}
	}
}

func TestKeyFileIsAFile(t *testing.T) {
	dir := t.TempDir()
	pipe := filepath.Join(dir, "pipe")
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{dir, pipe, os.DevNull} {
		_, err := KeyFile(path).(keyFile).read()
		if err == nil || !strings.Contains(err.Error(), "not a regular file") {
			t.Errorf("%s: got %v, want it to say that it is not a regular file", path, err)
		}
	}
}

// Orchestrators mount secrets as links; what counts is the file at the end.
func TestKeyFileThroughALink(t *testing.T) {
	dir := t.TempDir()
	path, link := filepath.Join(dir, "root.key"), filepath.Join(dir, "link")
	if err := NewKeyFile(path); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(path, link); err != nil {
		t.Fatal(err)
	}
	if _, err := KeyFile(link).(keyFile).read(); err != nil {
		t.Error(err)
	}
	if err := os.Chmod(path, 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := KeyFile(link).(keyFile).read(); err == nil {
		t.Error("a link hides the mode of its file")
	}
}
