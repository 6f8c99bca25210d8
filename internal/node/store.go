package node

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"qkms/internal/coherence"
	"qkms/internal/record"
	"qkms/internal/store"
	"qkms/internal/store/postgres"
	"qkms/internal/store/sqlite"
)

// Engine is a store with what a node asks of it besides.
type Engine interface {
	store.Engine

	// Check returns an error that says what is damaged.
	Check(ctx context.Context) error
}

// hold is for how long a store in PostgreSQL stays closed to nodes after a process was killed that had it alone.
const hold = 30 * time.Second

// Database is the store's file in a data directory.
func Database(dir string) string { return filepath.Join(dir, "qkms.db") }

// engine opens the store. In the data directory what is missing of it is made, and what is of an older format
// brought up to date; in PostgreSQL o says.
func (c Config) engine(ctx context.Context, o postgres.Options) (Engine, error) {
	switch {
	case c.Store == "":
		db, err := sqlite.Open(ctx, Database(c.Dir), sqlite.Options{Now: c.Now, Logger: c.Logger})
		if err != nil {
			return nil, err // not a nil *DB that is an Engine
		}
		return db, nil
	case postgres.IsURL(c.Store):
		o.Now, o.Logger = c.claims, c.Logger
		db, err := postgres.Open(ctx, c.Store, o)
		if err != nil {
			return nil, err
		}
		return db, nil
	}
	return nil, errors.New("a store is in a database of PostgreSQL, postgres://USER@HOST/DATABASE, or in the data directory when none is given")
}

// OpenStore opens the store of c, and nothing else of it, for this process alone.
func OpenStore(ctx context.Context, c Config) (Engine, error) {
	return c.withDefaults().engine(ctx, postgres.Options{Hold: hold})
}

// MakeStore is OpenStore, and makes the store if there is none.
func MakeStore(ctx context.Context, c Config) (Engine, error) {
	return c.withDefaults().engine(ctx, postgres.Options{Hold: hold, Make: true})
}

// newLease is the right to use the memory of a node over the store. Where the store is in the data directory
// nobody else has it.
func (n *Node) newLease() (*coherence.Lease, error) {
	if n.Store == "" {
		return coherence.Alone(), nil
	}
	host, _ := os.Hostname() // for people
	bound := cmp.Or(n.Bound, coherence.DefaultBound)
	return coherence.New(coherence.Config{
		Engine: n.Book.Engine(), Memory: &record.Memory{Book: n.Book, Materials: n.Custody}, Bound: bound, Wipe: n.Custody.ForgetAll,
		Info: coherence.Info{Host: host, Version: n.Version, Bound: bound, Log: n.Book.Log}.String(), Logger: n.Logger,
	})
}

// Made reports whether there is a store: somebody may have it open. It makes none.
func Made(ctx context.Context, c Config) (bool, error) {
	if c.Store == "" {
		_, err := os.Lstat(Database(c.Dir))
		if errors.Is(err, os.ErrNotExist) {
			return false, nil
		}
		return err == nil, err
	}
	db, err := c.engine(ctx, postgres.Options{})
	if errors.Is(err, postgres.ErrNone) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	_, err = record.ReadState(ctx, db)
	if errors.Is(err, record.ErrEmpty) {
		return false, db.Close()
	}
	return err == nil, errors.Join(err, db.Close())
}

// place names the store in messages.
func (c Config) place() string {
	if c.Store == "" {
		return c.Dir
	}
	return "the database"
}

// unmade is what Open says where Init has not been.
func (c Config) unmade(err error) error {
	if c.Store != "" {
		return fmt.Errorf("the database holds no QKMS store; `qkms init` with the same --store makes one: %w", err)
	}
	return fmt.Errorf("%s holds no QKMS store; `qkms init --data %s` makes one: %w", c.Dir, c.Dir, err)
}
