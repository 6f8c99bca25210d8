// Package lastuse remembers when each key was last used for cryptography.
//
// A use is noted in memory, the newest per key, and written to the store within a minute: a crash
// forgets that much and no more (storage §8). Start with Tracker.
package lastuse

import (
	"context"
	"hash/maphash"
	"log/slog"
	"maps"
	"sync"
	"time"

	"qkms/internal/record"
	"qkms/internal/record/recordpb"
)

const (
	period  = time.Minute
	batch   = 500  // uses written in one transaction
	stripes = 64   // so that no lock is shared by all requests
	most    = 2048 // keys that one stripe remembers between two flushes: 131,072 in all
)

// A Key is which key was used: each Region of a multi-Region key for itself.
type Key struct{ Account, Region, ID string }

// A Use is one successful operation.
type Use struct {
	Operation string // as in the model
	At        int64  // milliseconds since 1970
	EventID   string // of the audit record
	RequestID string // what the caller got in x-amzn-RequestId
}

// A Tracker notes uses. Its methods may be called concurrently.
type Tracker struct {
	book    *record.Book
	log     *slog.Logger
	seed    maphash.Seed
	stripes [stripes]stripe
	wake    chan struct{} // a stripe is half full

	flushing sync.Mutex // two flushes would write the same uses twice
}

type stripe struct {
	mu   sync.Mutex
	uses map[Key]Use
	most int // uses since there was a new map
}

// New returns a tracker that writes to book.
func New(book *record.Book, log *slog.Logger) *Tracker {
	t := &Tracker{book: book, log: log, seed: maphash.MakeSeed(), wake: make(chan struct{}, 1)}
	for i := range t.stripes {
		t.stripes[i].uses = make(map[Key]Use)
	}
	return t
}

func (t *Tracker) stripe(k Key) *stripe {
	return &t.stripes[maphash.String(t.seed, k.ID)%stripes]
}

// Note remembers a use. Of the keys in use within one minute those beyond 131,072 may be forgotten,
// when the store cannot take the others in time.
func (t *Tracker) Note(k Key, u Use) {
	s := t.stripe(k)
	s.mu.Lock()
	old, known := s.uses[k]
	if (known || len(s.uses) < most) && old.At <= u.At {
		s.uses[k] = u
	}
	s.most = max(s.most, len(s.uses))
	crowded := len(s.uses) >= most/2
	s.mu.Unlock()
	if crowded {
		select {
		case t.wake <- struct{}{}:
		default: // a flush is due
		}
	}
}

// Last returns the newest use of k that this node or the store knows of; false: none.
func (t *Tracker) Last(ctx context.Context, k Key) (Use, bool, error) {
	s := t.stripe(k)
	s.mu.Lock()
	here, known := s.uses[k]
	s.mu.Unlock()
	stored, err := t.book.LastUse(ctx, record.OfLastUse(k.Account, k.Region, k.ID))
	if err != nil {
		return Use{}, false, err
	}
	if stored != nil && (!known || stored.At > here.At) {
		return Use{stored.Operation, stored.At, stored.EventId, stored.RequestId}, true, nil
	}
	return here, known, nil
}

// Backlog is how many uses are in memory alone.
func (t *Tracker) Backlog() int {
	n := 0
	for i := range t.stripes {
		s := &t.stripes[i]
		s.mu.Lock()
		n += len(s.uses)
		s.mu.Unlock()
	}
	return n
}

// Run flushes every minute until ctx is done. Flush once more when no request can come any more.
func (t *Tracker) Run(ctx context.Context) {
	tick := time.NewTicker(period)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		case <-t.wake:
		}
		if err := t.Flush(ctx); err != nil && ctx.Err() == nil {
			t.log.ErrorContext(ctx, "last uses cannot be written; it will be tried again", "error", err)
		}
	}
}

// Flush writes what was noted so far. What it could not write stays in memory.
func (t *Tracker) Flush(ctx context.Context) error {
	t.flushing.Lock()
	defer t.flushing.Unlock()
	var taken []noted
	for i := range t.stripes {
		taken = t.stripes[i].appendTo(taken)
	}
	for len(taken) > 0 {
		n := min(len(taken), batch)
		if err := t.write(ctx, taken[:n]); err != nil {
			return err
		}
		taken = taken[n:]
	}
	for i := range t.stripes {
		t.stripes[i].shrink()
	}
	return nil
}

// shrink gives back the room of uses that were written: a map keeps what it once had, and after 100,000 keys were used within a
// minute that would be 170 bytes for each of them, for ever.
func (s *stripe) shrink() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.most <= 4*len(s.uses) {
		return
	}
	uses := make(map[Key]Use, len(s.uses))
	maps.Copy(uses, s.uses)
	s.uses, s.most = uses, len(uses)
}

type noted struct {
	key Key
	use Use
}

func (s *stripe) appendTo(all []noted) []noted {
	s.mu.Lock()
	defer s.mu.Unlock()
	for k, u := range s.uses {
		all = append(all, noted{k, u})
	}
	return all
}

// write stores some uses and then forgets them, but for those that were overtaken meanwhile: at no
// moment is a use in neither place.
func (t *Tracker) write(ctx context.Context, some []noted) error {
	uses := make([]record.Use, len(some))
	for i, n := range some {
		uses[i] = record.Use{
			Key: record.OfLastUse(n.key.Account, n.key.Region, n.key.ID), At: n.use.At,
			Use: &recordpb.LastUse{Operation: n.use.Operation, At: n.use.At, EventId: n.use.EventID, RequestId: n.use.RequestID},
		}
	}
	if err := t.book.Touch(ctx, uses); err != nil {
		return err
	}
	for _, n := range some {
		s := t.stripe(n.key)
		s.mu.Lock()
		if s.uses[n.key] == n.use {
			delete(s.uses, n.key)
		}
		s.mu.Unlock()
	}
	return nil
}
