package coherence

import (
	"context"
	"time"

	"qkms/internal/store"
)

// What follows are the protocol's mistakes, for tests that must fail with them.

// CountFromReply makes the lease begin when the answer arrives.
func (l *Lease) CountFromReply() {
	l.renewal = func(ctx context.Context) (bool, error) {
		ctx, cancel := context.WithTimeout(ctx, l.patience)
		defer cancel()
		heads, err := l.Engine.Renew(ctx, store.Node{ID: l.ID(), Applied: *l.applied.Load()})
		if err != nil {
			return false, err
		}
		moved, err := l.follow(ctx, heads)
		if err == nil {
			now := l.Clock()
			l.granted.Store(&now)
		}
		return moved, err
	}
}

// ExtendBeforeApplying makes the lease count when the answer arrives, before its changes are applied.
func (l *Lease) ExtendBeforeApplying() {
	l.renewal = func(ctx context.Context) (bool, error) {
		ctx, cancel := context.WithTimeout(ctx, l.patience)
		defer cancel()
		sent := l.Clock()
		heads, err := l.Engine.Renew(ctx, store.Node{ID: l.ID(), Applied: *l.applied.Load()})
		if err != nil {
			return false, err
		}
		if l.granted.Load() != nil {
			l.granted.Store(&sent)
		}
		moved, err := l.follow(ctx, heads)
		if err == nil {
			l.granted.Store(&sent)
		}
		return moved, err
	}
}

// IgnoreDrift makes the lease as long as the bound, as if all clocks ran at one rate.
func (l *Lease) IgnoreDrift() { l.length = l.Bound }

// Patience sets how long one renewal may take.
func (l *Lease) Patience(d time.Duration) { l.patience = d }

// Bury sets how long a node must have been silent to get another id, and for its row to be removed.
func (l *Lease) Bury(unnamed, buried time.Duration) { l.unnamed, l.buried = unnamed, buried }

// KeepName has a node keep its id however long it was silent.
func (l *Lease) KeepName() { l.unnamed = 1 << 62 }
