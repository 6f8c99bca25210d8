// Package sweep does what happens because time passed.
//
// A key whose waiting period is over is deleted, and its ciphertexts never open again; a rotation of the KEK that was
// interrupted is finished; and the audit log is offered again what it had no room for. Firing late is safe, for a key is gone to every caller from its deletion date on
// whether or not the sweep has come by; firing twice is impossible, for every step is committed under
// the claim of the job.
package sweep

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"qkms/internal/coherence"
	"qkms/internal/custody"
	"qkms/internal/key"
	"qkms/internal/ledger"
	"qkms/internal/op"
	"qkms/internal/record"
	"qkms/internal/record/recordpb"
	"qkms/internal/reseal"
	"qkms/internal/store"
)

// Config is what a Sweeper stands on; every field is needed.
type Config struct {
	Book     *record.Book
	Lease    *coherence.Lease // the right to go by what Book remembers
	Resolver *key.Resolver
	Ops      *op.Deps
	Ledger   *ledger.Ledger
	Reseal   *reseal.Job
	Forget   func(custody.Ref) // drops a material from memory
	Now      func() time.Time
	Logger   *slog.Logger
}

// A Sweeper sweeps.
type Sweeper struct{ Config }

const (
	job    = "sweep"
	period = time.Minute
	claim  = 55 * time.Second // over by the next sweep, whoever's that is; one that takes longer is cut off by its fence, and goes on
	batch  = 100              // dates looked at in one page
)

// Run sweeps now and every minute until ctx is done.
func (s *Sweeper) Run(ctx context.Context) {
	tick := time.NewTicker(period)
	defer tick.Stop()
	for {
		s.Ledger.Retry()
		if err := errors.Join(s.Once(ctx), s.Ledger.Settle(ctx)); err != nil && ctx.Err() == nil {
			s.Logger.ErrorContext(ctx, "sweep failed; it will be tried again", "error", err)
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// Once does everything that is due, and returns nil when another node is at it, or should be: a node without a
// lease, such as one that was frozen for long, may know keys as they were then (docs/coherence.md, rule 6).
func (s *Sweeper) Once(ctx context.Context) error {
	if _, err := s.Lease.Begin(); err != nil {
		s.Logger.InfoContext(ctx, "no sweep: it is left to other nodes, or to the next minute", "reason", err)
		return nil
	}
	return errors.Join(s.dates(ctx), s.reseal(ctx))
}

// dates does what keys are due for.
func (s *Sweeper) dates(ctx context.Context) error {
	fence, err := s.Book.Engine().Claim(ctx, job, claim)
	if errors.Is(err, store.ErrClaimed) {
		return nil
	}
	if err != nil {
		return err
	}
	var after record.Key
	var failed error // one key that cannot be dealt with must not keep the others from their end
	for {
		page, more, err := record.Scan[recordpb.Due](ctx, s.Book, record.Dues(), after, batch)
		if err != nil {
			return errors.Join(failed, err)
		}
		for _, due := range page {
			if due.Key.DueAt().After(s.Now()) || !s.Lease.Valid() {
				return failed // the rest is later still, or left for later
			}
			if err := s.fire(ctx, due.Key, fence); err != nil {
				failed = errors.Join(failed, fmt.Errorf("%s of key %s: %w", due.Key.Part(1), due.Key.Part(4), err))
			}
			if ctx.Err() != nil {
				return errors.Join(failed, ctx.Err())
			}
			after = due.Key
		}
		if !more {
			return failed
		}
	}
}

// fire does what a date says, unless it was overtaken: a date outlives a cancelled deletion when the
// process ends between the two.
func (s *Sweeper) fire(ctx context.Context, due record.Key, fence store.Fence) error {
	account, region, id := due.Part(2), due.Part(3), due.Part(4)
	k, err := s.Resolver.Stored(ctx, account, region, id)
	if err != nil {
		return err
	}
	switch kind := due.Part(1); {
	case kind == op.DueExpiry && k != nil:
		return s.expire(ctx, k, due, fence)
	case kind == op.DueDeletion && k != nil && k.Gone(s.Now()):
		return s.deleteKey(ctx, k, due, fence)
	case kind == op.DueRotation && k != nil && !k.Gone(s.Now()):
		return s.rotateKey(ctx, k, due, fence)
	}
	return s.overtaken(ctx, k, due, fence)
}

// overtaken discards a date that k does not go by any more, or that no key does. Dates lost to an old idea of
// the key would never come again, so the commit depends on the key's record; one that changed meanwhile is left to the
// next sweep.
func (s *Sweeper) overtaken(ctx context.Context, k *key.Key, due record.Key, fence store.Fence) error {
	at, ver := record.OfKey(due.Part(2), due.Part(3), due.Part(4)), uint64(0)
	if k != nil {
		ver = k.Ver
	}
	err := s.commit(ctx, fence, func(c *record.Change) {
		c.Require(at, ver)
		c.Discard(due)
	})
	if _, changed := errors.AsType[*store.Conflict](err); changed {
		return nil
	}
	return err
}

func (s *Sweeper) commit(ctx context.Context, fence store.Fence, build func(*record.Change)) error {
	change := s.Book.Change()
	build(change)
	change.Under(fence)
	return s.Book.Commit(ctx, change, "", nil)
}
