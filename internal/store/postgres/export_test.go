package postgres

import (
	"context"
	"net/url"
	"slices"

	"github.com/jackc/pgx/v5"
)

// Expire ends the hold of d for others, as time would, and does not tell d.
func (d *DB) Expire(ctx context.Context) error { return d.extend(ctx, 0) }

// Held is nil while d may use the store.
func (d *DB) Held() error { return d.held() }

// Do runs one statement on the store's database.
func (d *DB) Do(ctx context.Context, statement string) error {
	return d.run(ctx, func(ctx context.Context, conn *pgx.Conn) error {
		_, err := conn.Exec(ctx, statement)
		return err
	})
}

// Forget closes every connection, so that the next call has a new one.
func (d *DB) Forget() { d.pool.Reset() }

// SSLMode is what the URL is completed with, or says.
func SSLMode(s string) string {
	u, err := url.Parse(s)
	if err != nil {
		return err.Error()
	}
	if mode := u.Query().Get("sslmode"); mode != "" {
		return mode
	}
	return sslmode(u)
}

// Names is what synchronous_standby_names says.
type Names struct {
	Any   bool
	Count int
	List  []string
}

func (n Names) Equal(m Names) bool {
	return n.Any == m.Any && n.Count == m.Count && slices.Equal(n.List, m.List)
}

func ParseNames(s string) (Names, bool) {
	n, ok := parseNames(s)
	return Names{n.any, n.count, n.list}, ok
}

// A Step is one that this program does not know.
type Step struct {
	Reader, Writer int64
	Statements     []string
}

// Newer is o for a program that knows further steps.
func (o Options) Newer(more ...Step) Options {
	o.steps = slices.Clone(steps)
	for _, s := range more {
		o.steps = append(o.steps, step{s.Statements, s.Reader, s.Writer})
	}
	return o
}
