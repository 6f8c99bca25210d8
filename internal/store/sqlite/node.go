package sqlite

import (
	"context"
	"errors"
	"fmt"
	"math"
	"time"

	"qkms/internal/store"
)

// Renew implements store.Engine. It goes through the writer like any change, so that an answer
// proves the disk still takes writes.
func (d *DB) Renew(ctx context.Context, n store.Node) (store.Heads, error) {
	var heads store.Heads
	err := d.write(ctx, func(s *session) error {
		heads = store.Heads{}
		if err := s.heads(&heads); err != nil {
			return err
		}
		_, err := s.exec(`INSERT INTO node (id, beat, applied, info) VALUES (?, 1, ?, ?)
			ON CONFLICT (id) DO UPDATE SET beat = beat + 1, applied = excluded.applied, info = excluded.info`,
			n.ID, n.Applied.Within(heads.Revs).Bytes(), n.Info)
		return err
	})
	if err != nil {
		return store.Heads{}, err
	}
	return heads, nil
}

// heads reads where the change log ends, as of the writer's transaction.
func (s *session) heads(h *store.Heads) error {
	var epoch int64
	if _, err := s.scan(`SELECT val FROM meta WHERE name = 'epoch'`, nil, &epoch); err != nil {
		return err
	}
	h.Epoch = uint64(epoch)
	stmt, err := s.prepare(`SELECT shard, rev FROM head ORDER BY shard`)
	if err != nil {
		return err
	}
	rows, err := stmt.Query()
	if err != nil {
		return err
	}
	return scanHeads(rows, &h.Revs)
}

// Peers implements store.Engine.
func (d *DB) Peers(ctx context.Context) (peers []store.Node, err error) {
	err = d.read(func() error {
		rows, err := d.queries.peers.QueryContext(ctx)
		if err != nil {
			return err
		}
		defer rows.Close()
		for rows.Next() {
			var n store.Node
			var beat int64
			var applied []byte
			if err := rows.Scan(&n.ID, &beat, &applied, &n.Info); err != nil {
				return err
			}
			n.Beat = uint64(beat)
			if n.Applied, err = store.ParseVector(applied); err != nil {
				return err
			}
			peers = append(peers, n)
		}
		return rows.Err()
	})
	if err != nil {
		return nil, err
	}
	return peers, nil
}

// Leave implements store.Leaver.
func (d *DB) Leave(ctx context.Context, n store.Node) error {
	return d.write(ctx, func(s *session) error {
		_, err := s.exec(`DELETE FROM node WHERE id = ? AND beat = ?`, n.ID, int64(n.Beat))
		return err
	})
}

// Touch implements store.Engine.
func (d *DB) Touch(ctx context.Context, uses []store.Use) error {
	for _, u := range uses {
		if len(u.Key) > store.MaxKey {
			return fmt.Errorf("%w: a key of %d bytes", store.ErrTooLarge, len(u.Key))
		}
		if len(u.Key) == 0 || u.At == 0 || u.At > math.MaxInt64 {
			return errors.New("store: invalid use: it needs a key and a time")
		}
	}
	if len(uses) == 0 {
		return nil
	}
	return d.write(ctx, func(s *session) error {
		for _, u := range uses {
			if _, err := s.exec(`INSERT INTO rec (k, shard, ver, body) VALUES (?, ?, ?, ?)
				ON CONFLICT (k) DO UPDATE SET ver = excluded.ver, body = excluded.body WHERE excluded.ver > rec.ver`,
				u.Key, store.Loose, int64(u.At), blob(u.Body)); err != nil {
				return err
			}
		}
		return nil
	})
}

// Claim implements store.Engine.
func (d *DB) Claim(ctx context.Context, job string, ttl time.Duration) (store.Fence, error) {
	var token int64
	err := d.write(ctx, func(s *session) error {
		now := d.now()
		var until int64
		token = 0
		if _, err := s.scan(`SELECT fence, until FROM job WHERE name = ?`, []any{job}, &token, &until); err != nil {
			return err
		}
		if until > now.UnixNano() {
			return fmt.Errorf("%w: job %q", store.ErrClaimed, job)
		}
		token++
		_, err := s.exec(`INSERT INTO job (name, fence, until) VALUES (?, ?, ?)
			ON CONFLICT (name) DO UPDATE SET fence = excluded.fence, until = excluded.until`,
			job, token, now.Add(ttl).UnixNano())
		return err
	})
	if err != nil {
		return store.Fence{}, err
	}
	return store.Fence{Job: job, Token: uint64(token)}, nil
}
