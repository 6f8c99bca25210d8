package sqlite

import (
	"context"
	"fmt"
	"math"

	"qkms/internal/store"
)

var _ store.Loader = (*DB)(nil)

// Load implements store.Loader, in one transaction: the log grows to the size of what is loaded.
func (d *DB) Load(ctx context.Context, snap store.Snapshot) error {
	var why error
	err := d.write(ctx, func(s *session) error {
		if why = empty(s); why == nil {
			why = fill(ctx, s, snap)
		}
		return why
	})
	if why != nil {
		return why // as it is: what the snapshot says is wrong is no failure of this engine
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
