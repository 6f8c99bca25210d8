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
	mu      sync.Mutex
	uses    map[Key]Use
	leaving map[Key]Use // what is being written: it goes as a whole, since a map does not give back the room it once had
}

// newestLocked is the newest use of k here.
func (s *stripe) newestLocked(k Key) (Use, bool) {
	if u, known := s.uses[k]; known {
		return u, true
	}
	u, known := s.leaving[k]
	return u, known
}

func (s *stripe) countLocked() int { return len(s.uses) + len(s.leaving) }

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
	old, known := s.newestLocked(k)
	if (known || s.countLocked() < most) && old.At <= u.At {
		s.uses[k] = u
	}
	crowded := s.countLocked() >= most/2
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
	here, known := s.newestLocked(k)
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
		n += s.countLocked()
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
	some := make([]record.Use, 0, batch)
	for i := range t.stripes {
		for k, u := range t.stripes[i].leave() {
			some = append(some, record.Use{
				Key: record.OfLastUse(k.Account, k.Region, k.ID), At: u.At,
				Use: &recordpb.LastUse{Operation: u.Operation, At: u.At, EventId: u.EventID, RequestId: u.RequestID},
			})
			if len(some) < batch {
				continue
			}
			if err := t.book.Touch(ctx, some); err != nil {
				return err
			}
			some = some[:0]
		}
	}
	if len(some) > 0 {
		if err := t.book.Touch(ctx, some); err != nil {
			return err
		}
	}
	for i := range t.stripes {
		t.stripes[i].left()
	}
	return nil
}

// leave returns what is to be written, which stays where Last finds it: at no moment is a use in neither place. Nobody but
// who flushes changes it from now on. What an earlier flush wrote before it failed is written again, and changes nothing.
func (s *stripe) leave() map[Key]Use {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.leaving == nil {
		s.leaving = s.uses
	} else {
		maps.Copy(s.leaving, s.uses)
	}
	s.uses = map[Key]Use{}
	return s.leaving
}

// left forgets what was written.
func (s *stripe) left() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.leaving = nil
}
