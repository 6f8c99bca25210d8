package postgres

import (
	"context"
	"errors"
	"fmt"
	"time"

	"qkms/internal/store"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

const (
	callTimeout = 10 * time.Second // of one call, when its context ends later
	attempts    = 8                // of one call, when each failed and left nothing behind
)

var errClosed = fmt.Errorf("%w: closed", store.ErrUnavailable)

// run is one call: f on a connection, and again after a failure that left nothing behind. What f
// returns counts as unavailable unless it is in the closed set.
func (d *DB) run(ctx context.Context, f func(context.Context, *pgx.Conn) error) error {
	return d.call(ctx, f, func(ctx context.Context) (func(), error) { return d.turns.end, d.turns.begin(ctx) })
}

// runLease is run for what the node's right to answer rests on. There is a connection for it whatever else waits.
func (d *DB) runLease(ctx context.Context, f func(context.Context, *pgx.Conn) error) error {
	return d.call(ctx, f, func(context.Context) (func(), error) { return func() {}, nil })
}

// runCommit is run for what locks the heads of shards.
func (d *DB) runCommit(ctx context.Context, shards []int, f func(context.Context, *pgx.Conn) error) error {
	return d.call(ctx, f, func(ctx context.Context) (func(), error) { return d.turns.commit(ctx, shards) })
}

// call runs f when its turn has come, and gives the turn back.
func (d *DB) call(ctx context.Context, f func(context.Context, *pgx.Conn) error, turn func(context.Context) (done func(), err error)) error {
	if err := d.enter(); err != nil {
		return err
	}
	defer d.mu.RUnlock()
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	done, err := turn(ctx)
	if err != nil {
		return fmt.Errorf("%w: no connection was free: %w", store.ErrUnavailable, err)
	}
	defer done()
	return d.retry(ctx, f)
}

func (d *DB) retry(ctx context.Context, f func(context.Context, *pgx.Conn) error) (err error) {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	for range attempts {
		if err = d.once(ctx, f); !passing(err) || ctx.Err() != nil {
			break
		}
	}
	if err == nil || answer(err) {
		return err
	}
	return fmt.Errorf("%w: %w", store.ErrUnavailable, err)
}

// A lost is the error of a connection that ended under a call.
type lost struct{ error }

func (l lost) Unwrap() error { return l.error }

// once runs f on a connection. A connection on which something unforeseen happened is not used again,
// and when it was lost the others are not trusted either: a server that restarted has forgotten them all.
func (d *DB) once(ctx context.Context, f func(context.Context, *pgx.Conn) error) error {
	conn, err := d.pool.Acquire(ctx)
	if err != nil {
		return err
	}
	defer conn.Release()
	err = f(ctx, conn.Conn())
	switch {
	case err == nil:
		return nil
	case answer(err), code(err) == serialization, code(err) == deadlock, code(err) == lockTimeout:
		if conn.Conn().PgConn().TxStatus() == 'I' {
			return err
		}
		if _, rollback := conn.Exec(ctx, `ROLLBACK`); rollback == nil {
			return err
		}
	case conn.Conn().IsClosed() && ctx.Err() == nil:
		d.pool.Reset()
		err = lost{err}
	case errors.Is(err, errBehind):
		d.pool.Reset() // the others may lead to the same server; new ones lead to the primary
		err = lost{err}
	}
	closing, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
	defer cancel()
	_ = conn.Conn().Close(closing) // it is broken or will not be used: nothing to learn
	return err
}

// answer reports whether err says something about the call, and nothing is wrong with the connection.
func answer(err error) bool {
	var conflict *store.Conflict
	if errors.As(err, &conflict) || errors.As(err, new(refusal)) {
		return true
	}
	for _, e := range []error{store.ErrUnknown, store.ErrUnavailable, store.ErrGone, store.ErrRolledBack, store.ErrFenced, store.ErrClaimed, store.ErrLocked, store.ErrMoved} {
		if errors.Is(err, e) {
			return true
		}
	}
	return false
}

// Of PostgreSQL's table of error codes.
const (
	serialization = "40001"
	deadlock      = "40P01"
	unknownCommit = "40003"
	readOnly      = "25006" // what was the primary is one no more
	noTable       = "42P01"
	noColumn      = "42703"
	tableThere    = "42P07"
	typeThere     = "42710" // each table is a type
	duplicate     = "23505"
	lockTimeout   = "55P03"
)

// code is the server's code of an error; "" when the server did not say it.
func code(err error) string {
	if e := (*pgconn.PgError)(nil); errors.As(err, &e) {
		return e.Code
	}
	return ""
}

// passing reports whether a call that failed so did nothing and may succeed on another connection, or
// when others are done.
func passing(err error) bool {
	if err == nil || answer(err) {
		return false
	}
	if e := (*pgconn.ConnectError)(nil); errors.As(err, &e) {
		return false // every host was tried
	}
	switch code(err) {
	case serialization, deadlock, lockTimeout, readOnly:
		return true
	}
	return errors.As(err, new(lost))
}

// begin returns a batch that starts a transaction: statements that travel together, in one round trip.
//
// Nothing is left to what the session, the role or the server have set. A commit is durable, on the
// synchronous standby too if there is one. Under READ COMMITTED every statement sees what was
// committed when it began, so what is read after a lock is what the lock protects. A process that
// stops between its round trips loses its locks within seconds, and nobody waits for a lock for longer: whoever
// waits may have the lock next, and have stopped meanwhile too.
func begin() *pgx.Batch { return beginSynchronous("on") }

func beginSynchronous(commit string) *pgx.Batch {
	b := &pgx.Batch{}
	b.Queue(`BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE`)
	b.Queue(`SELECT set_config('synchronous_commit', $1::text, true), set_config('idle_in_transaction_session_timeout', '2500', true),
		set_config('lock_timeout', '3000', true)`, commit)
	return b
}

// commit sends what is in the batch and COMMIT. Its error wraps ErrUnknown unless it is certain that
// nothing was written; then it may be passing.
//
// A WARNING counts as unknown: it is all the server says when the wait for the standby was cancelled,
// and the commit may be lost with the primary.
func commit(ctx context.Context, conn *pgx.Conn, b *pgx.Batch) error {
	b.Queue(`COMMIT`)
	delete(conn.PgConn().CustomData(), warned)
	tag, last, err := send(ctx, conn, b)
	warning := conn.PgConn().CustomData()[warned]
	switch {
	case warning != nil:
		return fmt.Errorf("%w: the server warns: %v", store.ErrUnknown, warning)
	case err == nil && tag != "COMMIT":
		return fmt.Errorf("the server answers COMMIT with %q", tag) // which undid it
	case err != nil && !undone(err, last):
		return fmt.Errorf("%w: %w", store.ErrUnknown, err)
	}
	return err
}

// send runs the batch. tag is what the last statement, COMMIT, was answered with; last says that an
// error is of it.
func send(ctx context.Context, conn *pgx.Conn, b *pgx.Batch) (tag string, last bool, err error) {
	results := conn.SendBatch(ctx, b)
	for i, q := range b.QueuedQueries {
		if q.Fn != nil {
			err = q.Fn(results)
		} else {
			var t pgconn.CommandTag
			t, err = results.Exec()
			tag = t.String()
		}
		if err != nil {
			last = i == len(b.QueuedQueries)-1
			break
		}
	}
	return tag, last, errors.Join(err, results.Close())
}

// undone reports whether a batch that failed so has changed nothing. The server skips what follows a
// statement that failed, so an error before COMMIT is one without COMMIT. Only of an ERROR: a FATAL may be a
// pooler's word for a server that it lost while COMMIT was on its way.
func undone(err error, commit bool) bool {
	e := (*pgconn.PgError)(nil)
	if pgconn.SafeToRetry(err) {
		return true // not a byte was sent
	}
	if !errors.As(err, &e) || e.SeverityUnlocalized != "ERROR" || e.Code == unknownCommit || e.Code[:2] == "08" {
		return false
	}
	return !commit || e.Code == serialization || e.Code == deadlock
}
