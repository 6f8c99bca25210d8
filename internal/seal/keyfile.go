package seal

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"syscall"
)

const (
	kindFile = "file"

	// keyPrefix begins a key file, so that no certificate or password file is taken for one and a
	// secret scanner knows what it found.
	keyPrefix = "qkms-root-key-v1:"

	maxKeyFile = 4096
)

type keyFile struct {
	path string
	mode os.FileMode // permissions that nobody may have
	name string
}

// KeyFile is a file made by NewKeyFile: one line, the prefix "qkms-root-key-v1:", then 32 random bytes
// in standard base64 or hex. It must be a regular file that root or this process's user owns and
// nobody else may access. It is read anew each time.
func KeyFile(path string) Source { return keyFile{path, 0o077, "key file"} }

// Credential is the key file that the environment names: by $QKMS_ROOT_KEY_FILE, or else as the
// systemd credential qkms-root-key, which is in $CREDENTIALS_DIRECTORY. ok is false when neither
// variable is set. Its slots are those of a KeyFile with the same content.
func Credential(getenv func(string) string) (src Source, ok bool) {
	if path := getenv("QKMS_ROOT_KEY_FILE"); path != "" {
		return KeyFile(path), true
	}
	if dir := getenv("CREDENTIALS_DIRECTORY"); dir != "" {
		// systemd lets a service's user in by ACL, whose mask shows as group permission (mode 0440);
		// the directory around it is closed to everybody else (systemd issue 29435).
		return keyFile{filepath.Join(dir, "qkms-root-key"), 0o037, "credential"}, true
	}
	return nil, false
}

func (f keyFile) Kind() string   { return kindFile }
func (f keyFile) String() string { return f.name + " " + f.path }

func (f keyFile) Wrap(_ context.Context, s *Slot, root []byte) error {
	u, err := f.read()
	if err != nil {
		return err
	}
	defer u.wipe()
	wrap(s, u, root)
	return nil
}

func (f keyFile) Unwrap(_ context.Context, slots []Slot) ([]byte, error) {
	u, err := f.read()
	if err != nil {
		return nil, err
	}
	defer u.wipe()
	for _, s := range slots {
		if root, err := unwrap(s, u); err == nil {
			return root, nil
		}
	}
	return nil, ErrWrongKey
}

func (f keyFile) read() (secret, error) {
	// O_NONBLOCK: opening a pipe somebody put there would wait for ever. What is checked is the file
	// that was opened, so that it cannot be exchanged in between.
	file, err := os.OpenFile(f.path, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return secret{}, err
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		return secret{}, err
	}
	if !info.Mode().IsRegular() {
		return secret{}, fmt.Errorf("%s is not a regular file", f.path)
	}
	if err := private(f.path, info, f.mode); err != nil {
		return secret{}, err
	}
	text := make([]byte, maxKeyFile)
	defer clear(text)
	n, err := io.ReadFull(file, text)
	if err != nil && !errors.Is(err, io.ErrUnexpectedEOF) && !errors.Is(err, io.EOF) {
		return secret{}, err
	}
	return parseKey(f.path, text[:n])
}

// parseKey never quotes what it read: a mistyped key is still most of a key.
func parseKey(path string, text []byte) (secret, error) {
	digits, ok := bytes.CutPrefix(bytes.TrimRight(text, " \t\r\n"), []byte(keyPrefix))
	if !ok {
		return secret{}, fmt.Errorf("%s is not a root key file: it does not begin with %s", path, keyPrefix)
	}
	key := make([]byte, keySize+1) // base64 of one byte more than 32 has 44 digits too
	n, err := 0, error(nil)
	switch len(digits) {
	case hex.EncodedLen(keySize):
		n, err = hex.Decode(key, digits)
	case base64.StdEncoding.EncodedLen(keySize):
		n, err = base64.StdEncoding.Strict().Decode(key, digits)
	}
	if err != nil || n != keySize {
		clear(key)
		return secret{}, fmt.Errorf("%s is damaged: after %s come 32 bytes in base64 (44 characters) or hex (64)", path, keyPrefix)
	}
	return newSecret(key[:keySize]), nil
}

// NewKeyFile writes a new random root key to path, which must not exist. On nil the file is durable.
// It is all that opens the store: the caller tells the operator to keep a copy elsewhere.
func NewKeyFile(path string) (err error) {
	u := randomSecret()
	defer u.wipe()
	text := base64.StdEncoding.AppendEncode([]byte(keyPrefix), u.bytes())
	defer clear(text)
	file, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return fmt.Errorf("make key file: %w", err)
	}
	_, err = file.Write(append(text, '\n'))
	err = errors.Join(err, file.Sync(), file.Close())
	if err == nil {
		err = syncDir(filepath.Dir(path)) // else a crash may lose the name, and the store with it
	}
	if err != nil {
		return fmt.Errorf("make key file: %w", errors.Join(err, os.Remove(path)))
	}
	return nil
}
