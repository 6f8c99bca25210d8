package ledger_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"testing"
	"time"

	"qkms/internal/audit"
	"qkms/internal/kmstest"
	"qkms/internal/ledger"
	"qkms/internal/record"
	"qkms/internal/record/recordpb"
	"qkms/internal/store"
)

// fixture is a ledger with a log of its own, over the store of a server.
type fixture struct {
	*ledger.Ledger
	t      *testing.T
	dir    string
	engine *interrupted
}

// interrupted is an engine that does something when a commit is done and has not been answered.
type interrupted struct {
	store.Engine
	then func() error
}

func (i *interrupted) Commit(ctx context.Context, t store.Txn) ([]store.Position, error) {
	at, err := i.Engine.Commit(ctx, t)
	if err == nil && i.then != nil {
		then := i.then
		i.then = nil
		err = then()
	}
	return at, err
}

func open(t *testing.T) *fixture {
	t.Helper()
	s := kmstest.New(t)
	f := &fixture{t: t, dir: t.TempDir(), engine: &interrupted{Engine: s.Engine}}
	log, err := audit.Open(f.dir, audit.Config{Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { log.Close() })
	book := record.Open(f.engine, s.Book.Ring(), 10)
	book.Log = "TEST"
	f.Ledger = ledger.New(ledger.Config{Book: book, Audit: log, Now: time.Now, Logger: slog.New(slog.DiscardHandler)})
	return f
}

// commit makes an alias, and returns the event id of the record.
func (f *fixture) commit() (string, error) {
	c := f.Book.Change()
	c.Insert(record.OfAlias(kmstest.Account, kmstest.Region, "alias/x"), &recordpb.Alias{Name: "alias/x"})
	rec := &audit.Record{EventName: "CreateAlias"}
	err := f.Commit(f.t.Context(), c, rec)
	return rec.EventID, err
}

func (f *fixture) settle() {
	f.t.Helper()
	if err := f.Settle(f.t.Context()); err != nil {
		f.t.Error(err)
	}
}

// want demands how often an event is in the log, and how many rows are in the outbox.
func (f *fixture) want(when, eventID string, records, rows int) {
	f.t.Helper()
	got := 0
	for e, err := range audit.Scan(f.dir) {
		if err != nil {
			f.t.Fatal(err)
		}
		if bytes.Contains(e.Line, []byte(eventID)) {
			got++
		}
	}
	if got != records {
		f.t.Errorf("%s: got %d records, want %d", when, got, records)
	}
	if n := len(f.outbox()); n != rows {
		f.t.Errorf("%s: got %d rows in the outbox, want %d", when, n, rows)
	}
}

func (f *fixture) outbox() []store.Record {
	f.t.Helper()
	rows, _, err := f.engine.List(f.t.Context(), []byte("o\x00\x01"), []byte("o\x00\x02"), store.MaxList)
	if err != nil {
		f.t.Fatal(err)
	}
	return rows
}

// A commit whose answer was lost is done all the same. Its record is in the log a minute later, once: there may be no
// other node, and no restart for months.
func TestRecordOfACommitOfUnknownOutcome(t *testing.T) {
	f := open(t)
	f.engine.then = func() error { return store.ErrUnknown }
	id, err := f.commit()
	if !errors.Is(err, store.ErrUnknown) {
		t.Fatalf("got %v, want ErrUnknown", err)
	}
	f.want("before", id, 0, 1)
	f.settle()
	f.settle()
	f.want("after", id, 1, 0)
}

// Whoever commits delivers the record, and nobody else meanwhile.
func TestRecordOfACommitUnderWay(t *testing.T) {
	f := open(t)
	f.engine.then = func() error { f.settle(); return nil }
	id, err := f.commit()
	if err != nil {
		t.Fatal(err)
	}
	f.want("after the commit", id, 1, 1)
	f.settle()
	f.want("a minute later", id, 1, 0)
}

// What the log had no room for is brought to it by Retry alone.
func TestRecordThatIsOwed(t *testing.T) {
	f := open(t)
	f.engine.then = func() error { return f.Audit.Close() }
	id, err := f.commit()
	if err == nil || f.Owed() != 1 {
		t.Fatalf("got %v, %d owed, want an error and 1", err, f.Owed())
	}
	f.settle()
	f.want("after settling", id, 0, 1)
}

// A row that came back, since the KEK was being rotated when it went, goes again without a second record.
func TestRowThatCameBack(t *testing.T) {
	f := open(t)
	id, err := f.commit()
	if err != nil {
		t.Fatal(err)
	}
	rows := f.outbox()
	f.settle()
	f.want("settled", id, 1, 0)
	back := store.Put{Shard: store.Loose, Key: rows[0].Key, Ver: rows[0].Ver, Body: rows[0].Body}
	if _, err := f.engine.Commit(t.Context(), store.Txn{Puts: []store.Put{back}}); err != nil {
		t.Fatal(err)
	}
	f.want("it came back", id, 1, 1)
	f.settle()
	f.want("settled again", id, 1, 0)
}
