package sqlite

import (
	"errors"
	"fmt"
	"os"
	"syscall"

	"qkms/internal/store"
)

// acquire takes the lock file for as long as the returned file is open; the kernel gives it back if
// the process dies.
//
// It is a file of its own, because closing any descriptor of the database would drop the POSIX locks
// that SQLite holds on it (sqlite.org/howtocorrupt §2.2). It is never deleted: between one
// process's unlink and another's open there would be two locks of one name.
func acquire(path string) (*os.File, error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	err = syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
	if err == nil {
		return f, nil
	}
	_ = f.Close()
	if errors.Is(err, syscall.EWOULDBLOCK) {
		return nil, fmt.Errorf("another qkms holds %s, stop it first: %w", path, store.ErrLocked)
	}
	return nil, fmt.Errorf("lock %s: %w", path, err)
}
