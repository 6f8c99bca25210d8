package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"sync/atomic"

	"qkms/internal/store"
)

// maxBatch is how many requests share one sync at most.
const maxBatch = 128

// A request is one change waiting to be written. apply either refuses before it writes anything, or
// writes; it may run more than once, each time on what is then committed.
type request struct {
	apply func(*session) error
	state atomic.Int32
	done  chan error // receives once, unless the request is abandoned
}

// A request starts queued. The writer takes it, or its caller abandons it; never both.
const (
	queued = iota
	taken
	abandoned
)

// write has apply run by the writer and waits until what it wrote is on disk. If ctx ends while the
// request is queued nothing is written; after that the outcome is awaited, so that it is certain.
func (d *DB) write(ctx context.Context, apply func(*session) error) error {
	if err := d.enter(); err != nil {
		return err
	}
	defer d.mu.RUnlock()
	if err := ctx.Err(); err != nil {
		return unavailable(err)
	}
	r := &request{apply: apply, done: make(chan error, 1)}
	select {
	case d.queue <- r:
	case <-ctx.Done():
		return unavailable(ctx.Err())
	}
	select {
	case err := <-r.done:
		return err
	case <-ctx.Done():
		if r.state.CompareAndSwap(queued, abandoned) {
			return unavailable(ctx.Err())
		}
		return <-r.done
	}
}

// writeLoop is the only goroutine that writes. It ends when the queue is closed.
func (d *DB) writeLoop() {
	defer close(d.stopped)
	for r := range d.queue {
		batch := appendTaken(nil, r)
		for more := true; more && len(batch) < maxBatch; {
			select {
			case r, ok := <-d.queue:
				more = ok
				if ok {
					batch = appendTaken(batch, r)
				}
			default:
				more = false
			}
		}
		if len(batch) > 0 {
			d.run(batch)
		}
	}
}

func appendTaken(batch []*request, r *request) []*request {
	if r.state.CompareAndSwap(queued, taken) {
		return append(batch, r)
	}
	return batch
}

// run answers every request of the batch. When the engine fails before COMMIT, nothing is written,
// and each request is tried alone: one that does not fit on the disk must not fail its neighbours.
func (d *DB) run(batch []*request) {
	answers, err := d.attempt(batch)
	if err != nil && len(batch) > 1 {
		for i := range batch {
			d.run(batch[i : i+1])
		}
		return
	}
	for i, r := range batch {
		if err != nil {
			r.done <- unavailable(err)
			continue
		}
		r.done <- answers[i]
	}
}

// attempt writes the batch in one SQLite transaction. Its error means that nothing was written;
// otherwise there is one answer per request.
func (d *DB) attempt(batch []*request) (answers []error, err error) {
	s := d.session
	if err := d.settle(); err != nil {
		return nil, err
	}
	if _, err := s.exec(`BEGIN IMMEDIATE`); err != nil {
		return nil, err
	}
	answers = make([]error, len(batch))
	for i, r := range batch {
		answers[i] = r.apply(s)
		if answers[i] != nil && !refused(answers[i]) {
			s.rollback()
			return nil, answers[i]
		}
	}
	_, err = s.exec(`COMMIT`)
	switch {
	case err == nil:
		return answers, nil
	case full(err):
		// The frame that would commit was not written whole, so no recovery will find it.
		s.rollback()
		return nil, err
	}
	s.rollback()
	d.unsettled.Store(true)
	return failedCommit(answers, err), nil
}

// failedCommit turns answers into what they are when COMMIT has failed. A refusal is withheld: it may
// stem from a neighbour's write that is now in doubt.
func failedCommit(answers []error, err error) []error {
	for i, refusal := range answers {
		answers[i] = fmt.Errorf("%w: %w", store.ErrUnknown, err)
		if refusal != nil {
			answers[i] = unavailable(err)
		}
	}
	return answers
}

// settle makes the past certain after a COMMIT that failed. Its frames may be in the log file, whole,
// though this process no longer sees them: a caller would re-read, find nothing, report a failure,
// and after the next crash recovery would replay them. One more durable transaction overwrites the
// end of the log. Until it succeeds reads are refused too.
func (d *DB) settle() error {
	if !d.unsettled.Load() {
		return nil
	}
	_, err := d.session.exec(`UPDATE meta SET val = val + 1 WHERE name = 'settled'`)
	if err != nil {
		return fmt.Errorf("%w (%w)", errUnsettled, err)
	}
	d.unsettled.Store(false)
	return nil
}

// A session is the writing connection with its prepared statements. Nothing it does can be
// cancelled: a statement interrupted half-way would leave the batch of others in doubt.
type session struct {
	conn     *sql.Conn
	prepared map[string]*sql.Stmt
}

func (s *session) prepare(query string) (*sql.Stmt, error) {
	if stmt, ok := s.prepared[query]; ok {
		return stmt, nil
	}
	stmt, err := s.conn.PrepareContext(context.Background(), query)
	if err == nil {
		s.prepared[query] = stmt
	}
	return stmt, err
}

func (s *session) exec(query string, args ...any) (sql.Result, error) {
	stmt, err := s.prepare(query)
	if err != nil {
		return nil, err
	}
	return stmt.Exec(args...)
}

// scan reads the first row into dest; found is false when there is none.
func (s *session) scan(query string, args []any, dest ...any) (found bool, err error) {
	stmt, err := s.prepare(query)
	if err != nil {
		return false, err
	}
	err = stmt.QueryRow(args...).Scan(dest...)
	if errors.Is(err, sql.ErrNoRows) {
		return false, nil
	}
	return err == nil, err
}

// rollback ends the transaction. SQLite has often done so itself, so its complaint says nothing.
func (s *session) rollback() { _, _ = s.exec(`ROLLBACK`) }

func (s *session) close() error {
	var errs []error
	for _, stmt := range s.prepared {
		errs = append(errs, stmt.Close())
	}
	return errors.Join(append(errs, s.conn.Close())...)
}
