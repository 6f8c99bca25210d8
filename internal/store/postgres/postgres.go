// Package postgres is the store engine for PostgreSQL, where the store outlives the machine that serves it.
//
// Use Open. The SQL is the portable subset of what PostgreSQL and its relatives speak: nothing depends
// on LISTEN (hint.go), sequences, advisory locks or on what a session remembers, so it works behind a pooler that
// gives every transaction another connection. Changes are ordered by 64 counter rows, not by a
// sequence: sequence numbers are handed out before commit, and a reader that follows them misses what
// commits late.
package postgres

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"time"

	"qkms/internal/store"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

var (
	_ store.Engine = (*DB)(nil)
	_ store.Leaver = (*DB)(nil)
)

// Options adjust Open; the zero value shares the store with others.
type Options struct {
	// Now is the clock that claims expire by; nil means the database's, the one that all nodes have
	// in common.
	Now func() time.Time

	// Hold, when not 0, makes this process the only one that uses the store: see hold.go. It is for
	// how long the store stays closed to others after this process was killed. 0: the store is shared.
	Hold time.Duration

	// Make has the tables made in a database that has none; without it that is ErrNone.
	Make bool

	// Logger is told when Hold has to wait for nodes that may be cut off; nil means slog.Default().
	Logger *slog.Logger

	steps []step // nil: those of this program
}

// A DB is one open store. It implements store.Engine; all methods may be called concurrently.
type DB struct {
	pool *pgxpool.Pool
	now  func() time.Time // nil: the database's
	hold *hold            // nil while it opens

	logger *slog.Logger

	seen seen

	steps []step // from nothing to the store that this program writes

	hints *hints
	turns *turns

	// mu is held for reading by every call in progress; Close takes it for writing, and so waits for
	// all of them. closed is guarded by it.
	mu     sync.RWMutex
	closed bool

	nodesMu sync.Mutex
	nodes   map[string]bool // renewed here, to be removed by Close; guarded by nodesMu
}

// Open opens the store at url. url is
// postgres://USER@HOST:PORT,HOST:PORT/DATABASE; the node that takes writes is found among several
// hosts. What the URL leaves out comes from the variables of libpq: PGPASSFILE, PGPASSWORD,
// PGSSLROOTCERT and so on. Beyond loopback TLS is required and the server's name verified, unless the
// URL or PGSSLMODE say otherwise. No error quotes the URL.
//
// A store that an older qkms made, and a newer one has not brought up to date (Migrate), is refused; so is one that
// this program is too old for.
//
// The error wraps store.ErrLocked while another process has the store for itself, and with Options.Hold also
// while nodes share it. One that was killed is waited for; with Options.Hold for as long as it might have been
// cut off and answering, its staleness bound. It wraps store.ErrMoved when the store was retired.
func Open(ctx context.Context, url string, opts Options) (*DB, error) {
	config, err := parse(url)
	if err != nil {
		return nil, err
	}
	d, err := open(ctx, config, opts)
	if err != nil {
		return nil, fmt.Errorf("open store %s: %w", describe(config), err)
	}
	return d, nil
}

func open(ctx context.Context, config *pgxpool.Config, opts Options) (*DB, error) {
	d, err := connect(ctx, config, opts)
	if err != nil {
		return nil, err
	}
	if err = d.run(ctx, d.prepareStore(opts)); err == nil {
		if opts.Hold > 0 {
			err = d.take(ctx, opts.Hold)
		} else {
			err = d.share(ctx)
		}
	}
	if err != nil {
		d.pool.Close()
		return nil, err
	}
	return d, nil
}

// connect makes the pool, and looks at nothing.
func connect(ctx context.Context, config *pgxpool.Config, opts Options) (*DB, error) {
	pool, err := pgxpool.NewWithConfig(ctx, config)
	if err != nil {
		return nil, err
	}
	d := &DB{pool: pool, now: opts.Now, logger: cmp.Or(opts.Logger, slog.Default()), hints: newHints(), turns: newTurns(int(pool.Config().MaxConns)), nodes: map[string]bool{}, steps: opts.steps}
	if d.steps == nil {
		d.steps = steps
	}
	return d, nil
}

// leaving is how long a process that ends tries to tell the others. A row that stays holds up barriers, for the bound
// at most; service managers do not wait for ever.
const leaving = 3 * time.Second

// Close implements store.Engine. It waits for calls in progress.
func (d *DB) Close() error {
	d.hints.end()
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.closed {
		return errClosed
	}
	d.closed = true
	ctx, cancel := context.WithTimeout(context.Background(), leaving)
	defer cancel()
	err := errors.Join(d.leave(ctx), d.release(ctx))
	d.pool.Close()
	return err
}

// leave removes the rows of the nodes that renewed here.
func (d *DB) leave(ctx context.Context) error {
	d.nodesMu.Lock()
	defer d.nodesMu.Unlock()
	if len(d.nodes) == 0 {
		return nil
	}
	return d.retry(ctx, func(ctx context.Context, conn *pgx.Conn) error {
		b := begin()
		b.Queue(`DELETE FROM node WHERE id = ANY($1::text[])`, slices.Collect(maps.Keys(d.nodes)))
		return commit(ctx, conn, b)
	})
}

// enter starts a call; the caller leaves with d.mu.RUnlock unless an error is returned.
func (d *DB) enter() error {
	d.mu.RLock()
	err := error(nil)
	if d.closed {
		err = errClosed
	} else {
		err = d.held()
	}
	if err != nil {
		d.mu.RUnlock()
	}
	return err
}
