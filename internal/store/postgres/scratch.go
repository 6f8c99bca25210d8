package postgres

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
)

const (
	scratchPrefix  = "qkms_store_test_" // of the schemas that are made, and of no others
	scratchTimeout = time.Minute        // of one statement; some databases take seconds for each table
)

// A Scratch is a database without anything in it, in which stores come and go: each in a schema of its own. One
// goroutine at a time may use it.
type Scratch struct {
	Version string // what the database says that it is

	url  string
	conn *pgx.Conn
	made int
}

// OpenScratch opens the database at url, which is written as for Open. It refuses one with a table in it.
func OpenScratch(ctx context.Context, url string) (*Scratch, error) {
	config, err := parse(url)
	if err != nil {
		return nil, err
	}
	conn, err := pgx.ConnectConfig(ctx, config.ConnConfig)
	if err != nil {
		return nil, err
	}
	s := &Scratch{url: url, conn: conn}
	if err := s.admit(ctx); err != nil {
		return nil, errors.Join(fmt.Errorf("database %s: %w", describe(config), err), conn.Close(ctx))
	}
	return s, nil
}

// admit asks the catalogue, which has what this user may not see too.
func (s *Scratch) admit(ctx context.Context) error {
	if err := s.conn.QueryRow(ctx, `SELECT version()`).Scan(&s.Version); err != nil {
		return err
	}
	var schema, table string
	err := s.conn.QueryRow(ctx, `SELECT n.nspname::text, c.relname::text FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
		WHERE c.relkind IN ('r', 'p', 'm', 'f') AND n.nspname NOT IN ('information_schema', 'crdb_internal') AND n.nspname NOT LIKE 'pg\_%'
		ORDER BY n.nspname ASC, c.relname ASC LIMIT 1`).Scan(&schema, &table)
	switch {
	case errors.Is(err, pgx.ErrNoRows):
		return nil
	case err != nil:
		return err
	case strings.HasPrefix(schema, scratchPrefix):
		return fmt.Errorf("schema %s is left from a test that was interrupted: DROP SCHEMA %[1]s CASCADE, if no other one is under way", schema)
	}
	return fmt.Errorf("it has a table, %s.%s: the test wants a database with nothing in it", schema, table)
}

// New makes an empty schema, and returns the URL of a store in it and the function that drops it, which may be
// called when no store is open there. An error of drop says what is left.
func (s *Scratch) New(ctx context.Context) (at string, drop func() error, err error) {
	s.made++
	name := fmt.Sprint(scratchPrefix, s.made)
	if err := s.do(ctx, `CREATE SCHEMA `+name); err != nil {
		return "", nil, fmt.Errorf("make a schema: %w", err)
	}
	drop = func() error {
		if err := s.do(context.WithoutCancel(ctx), `DROP SCHEMA `+name+` CASCADE`); err != nil {
			return fmt.Errorf("schema %s is left: %w", name, err)
		}
		return nil
	}
	if at, err = s.within(ctx, name); err != nil {
		return "", nil, errors.Join(err, drop())
	}
	return at, drop, nil
}

// within is the URL of the database with a schema that all names are looked up in. A pooler may refuse the
// setting, or leave it out, and stores would meet.
func (s *Scratch) within(ctx context.Context, schema string) (string, error) {
	u, err := url.Parse(s.url)
	if err != nil {
		return "", errURL
	}
	q := u.Query()
	q.Set("search_path", schema)
	u.RawQuery = q.Encode()
	config, err := parse(u.String())
	if err != nil {
		return "", err
	}
	conn, err := pgx.ConnectConfig(ctx, config.ConnConfig)
	if err != nil {
		return "", fmt.Errorf("connect with a search_path, which does not work through every pooler: %w", err)
	}
	var is *string
	err = errors.Join(conn.QueryRow(ctx, `SELECT current_schema()::text`).Scan(&is), conn.Close(ctx))
	if err == nil && (is == nil || *is != schema) {
		err = errors.New("connections do not get the search_path they ask for: name the database itself, not a pooler")
	}
	return u.String(), err
}

func (s *Scratch) do(ctx context.Context, statement string) error {
	ctx, cancel := context.WithTimeout(ctx, scratchTimeout)
	defer cancel()
	if s.conn.IsClosed() {
		conn, err := pgx.ConnectConfig(ctx, s.conn.Config())
		if err != nil {
			return err
		}
		s.conn = conn
	}
	_, err := s.conn.Exec(ctx, statement)
	return err
}

// Close ends the connection.
func (s *Scratch) Close() error {
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	return s.conn.Close(ctx)
}
