package sqlite

import (
	"context"

	"qkms/internal/store"
)

var _ store.Retirer = (*DB)(nil)

// retired is the row of meta that says that the store is in another place now.
const retired = "moved"

// Retire implements store.Retirer.
func (d *DB) Retire(ctx context.Context) error {
	return d.write(ctx, func(s *session) error {
		_, err := s.exec(`INSERT INTO meta (name, val) VALUES (?, 1) ON CONFLICT (name) DO NOTHING`, retired)
		return err
	})
}
