package node

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

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

// hold is for how long a store in PostgreSQL stays closed to other nodes after its node was killed. A node that
// does not reach the store answers for two thirds of it.
const hold = 30 * time.Second

// Database is the store's file in a data directory.
func Database(dir string) string { return filepath.Join(dir, "qkms.db") }

// engine opens the store for this process alone, and makes what is missing of it.
func (c Config) engine(ctx context.Context) (Engine, error) {
	switch {
	case c.Store == "":
		db, err := sqlite.Open(ctx, Database(c.Dir), sqlite.Options{Now: c.Now})
		if err != nil {
			return nil, err // not a nil *DB that is an Engine
		}
		return db, nil
	case postgres.IsURL(c.Store):
		db, err := postgres.Open(ctx, c.Store, postgres.Options{Now: c.claims, Hold: hold})
		if err != nil {
			return nil, err
		}
		return db, nil
	}
	return nil, errors.New("a store is in a database of PostgreSQL, postgres://USER@HOST/DATABASE, or in the data directory when none is given")
}

// OpenStore opens the store of c for this process alone, as Open does, and nothing else of it.
func OpenStore(ctx context.Context, c Config) (Engine, error) { return c.withDefaults().engine(ctx) }

// held returns the function that says whether an answer from memory is still true: nil where the store belongs to
// this process for as long as it lives.
func held(e Engine) func() error {
	if h, ok := e.(interface{ Held() error }); ok {
		return h.Held
	}
	return func() error { return nil }
}

// Made reports whether there is a store: somebody may have it open. It makes none in the data directory, and
// no more than empty tables elsewhere.
func Made(ctx context.Context, c Config) (bool, error) {
	if c.Store == "" {
		_, err := os.Lstat(Database(c.Dir))
		if errors.Is(err, os.ErrNotExist) {
			return false, nil
		}
		return err == nil, err
	}
	if !postgres.IsURL(c.Store) {
		_, err := c.engine(ctx)
		return false, err
	}
	db, err := postgres.Open(ctx, c.Store, postgres.Options{})
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
