package sqlite

import (
	"context"
	"fmt"
	"slices"
)

// LimitPages makes SQLite report a full disk when the file would grow beyond extra more pages.
func (d *DB) LimitPages(ctx context.Context, extra int) error {
	return d.write(ctx, func(s *session) error {
		var pages int
		if _, err := s.scan(`PRAGMA page_count`, nil, &pages); err != nil {
			return err
		}
		_, err := s.conn.ExecContext(ctx, fmt.Sprintf(`PRAGMA max_page_count = %d`, pages+extra))
		return err
	})
}

// SetMeta changes what the store says about itself.
func (d *DB) SetMeta(ctx context.Context, name string, val int) error {
	return d.write(ctx, func(s *session) error {
		_, err := s.exec(`UPDATE meta SET val = ? WHERE name = ?`, val, name)
		return err
	})
}

// LoseNote makes a gap in the change log.
func (d *DB) LoseNote(ctx context.Context, shard, rev int) error {
	return d.write(ctx, func(s *session) error {
		_, err := s.exec(`DELETE FROM chg WHERE shard = ? AND rev = ?`, shard, rev)
		return err
	})
}

// Stall keeps the writer busy until resume is called, so that what is written meanwhile queues up.
func (d *DB) Stall() (resume func()) {
	began, end, done := make(chan struct{}), make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		_ = d.write(context.Background(), func(*session) error {
			close(began)
			<-end
			return nil
		})
	}()
	<-began
	return func() {
		close(end)
		<-done
	}
}

// Queued is how many requests wait for the writer.
func (d *DB) Queued() int { return len(d.queue) }

// A Step is one that this program does not know.
type Step struct {
	Reader, Writer int64
	Statements     string
}

// Newer is o for a program that knows further steps.
func (o Options) Newer(more ...Step) Options {
	o.steps = slices.Clone(theSteps)
	for _, s := range more {
		o.steps = append(o.steps, step{s.Statements, s.Reader, s.Writer})
	}
	return o
}

// Meta is what the store says about itself.
func (d *DB) Meta(ctx context.Context, name string) (val int64, err error) {
	conn, err := d.readers.Conn(ctx)
	if err != nil {
		return 0, err
	}
	defer conn.Close()
	return meta(ctx, conn, name)
}
