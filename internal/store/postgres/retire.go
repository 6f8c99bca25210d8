package postgres

import (
	"context"
	"errors"
	"fmt"
	"math"

	"qkms/internal/store"
)

var _ store.Retirer = (*DB)(nil)

// forEver is until when a store that was moved elsewhere is held.
const forEver = math.MaxInt64

// Retire implements store.Retirer. It is for whoever has the store alone (Options.Hold), whose hold becomes one that
// never ends.
func (d *DB) Retire(ctx context.Context) error {
	if d.hold.ttl == 0 {
		return errors.New("store: only who has the store alone can retire it")
	}
	d.hold.stop() // a renewal would end it
	<-d.hold.done
	err := d.until(ctx, `coalesce($1::bigint, $2::bigint)`, forEver)
	if err == nil {
		d.hold.lose(fmt.Errorf("%w: %w", store.ErrUnavailable, store.ErrMoved))
	}
	return err
}
