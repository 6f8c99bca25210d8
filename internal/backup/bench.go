package backup

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"

	"qkms/internal/store/sqlite"
)

// A bench is a directory for what is not finished, beside where it is to be. It is locked for as long as
// its process lives, so one that can be locked is what a crash left, and is removed.
type bench struct {
	dir  string
	lock *os.File
}

const benches = ".qkms-backup-"

func openBench(beside string) (*bench, error) {
	left, err := filepath.Glob(filepath.Join(escaped(beside), benches+"*"))
	if err != nil {
		return nil, err
	}
	for _, dir := range left {
		if f, err := lockBench(dir); err == nil {
			if err := errors.Join(os.RemoveAll(dir), f.Close()); err != nil {
				return nil, fmt.Errorf("remove what was left by an interrupted backup: %w", err)
			}
		}
	}
	dir, err := os.MkdirTemp(beside, benches) // mode 0700
	if err != nil {
		return nil, err
	}
	f, err := lockBench(dir)
	if err != nil {
		return nil, errors.Join(err, os.RemoveAll(dir))
	}
	return &bench{dir, f}, nil
}

// escaped is dir as a pattern of itself.
func escaped(dir string) string {
	var b []byte
	for _, c := range []byte(dir) {
		if c == '*' || c == '?' || c == '[' || c == '\\' {
			b = append(b, '\\')
		}
		b = append(b, c)
	}
	return string(b)
}

func lockBench(dir string) (*os.File, error) {
	f, err := os.OpenFile(dir, os.O_RDONLY|syscall.O_DIRECTORY|syscall.O_NOFOLLOW, 0)
	if err != nil {
		return nil, err
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		return nil, errors.Join(fmt.Errorf("lock %s: %w", dir, err), f.Close())
	}
	return f, nil
}

func (b *bench) path(name string) string { return filepath.Join(b.dir, name) }

// store makes a store on the bench. It need not outlive the power: it is looked at and thrown away.
func (b *bench) store(ctx context.Context, name string) (*sqlite.DB, error) {
	return sqlite.Open(ctx, b.path(name), sqlite.Options{LoseOnPowerCut: true})
}

func (b *bench) close() { _, _ = os.RemoveAll(b.dir), b.lock.Close() }

// place gives a finished file its name, durably, and never another file's: a link fails where something
// is. Where the file system has no links nothing but us is kept from taking the name meanwhile.
func place(file, name string) error {
	err := os.Link(file, name)
	if err != nil && !errors.Is(err, fs.ErrExist) {
		if _, there := os.Lstat(name); there == nil {
			return fmt.Errorf("%w: %s", fs.ErrExist, name)
		}
		err = os.Rename(file, name)
	}
	if err != nil {
		return err
	}
	return syncDirectory(filepath.Dir(name))
}

func syncDirectory(dir string) error {
	f, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}
