package sqlite

import (
	"errors"
	"fmt"

	"qkms/internal/store"

	driver "modernc.org/sqlite"
	lib "modernc.org/sqlite/lib"
)

var (
	errClosed    = fmt.Errorf("%w: closed", store.ErrUnavailable)
	errUnsettled = fmt.Errorf("%w: the disk failed during a commit and has not recovered", store.ErrUnavailable)
)

// unavailable says that nothing was written, or read, because of err.
func unavailable(err error) error {
	if err == nil || errors.Is(err, store.ErrUnavailable) {
		return err
	}
	return fmt.Errorf("%w: %w", store.ErrUnavailable, err)
}

// refused reports whether err is an answer about the transaction, found before anything was
// written, and no failure of the engine.
func refused(err error) bool {
	var conflict *store.Conflict
	return errors.As(err, &conflict) || errors.Is(err, store.ErrFenced) || errors.Is(err, store.ErrClaimed)
}

// full reports whether SQLite ran out of space.
func full(err error) bool {
	var e *driver.Error
	return errors.As(err, &e) && e.Code()&0xff == lib.SQLITE_FULL
}
