// Package ledger makes a change durable together with its audit record.
//
// The record goes into the change's own transaction, so that no crash leaves one without the other,
// and from there to the audit log. Whatever changes a store comes this way: the pipeline, the sweep,
// the operator's verbs.
package ledger

import (
	"context"
	"errors"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"time"

	"qkms/internal/audit"
	"qkms/internal/record"
)

// Config is what a Ledger stands on; every field is needed.
type Config struct {
	Book   *record.Book
	Audit  *audit.Log
	Now    func() time.Time
	Logger *slog.Logger
}

// A Ledger commits. Its methods may be called concurrently, except Recover.
type Ledger struct {
	Config

	turn sync.Mutex // held by whoever gives the log what it is owed; taken before mu

	mu   sync.Mutex
	owed map[string][]byte // committed, refused by the log, still in the outbox; by event id
}

// New returns a ledger.
func New(c Config) *Ledger { return &Ledger{Config: c, owed: map[string][]byte{}} }

// Commit makes change and rec durable, and also what else there is to tell of the same change. It sets
// the time and event id of each record, and returns what record.Book.Commit returns. An error of the
// audit log is returned too, and then the change is done and its records safe in the outbox: the
// caller of the API learns nothing, the log gets them from Retry. As long as the log has no room for those nothing
// more is done: callers try again, and would make a key each time.
func (l *Ledger) Commit(ctx context.Context, change *record.Change, rec *audit.Record, also ...*audit.Record) error {
	if l.Owed() > 0 {
		if err := l.retry(); err != nil {
			return err
		}
	}
	line := l.encode(rec)
	lines := make([][]byte, len(also))
	for i, r := range also {
		lines[i] = l.encode(r)
		change.Record(r.EventID, lines[i])
	}
	if err := l.Book.Commit(ctx, change, rec.EventID, line); err != nil {
		return err
	}
	err := l.deliver(rec.EventID, line)
	for i, r := range also {
		err = errors.Join(err, l.deliver(r.EventID, lines[i]))
	}
	return err
}

// encode renders rec as of now, with an id for this attempt: a former one may be in the outbox.
func (l *Ledger) encode(rec *audit.Record) []byte {
	rec.Time, rec.EventID = l.Now(), ""
	return rec.Encode()
}

// Note records what changed nothing, in its own account and with its copies in those of the keys. What
// only read is durable within the log's flush interval, everything else on return.
func (l *Ledger) Note(rec *audit.Record, copies ...*audit.Record) error {
	rec.Time = l.Now()
	for _, c := range copies {
		c.Time = rec.Time
	}
	if rec.ReadOnly {
		return l.Audit.Append(rec, copies...)
	}
	return l.Audit.AppendDurable(rec, copies...)
}

func (l *Ledger) deliver(id string, line []byte) error {
	if err := l.Audit.AppendEncoded(line, true); err != nil {
		l.mu.Lock()
		defer l.mu.Unlock()
		l.owed[id] = line
		return err
	}
	l.Book.Delivered(id)
	return nil
}

// Owed is how many records of changes the log had no room for; they are safe in the store.
func (l *Ledger) Owed() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.owed)
}

// Retry gives the log what it had no room for.
func (l *Ledger) Retry() {
	if err := l.retry(); err != nil {
		l.Logger.Error("the audit log still has no room for records of changes", "records", l.Owed(), "error", err)
	}
}

func (l *Ledger) retry() error {
	l.turn.Lock()
	defer l.turn.Unlock()
	l.mu.Lock()
	owed := maps.Clone(l.owed)
	l.mu.Unlock()
	for id, line := range owed {
		if err := l.deliver(id, line); err != nil {
			return err
		}
		l.mu.Lock()
		delete(l.owed, id)
		l.mu.Unlock()
	}
	return nil
}

// Recover appends the records of changes that were committed and, the process having ended, never
// reached the log. A record that did reach it is not written twice. Call it before anything commits.
func (l *Ledger) Recover(ctx context.Context) error { return l.recover(ctx, time.Time{}) }

// orphaned is how old a record in the outbox is when it is nobody's any more: the node that committed it
// would have had it in its log within milliseconds, and taken the row away within minutes (Settle).
const orphaned = 15 * time.Minute

// Settle takes away the rows of what has reached the log, and adopts what is nobody's any more.
func (l *Ledger) Settle(ctx context.Context) error {
	if err := l.Book.Tidy(ctx); err != nil {
		return err
	}
	return l.Adopt(ctx, time.Now().Add(-orphaned))
}

// Adopt gives the log what other nodes have committed before then and not had in their logs. A node that was only
// stopped will write its record too: both have the same event id.
func (l *Ledger) Adopt(ctx context.Context, before time.Time) error { return l.recover(ctx, before) }

func (l *Ledger) recover(ctx context.Context, before time.Time) error {
	lines, err := l.Book.Undelivered(ctx, before)
	if err != nil || len(lines) == 0 {
		return err
	}
	ids := slices.Collect(maps.Keys(lines))
	missing, err := l.Audit.Missing(ctx, ids...)
	if err != nil {
		return err
	}
	for _, id := range missing {
		if err := l.Audit.AppendEncoded(lines[id], true); err != nil {
			return err
		}
	}
	for _, id := range ids {
		l.Book.Delivered(id)
	}
	return l.Book.Tidy(ctx)
}
