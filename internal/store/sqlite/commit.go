package sqlite

import (
	"context"
	"fmt"

	"qkms/internal/store"
)

// trimEvery is how often, in revisions of a shard, its oldest notes are deleted.
const trimEvery = 256

// Commit implements store.Engine.
func (d *DB) Commit(ctx context.Context, t store.Txn) ([]store.Position, error) {
	shards, err := t.Vet()
	if err != nil {
		return nil, err
	}
	var at []store.Position
	err = d.write(ctx, func(s *session) (err error) {
		at, err = apply(s, &t, shards)
		return err
	})
	if err != nil {
		return nil, err
	}
	return at, nil
}

// apply refuses or writes. The transaction was begun IMMEDIATE, which locks every head at once, so
// the checks may come first: a refusal then has nothing to undo, and its neighbours in the batch stand.
func apply(s *session, t *store.Txn, shards []int) ([]store.Position, error) {
	if err := fenced(s, t.Fence); err != nil {
		return nil, err
	}
	for _, c := range t.Checks {
		if err := check(s, c); err != nil {
			return nil, err
		}
	}
	at := make([]store.Position, 0, len(shards))
	for _, shard := range shards {
		rev, err := advance(s, t, shard)
		if err != nil {
			return nil, err
		}
		at = append(at, store.Position{Shard: shard, Rev: rev})
	}
	return at, change(s, t)
}

func fenced(s *session, f *store.Fence) error {
	if f == nil {
		return nil
	}
	var newest int64
	found, err := s.scan(`SELECT fence FROM job WHERE name = ?`, []any{f.Job}, &newest)
	if err == nil && (!found || uint64(newest) != f.Token) {
		return fmt.Errorf("%w: job %q", store.ErrFenced, f.Job)
	}
	return err
}

func check(s *session, c store.Check) error {
	var ver int64
	_, err := s.scan(`SELECT ver FROM rec WHERE k = ?`, []any{c.Key}, &ver)
	if err == nil && uint64(ver) != c.Ver {
		return &store.Conflict{Key: c.Key}
	}
	return err
}

// advance moves the head of a shard by one and writes its note.
func advance(s *session, t *store.Txn, shard int) (uint64, error) {
	var rev int64
	var link []byte
	found, err := s.scan(`SELECT rev, link FROM head WHERE shard = ?`, []any{shard}, &rev, &link)
	if err != nil {
		return 0, err
	}
	if !found {
		return 0, fmt.Errorf("the store is damaged: shard %d has no head", shard)
	}
	rev++
	note := blob(t.Notes[shard])
	if t.Link != nil {
		link = t.Link(shard, uint64(rev), note, link)
	} else {
		link = nil
	}
	if _, err := s.exec(`UPDATE head SET rev = ?, link = ? WHERE shard = ?`, rev, link, shard); err != nil {
		return 0, err
	}
	if _, err := s.exec(`INSERT INTO chg (shard, rev, note, link) VALUES (?, ?, ?, ?)`, shard, rev, note, link); err != nil {
		return 0, err
	}
	if rev > store.NoteWindow && rev%trimEvery == 0 {
		_, err = s.exec(`DELETE FROM chg WHERE shard = ? AND rev <= ?`, shard, rev-store.NoteWindow)
	}
	return uint64(rev), err
}

func change(s *session, t *store.Txn) error {
	for _, del := range t.Deletes {
		if _, err := s.exec(`DELETE FROM rec WHERE k = ?`, del.Key); err != nil {
			return err
		}
	}
	for _, p := range t.Puts {
		if _, err := s.exec(`INSERT INTO rec (k, shard, ver, body) VALUES (?, ?, ?, ?)
			ON CONFLICT (k) DO UPDATE SET shard = excluded.shard, ver = excluded.ver, body = excluded.body`,
			p.Key, p.Shard, int64(p.Ver), blob(p.Body)); err != nil {
			return err
		}
	}
	return nil
}

// blob is b, never nil: the driver binds nil as NULL.
func blob(b []byte) []byte {
	if b == nil {
		return []byte{}
	}
	return b
}
