package sqlite

import (
	"context"
	"errors"
	"fmt"
	"math"
	"path/filepath"
	"strings"

	"qkms/internal/store"
)

var _ store.Loader = (*DB)(nil)

// Load implements store.Loader, in one transaction that goes into the file itself, so that the disk needs room for what
// is loaded once (withoutLog).
func (d *DB) Load(ctx context.Context, snap store.Snapshot) error {
	d.mu.Lock() // nobody has a connection, and the writer has nothing to do: the session is ours
	defer d.mu.Unlock()
	if d.closed {
		return errClosed
	}
	if err := empty(d.session); err != nil {
		return err
	}
	return d.withoutLog(func() error {
		if err := d.load(ctx, snap); err != nil {
			return err
		}
		// With the name of its journal gone the transaction is committed, but a power cut could bring that back.
		if err := syncDirectory(filepath.Dir(d.path)); err != nil {
			return fmt.Errorf("%w: %w", store.ErrUnknown, err)
		}
		return nil
	})
}

// errNotLoaded has a transaction undone, whatever the reason: the snapshot may end in an error that of a commit would
// be an answer, such as the ErrFenced of the engine that it is read from.
var errNotLoaded = errors.New("not loaded")

func (d *DB) load(ctx context.Context, snap store.Snapshot) error {
	var why error
	answers, err := d.attempt([]*request{{apply: func(s *session) error {
		if why = fill(ctx, s, snap); why != nil {
			return errNotLoaded
		}
		return nil
	}}})
	switch {
	case why != nil:
		return why // as it is: what the snapshot says is wrong is no failure of this engine
	case err != nil:
		return unavailable(err)
	}
	return answers[0]
}

// withoutLog runs f while transactions change the file itself, and a journal beside it has what pages held before. Pages
// that are new have no before. So of a store that is filled the journal has a few pages, and undoing it after an error
// or a crash means to cut the file off where it ended.
func (d *DB) withoutLog(f func() error) error {
	d.readers.SetMaxIdleConns(0) // closes them: only for its last connection does SQLite give the log up
	defer d.readers.SetMaxIdleConns(readers())
	if err := d.journal("DELETE"); err != nil {
		return unavailable(fmt.Errorf("fill the file, which nothing else may have open: %w", err))
	}
	err := f()
	// No error of f: what it wrote is there. Without a log the store is as safe, readers and the writer wait for each
	// other, and the next Open tries again (configure).
	_ = d.journal("WAL")
	return err
}

// journal changes how transactions are made whole: WAL, or DELETE, which is by a file that is deleted afterwards.
func (d *DB) journal(mode string) error {
	var is string
	_, err := d.session.scan(`PRAGMA journal_mode = `+mode, nil, &is)
	if err == nil && !strings.EqualFold(is, mode) {
		return fmt.Errorf("the journal mode is %q, want %s", is, mode)
	}
	return err
}

// empty refuses a store that was ever written to: its heads would go backwards.
func empty(s *session) error {
	var used bool
	_, err := s.scan(`SELECT EXISTS (SELECT 1 FROM rec) OR EXISTS (SELECT 1 FROM head WHERE rev > 0)`, nil, &used)
	if err == nil && used {
		return store.ErrNotEmpty
	}
	return unavailable(err)
}

func fill(ctx context.Context, s *session, snap store.Snapshot) error {
	if snap.Heads.Epoch == 0 || snap.Heads.Epoch > math.MaxInt64 {
		return fmt.Errorf("store: load of epoch %d", snap.Heads.Epoch)
	}
	for r, err := range snap.Records {
		if err == nil {
			err = ctx.Err()
		}
		if err != nil {
			return err
		}
		if _, err := s.exec(`INSERT INTO rec (k, shard, ver, body) VALUES (?, ?, ?, ?)`, r.Key, r.Shard, int64(r.Ver), blob(r.Body)); err != nil {
			return unavailable(err)
		}
	}
	for shard, rev := range snap.Heads.Revs {
		if _, err := s.exec(`UPDATE head SET rev = ?, link = ? WHERE shard = ?`, int64(rev), snap.Links[shard], shard); err != nil {
			return unavailable(err)
		}
	}
	_, err := s.exec(`UPDATE meta SET val = ? WHERE name = 'epoch'`, int64(snap.Heads.Epoch))
	return unavailable(err)
}
