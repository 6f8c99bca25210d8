package sweep

import (
	"context"
	"errors"
	"time"

	"qkms/internal/audit"
)

// resealing is how long a sweep seals records again: the dates of keys must not wait for it.
const resealing = 20 * time.Second

// reseal goes on with a rotation of the KEK that was interrupted. A former KEK that stays would open, for whoever
// comes by it, every copy of the store there is.
func (s *Sweeper) reseal(ctx context.Context) error {
	out, err := s.Reseal.Finish(ctx, resealing)
	if len(out.Dropped) == 0 {
		return err
	}
	return errors.Join(err, s.Ledger.Note(&audit.Record{
		EventName: "RotateKeyEncryptionKey", EventSource: audit.SourceAdmin, EventType: audit.TypeServiceEvent,
		Identity:       audit.Identity{Type: "AWSService", InvokedBy: "AWS Internal"},
		ServiceDetails: audit.Detail{audit.Int("current", int64(out.Current)), audit.Int("resealed", out.Resealed), audit.Int("dropped", len(out.Dropped))},
	}))
}
