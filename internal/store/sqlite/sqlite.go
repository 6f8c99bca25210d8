// Package sqlite is the embedded store engine: one SQLite file family, one process, one writer.
//
// Use Open. Many commits share one sync: they queue for a single goroutine that writes what is
// waiting in one SQLite transaction (writer.go). Reads run beside it on their own connections, each
// in one WAL snapshot.
package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"qkms/internal/store"

	_ "modernc.org/sqlite" // the driver, registered as "sqlite"
)

var (
	_ store.Engine = (*DB)(nil)
	_ store.Leaver = (*DB)(nil)
)

// Options adjust Open; the zero value is right for production.
type Options struct {
	// Now is the clock that claims expire by; nil means time.Now.
	Now func() time.Time

	// LoseOnPowerCut runs with synchronous=NORMAL, under which a power cut takes back commits that
	// were acknowledged: a revoked grant would be alive again. It exists so that the power-cut suite
	// can prove that it would notice, and for nothing else.
	LoseOnPowerCut bool

	// Logger is told when a store of an older format was brought up to date; nil means slog.Default().
	Logger *slog.Logger

	steps []step // nil: those of this program
}

// A DB is one open store. It implements store.Engine; all methods may be called concurrently.
type DB struct {
	path string
	now  func() time.Time
	lock *os.File

	// mu is held for reading by every call in progress; Close and Load take it for writing, and so wait
	// for all of them. closed is guarded by it.
	mu     sync.RWMutex
	closed bool

	readers *sql.DB
	queries queries

	writers *sql.DB
	session *session // used by writeLoop, once it runs, or by who has mu for writing
	queue   chan *request
	stopped chan struct{} // closed when writeLoop has returned

	// unsettled says that a COMMIT failed with its frames perhaps on disk: see settle.
	unsettled atomic.Bool
}

// Open opens the store at path, and makes it (file 0600, directory 0700) if there is none. The lock
// beside it, path + ".lock", is held until Close: a second Open, by this process or another, returns
// an error that wraps store.ErrLocked. A file that is not a store, or that a newer program has changed
// beyond this one, is refused and left as it was. One of an older format is copied beside it, to path +
// ".format-N", then brought up to date.
func Open(ctx context.Context, path string, opts Options) (*DB, error) {
	d, err := open(ctx, path, opts)
	if err != nil {
		return nil, fmt.Errorf("open store %s: %w", path, err)
	}
	return d, nil
}

func open(ctx context.Context, path string, opts Options) (_ *DB, err error) {
	if path, err = place(path); err != nil {
		return nil, err
	}
	d := &DB{
		path:    path,
		now:     opts.Now,
		queue:   make(chan *request, maxBatch),
		stopped: make(chan struct{}),
	}
	if d.now == nil {
		d.now = time.Now
	}
	if d.lock, err = acquire(path + ".lock"); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			_ = d.release()
		}
	}()
	if err = create(path); err != nil {
		return nil, err
	}
	if err = d.openWriter(ctx, opts); err != nil {
		return nil, err
	}
	if err = d.openReaders(ctx); err != nil {
		return nil, err
	}
	go d.writeLoop()
	return d, nil
}

// place makes the directory of path and follows links, so that one file has one lock however it is named.
func place(path string) (string, error) {
	path, err := filepath.Abs(path)
	if err != nil {
		return "", err
	}
	if err := makeDirectory(filepath.Dir(path)); err != nil {
		return "", err
	}
	resolved, err := filepath.EvalSymlinks(path)
	if errors.Is(err, os.ErrNotExist) {
		return path, nil
	}
	return resolved, err
}

// makeDirectory is os.MkdirAll, durably: a directory not synced in its parent is gone after a power
// cut, with everything that was synced in it.
func makeDirectory(dir string) error {
	err := os.Mkdir(dir, 0o700)
	if errors.Is(err, os.ErrExist) {
		return nil
	}
	if errors.Is(err, os.ErrNotExist) {
		if err := makeDirectory(filepath.Dir(dir)); err != nil {
			return err
		}
		err = os.Mkdir(dir, 0o700)
	}
	if err != nil {
		return err
	}
	return syncDirectory(filepath.Dir(dir))
}

func syncDirectory(dir string) error {
	f, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}

// create makes an empty file readable by its owner alone; SQLite gives its -wal and -shm the same
// mode. The file's name becomes durable when SQLite syncs the directory for the log, before the first
// commit is acknowledged.
func create(path string) error {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_RDWR, 0o600)
	if errors.Is(err, os.ErrExist) {
		return nil
	}
	if err != nil {
		return err
	}
	return f.Close()
}

func (d *DB) openWriter(ctx context.Context, opts Options) (err error) {
	if d.writers, err = sql.Open("sqlite", dsn(d.path)); err != nil {
		return err
	}
	d.writers.SetMaxOpenConns(1)
	conn, err := d.writers.Conn(ctx)
	if err != nil {
		return foreign(err)
	}
	d.session = &session{conn: conn, prepared: map[string]*sql.Stmt{}}
	return d.prepareStore(ctx, conn, opts)
}

func (d *DB) openReaders(ctx context.Context) (err error) {
	if d.readers, err = sql.Open("sqlite", dsn(d.path, "query_only(1)")); err != nil {
		return err
	}
	d.readers.SetMaxOpenConns(readers())
	d.readers.SetMaxIdleConns(readers())
	d.queries, err = prepareQueries(ctx, d.readers)
	return err
}

// readers is how many connections read at once.
func readers() int { return max(4, runtime.GOMAXPROCS(0)) }

// Close implements store.Engine. It waits for calls in progress.
func (d *DB) Close() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.closed {
		return errClosed
	}
	d.closed = true
	close(d.queue)
	<-d.stopped
	_, err := d.session.exec(`DELETE FROM node`)
	return errors.Join(unavailable(err), d.release())
}

// release gives back what open took, the lock last.
func (d *DB) release() error {
	var errs []error
	if d.session != nil {
		errs = append(errs, d.session.close())
	}
	for _, pool := range []*sql.DB{d.readers, d.writers} {
		if pool != nil {
			errs = append(errs, pool.Close())
		}
	}
	return errors.Join(append(errs, d.lock.Close())...)
}

// enter starts a call; the caller leaves with d.mu.RUnlock unless an error is returned.
func (d *DB) enter() error {
	d.mu.RLock()
	if d.closed {
		d.mu.RUnlock()
		return errClosed
	}
	return nil
}
