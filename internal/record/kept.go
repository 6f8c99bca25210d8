package record

import (
	"context"
	"errors"
	"sync"
	"time"

	"qkms/internal/seal"
)

const (
	catchUpEvery  = time.Second     // how often strangers can make the store be asked for keys
	catchUpWithin = 5 * time.Second // how long that may take
	ahead         = 1000            // KEKs that others may have made since this node looked
)

// OpenKept opens what somebody has kept who was given it: ring.Open of the keys in force. One that was sealed by
// another node a moment ago may be under keys that this one has yet to hear of. Whoever makes such things up can delay
// who has a genuine one, by as long as the store takes to answer twice and a second. The error is store.ErrUnavailable
// when nobody can tell which it is.
func (b *Book) OpenKept(ctx context.Context, ad seal.AD, sealed []byte) ([]byte, error) {
	for {
		ring := b.Ring()
		plain, err := ring.Open(ad, sealed)
		if !errors.Is(err, seal.ErrUnknownKEK) || !newer(ring, sealed) {
			return plain, err
		}
		if err := b.inquire(ctx); err != nil {
			return nil, err
		}
		if b.Ring() == ring {
			return nil, err
		}
	}
}

// newer reports whether sealed may be under a KEK made after those of ring: ids go up one by one, and none comes again.
func newer(ring *seal.Ring, sealed []byte) bool {
	id, err := seal.KEKOf(sealed)
	return err == nil && id > ring.Current() && id-ring.Current() <= ahead
}

// inquiries ask the store for keys, each for all who came before it began: for them it is as good as one of their own.
type inquiries struct {
	turn sync.Mutex // held by the one that goes on; taken before mu

	mu   sync.Mutex
	next *inquiry // has not begun; nil: nobody waits for one
	last time.Time
}

type inquiry struct {
	done chan struct{} // closed when err is there
	err  error
}

// inquire returns when the keys in force are those that the store had when it was called, or newer ones.
func (b *Book) inquire(ctx context.Context) error {
	q := b.inquiry()
	select {
	case <-q.done:
		return q.err
	case <-ctx.Done():
		return unfollowed(ctx.Err())
	}
}

func (b *Book) inquiry() *inquiry {
	i := &b.inquiries
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.next == nil {
		i.next = &inquiry{done: make(chan struct{})}
		time.AfterFunc(time.Until(i.last.Add(catchUpEvery)), b.answer)
	}
	return i.next
}

// answer is not bound to the context of anybody who waits for it: others do too.
func (b *Book) answer() {
	i := &b.inquiries
	i.turn.Lock()
	defer i.turn.Unlock()
	i.mu.Lock()
	q := i.next
	i.next, i.last = nil, time.Now()
	i.mu.Unlock()
	ctx, cancel := context.WithTimeout(context.Background(), catchUpWithin)
	defer cancel()
	if err := b.Follow(ctx); err != nil {
		q.err = unfollowed(err)
	}
	close(q.done)
}
