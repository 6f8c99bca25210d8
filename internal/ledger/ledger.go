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

// A Ledger commits. Its methods may be called concurrently.
type Ledger struct {
	Config

	turn sync.Mutex // held by whoever gives the log what it is owed; taken before mu

	adopting sync.Mutex // held by whoever gives the log what it finds in the outbox

	mu   sync.Mutex
	open map[string]bool   // event ids of commits under way, whose records will be in the log or owed to it
	owed map[string][]byte // committed, refused by the log, still in the outbox; by event id
	sent []sent            // in the log, in the order of their flushes
}

// New returns a ledger.
func New(c Config) *Ledger {
	return &Ledger{Config: c, open: map[string]bool{}, owed: map[string][]byte{}}
}

// Commit makes change and rec durable, and also what else there is to tell of the same change. It sets
// the time and event id of each record, and returns what record.Book.Commit returns. The records are durable in the
// outbox then and written to the log. An error of the audit log is returned too: the change is done, the
// caller of the API learns nothing, the log gets them from Retry. As long as the log has no room for those nothing
// more is done: callers try again, and would make a key each time.
func (l *Ledger) Commit(ctx context.Context, change *record.Change, rec *audit.Record, also ...*audit.Record) error {
	l.collect()
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
	defer l.begin(rec, also)()
	if err := l.Book.Commit(ctx, change, rec.EventID, line); err != nil {
		return err
	}
	err := l.deliver(rec.EventID, line)
	for i, r := range also {
		err = errors.Join(err, l.deliver(r.EventID, lines[i]))
	}
	return err
}

// begin keeps the records of a commit from being adopted until end is called. After a commit whose outcome is unknown
// they may be in the outbox: whatever is found there then is nobody's.
func (l *Ledger) begin(rec *audit.Record, also []*audit.Record) (end func()) {
	l.mu.Lock()
	defer l.mu.Unlock()
	all := append([]*audit.Record{rec}, also...)
	for _, r := range all {
		l.open[r.EventID] = true
	}
	return func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		for _, r := range all {
			delete(l.open, r.EventID)
		}
	}
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
// reached the log. A record that did reach it is not written twice.
func (l *Ledger) Recover(ctx context.Context) error { return l.Adopt(ctx, time.Time{}) }

// orphaned is how old another node's record in the outbox is when it is nobody's any more: the node that committed it
// would have had it in its log within milliseconds, and taken the row away within minutes (Settle).
const orphaned = 15 * time.Minute

// Settle takes away the rows of what has reached the log, and adopts what is nobody's any more. It is to be called
// every minute: rows that a rotation of the KEK has brought back are to be gone before another node adopts them.
func (l *Ledger) Settle(ctx context.Context) error {
	if err := l.Tidy(ctx); err != nil {
		return err
	}
	return l.Adopt(ctx, time.Now().Add(-orphaned))
}

// Tidy takes away the rows of what has reached the log, once that is durable.
func (l *Ledger) Tidy(ctx context.Context) error {
	l.await()
	return l.Book.Tidy(ctx)
}

// Adopt gives the log what its own node has committed and it does not have, since the outcome of the commit was unknown or
// the process ended; and what other nodes have committed before then and not had in their logs. A node that was only
// stopped will write its record too: both have the same event id.
func (l *Ledger) Adopt(ctx context.Context, before time.Time) error {
	l.adopting.Lock()
	defer l.adopting.Unlock()
	lines, err := l.Book.Undelivered(ctx, before)
	l.leave(lines)
	if err != nil || len(lines) == 0 {
		return err
	}
	ids := slices.Collect(maps.Keys(lines))
	missing, err := l.Audit.Missing(ctx, ids...)
	if err != nil {
		return err
	}
	for _, id := range missing {
		if err := l.append(lines[id]); err != nil {
			return err
		}
	}
	for _, id := range ids {
		l.Book.Delivered(id)
	}
	return l.Book.Tidy(ctx)
}

// append returns when a record is durable in the log.
func (l *Ledger) append(line []byte) error {
	flush, err := l.Audit.AppendEncoded(line)
	if err != nil {
		return err
	}
	return flush.Wait()
}

// leave takes out of lines what somebody here will deliver, or has and is waiting for. What was delivered since lines
// were read is in the log by now.
func (l *Ledger) leave(lines map[string][]byte) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, s := range l.sent {
		delete(lines, s.id)
	}
	maps.DeleteFunc(lines, func(id string, _ []byte) bool { return l.open[id] || l.owed[id] != nil })
}
