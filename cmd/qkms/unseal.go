package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"qkms/internal/admin"
	"qkms/internal/seal"
)

// unsealing is what may open the store, and afterwards what did.
type unsealing struct {
	sources []seal.Source
	opened  string // the key file that opened the store; empty when something else did
	next    bool   // it was the new one that an interrupted rotation left beside it
}

// noted is a key file that notes that it opened the store.
type noted struct {
	seal.Source
	path string // where the key file belongs
	next bool   // and it is the new one of a rotation
	u    *unsealing
}

func (n noted) Unwrap(ctx context.Context, slots []seal.Slot) ([]byte, error) {
	root, err := n.Source.Unwrap(ctx, slots)
	if err == nil {
		n.u.opened, n.u.next = n.path, n.next
	}
	return root, err
}

// unseal lists what may open the store. What the command line names is meant, and nothing else is
// tried then: a wrong key file must not be covered up by another lying about.
func (c *command) unseal() *unsealing {
	u := &unsealing{}
	env, inEnv := seal.Credential(c.env)
	usual := filepath.Join(c.Data, "root.key")
	switch {
	case c.RootKey != "":
		u.file(c.RootKey)
	case inEnv && c.env("QKMS_ROOT_KEY_FILE") != "":
		u.file(c.env("QKMS_ROOT_KEY_FILE"))
	case inEnv:
		u.sources = append(u.sources, env)
	case c.PassphraseFile != "":
	case exists(usual), exists(admin.NextKeyFile(usual)), !isTerminal(c.in):
		u.file(usual)
	}
	if c.PassphraseFile != "" {
		u.sources = append(u.sources, c.passphraseIn(c.PassphraseFile))
	} else if isTerminal(c.in) {
		u.sources = append(u.sources, seal.Passphrase(func() ([]byte, error) { return ask(c.in, c.err, "Passphrase of the store: ") }))
	}
	return u
}

// file adds a key file, and the new one that a rotation of the root may have left beside it.
func (u *unsealing) file(path string) {
	u.sources = append(u.sources, noted{seal.KeyFile(path), path, false, u})
	if next := admin.NextKeyFile(path); exists(next) {
		u.sources = append(u.sources, noted{seal.KeyFile(next), path, true, u})
	}
}

// settle finishes, once the store is open, a rotation that a crash interrupted. It returns the key
// file that the next rotation replaces, or "".
func (u *unsealing) settle() (string, error) {
	if !u.next {
		return u.opened, nil
	}
	return u.opened, admin.FinishKeyFile(u.opened)
}

func exists(path string) bool {
	_, err := os.Lstat(path)
	return err == nil
}

// passphraseIn is the first line of a file that others may not read.
func (c *command) passphraseIn(path string) seal.Source {
	return seal.Passphrase(func() ([]byte, error) { return readPassphrase(path, c.denied(path)) })
}

const (
	maxPassphrase = 4096

	ownersOnly fs.FileMode = 0o077 // permissions that nobody may have on a file with a secret
)

// denied are the permissions that nobody may have on a file with a secret. Who hands over credentials lets the
// service in through the group, be it that an ACL shows so (systemd) or for a user that is not root
// (Kubernetes' fsGroup); the directory is closed to everybody else.
func (c *command) denied(path string) fs.FileMode {
	if dir := c.env("CREDENTIALS_DIRECTORY"); dir != "" && filepath.Dir(path) == filepath.Clean(dir) {
		return 0o037
	}
	return ownersOnly
}

func readPassphrase(path string, denied fs.FileMode) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if mode := info.Mode(); mode.IsRegular() && mode.Perm()&denied != 0 { // not of a pipe: <(pass show qkms)
		return nil, fmt.Errorf("%s is open to others (mode %04o): run chmod 600 %s", path, mode.Perm(), path)
	}
	text, err := io.ReadAll(io.LimitReader(f, maxPassphrase+1))
	if err != nil {
		clear(text)
		return nil, err
	}
	return firstLine(text)
}

// firstLine returns what text holds before its first end of line, and wipes the rest.
func firstLine(text []byte) ([]byte, error) {
	line, rest, _ := bytes.Cut(text, []byte("\n"))
	clear(rest)
	line = bytes.TrimSuffix(line, []byte("\r"))
	if len(line) == 0 || len(line) > maxPassphrase {
		clear(text)
		return nil, errors.New("it must have one line of 1 to 4096 bytes")
	}
	return line, nil
}
