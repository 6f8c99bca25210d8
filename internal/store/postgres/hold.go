package postgres

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"qkms/internal/store"

	"github.com/jackc/pgx/v5"
)

// holdJob is the claim on the whole store.
const holdJob = "store"

// A hold makes one process the only one that uses a store. What it has in memory would be stale if
// another wrote, and nothing tells it yet of others' changes.
//
// It is a claim that is renewed all the time, by a write, and counts for two thirds of what the database
// grants: from before the renewal was sent, by the clock here. So it has ended here before it ends there,
// unless clocks drift by a third or a standby that takes over has a clock that far ahead. Every commit
// carries its fence, so one that was on its way while the hold passed on is refused.
type hold struct {
	fence store.Fence
	ttl   time.Duration
	stop  context.CancelFunc
	done  chan struct{} // closed when renewals have ended

	mu   sync.Mutex
	sent time.Time // of the last renewal that succeeded; guarded by mu
	lost bool      // guarded by mu
}

// errTaken is what a process hears that was taken for dead.
var errTaken = fmt.Errorf("%w: another process has taken the store over", store.ErrUnavailable)

// beats is how often a hold is renewed while it counts.
const beats = 6

// take waits for the hold, as long as nobody else shows to be alive.
func (d *DB) take(ctx context.Context, ttl time.Duration) error {
	h := &hold{ttl: ttl, done: make(chan struct{})}
	for begin, first := time.Now(), int64(0); ; {
		h.sent = time.Now()
		var until int64
		err := d.run(ctx, func(ctx context.Context, conn *pgx.Conn) (err error) {
			h.fence, err = claim(ctx, conn, nil, holdJob, ttl)
			if errors.Is(err, store.ErrClaimed) {
				err = errors.Join(err, conn.QueryRow(ctx, `SELECT until FROM job WHERE name = $1::text`, holdJob).Scan(&until))
			}
			return err
		})
		if !errors.Is(err, store.ErrClaimed) {
			if err != nil {
				return err
			}
			break
		}
		if first == 0 {
			first = until
		}
		if until != first || time.Since(begin) > 2*ttl {
			return fmt.Errorf("another qkms serves this store, and one at a time can: stop it first: %w", store.ErrLocked)
		}
		select {
		case <-time.After(ttl / 30):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	renewing, stop := context.WithCancel(context.Background())
	h.stop = stop
	d.hold = h
	go d.renew(renewing)
	return nil
}

// renew keeps the hold until ctx ends or it is lost.
func (d *DB) renew(ctx context.Context) {
	h := d.hold
	defer close(h.done)
	beat := time.NewTicker(h.valid() / beats)
	defer beat.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-beat.C:
		}
		sent := time.Now()
		trying, cancel := context.WithTimeout(ctx, h.valid()/2)
		err := d.extend(trying, h.ttl)
		cancel()
		if errors.Is(err, errTaken) {
			h.lose()
			return
		}
		if err == nil {
			h.mu.Lock()
			h.sent = sent
			h.mu.Unlock()
		}
	}
}

// lose ends the hold for good.
func (h *hold) lose() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.lost = true
}

// extend makes the hold last for ttl from now on; errTaken when another process has it.
func (d *DB) extend(ctx context.Context, ttl time.Duration) error {
	return d.retry(ctx, func(ctx context.Context, conn *pgx.Conn) error {
		var n int64
		b := begin()
		b.Queue(`UPDATE job SET until = `+clockSQL+` + $2::bigint WHERE name = $3::text AND fence = $4::bigint RETURNING 1`,
			(*int64)(nil), int64(ttl), holdJob, int64(d.hold.fence.Token)).Query(func(rows pgx.Rows) error {
			_, err := pgx.ForEachRow(rows, []any{&n}, func() error { return nil })
			return err
		})
		err := commit(ctx, conn, b)
		if err == nil && n == 0 {
			err = errTaken
		}
		return err
	})
}

// release ends the hold, so that the next process need not wait.
func (d *DB) release(ctx context.Context) error {
	d.hold.stop()
	<-d.hold.done
	if err := d.extend(ctx, 0); !errors.Is(err, errTaken) {
		return err
	}
	return nil
}

// valid is for how long a renewal counts.
func (h *hold) valid() time.Duration { return h.ttl / 3 * 2 }

// Held returns nil while nobody else can have changed the store, which is what an answer from memory
// needs: always without Options.Hold, otherwise until the hold lapses. The error wraps
// store.ErrUnavailable. It does no I/O.
func (d *DB) Held() error {
	if d.hold == nil {
		return nil
	}
	d.hold.mu.Lock()
	defer d.hold.mu.Unlock()
	if d.hold.lost {
		return errTaken
	}
	if age := elapsed(d.hold.sent); age >= d.hold.valid() {
		return fmt.Errorf("%w: the store has not been reached for %s, and another process may have taken it over", store.ErrUnavailable, age.Round(time.Second))
	}
	return nil
}

// elapsed is the time since t by the clock that says more: the monotonic one stands still while the
// machine is suspended, the other one can be set.
func elapsed(t time.Time) time.Duration {
	now := time.Now()
	return max(now.Sub(t), now.Round(0).Sub(t.Round(0)))
}
