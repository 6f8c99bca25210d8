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

// A hold is a process's right to the whole store: shared with others, or, for what must be alone (a move),
// its own.
//
// One that is shared is the number of the newest exclusive one. Every renewal and commit carries it: whoever
// takes the store for itself raises the number, and what is on its way from nodes that did not notice is refused.
//
// One of its own is a claim that is renewed all the time, by a write, and counts for two thirds of what the database
// grants: from before the renewal was sent, by the clock here. So it has ended here before it ends there,
// unless clocks drift by a third or a standby that takes over has a clock that far ahead. Every commit
// carries its fence, so one that was on its way while the hold passed on is refused.
type hold struct {
	fence store.Fence
	ttl   time.Duration // 0: shared
	stop  context.CancelFunc
	done  chan struct{} // closed when renewals have ended

	mu   sync.Mutex
	sent time.Time // of the last renewal that succeeded; guarded by mu
	lost error     // why it ended for good; guarded by mu
}

// errTaken is what a process hears that was taken for dead.
var errTaken = fmt.Errorf("%w: another process has taken the store for itself, as `qkms move` does, and this one must not use it any more: "+
	"if the store was moved, serve from where it is now; else start this one again", store.ErrUnavailable)

// errChanged is what a process hears whose store was changed beyond it.
var errChanged = fmt.Errorf("%w: the store has been migrated to a format that this program is too old for", store.ErrUnavailable)

// beats is how often a hold is renewed while it counts.
const beats = 6

// share joins those who use the store, unless one has it for itself.
func (d *DB) share(ctx context.Context) error {
	h := &hold{fence: store.Fence{Job: holdJob}}
	err := d.run(ctx, func(ctx context.Context, conn *pgx.Conn) error {
		var token, until int64
		var held bool
		err := conn.QueryRow(ctx, `SELECT fence, until, until > `+clockSQL+` FROM job WHERE name = $2::text`, (*int64)(nil), holdJob).Scan(&token, &until, &held)
		switch {
		case errors.Is(err, pgx.ErrNoRows): // nobody ever had
			return nil
		case err == nil && until == forEver:
			return store.ErrMoved
		case err == nil && held:
			return errHeld
		}
		h.fence.Token = uint64(token)
		return err
	})
	d.hold = h
	return err
}

// errHeld is what those hear who must not use the store now.
var errHeld = fmt.Errorf("another qkms has this store for itself: wait until it is done: %w", store.ErrLocked)

// take waits for the store to be this process's own, as long as nobody else shows to be alive.
func (d *DB) take(ctx context.Context, ttl time.Duration) error {
	left, err := d.unused(ctx)
	if err != nil {
		return err
	}
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
		if until == forEver {
			return store.ErrMoved
		}
		if first == 0 {
			first = until
		}
		if until != first || time.Since(begin) > 2*ttl {
			return errHeld
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
	return d.still(ctx, left)
}

// still gives the hold back if a node has renewed since left was seen: it may answer from memory for its bound. None
// renews from now on, as a renewal that returns has found no hold after it was committed (Renew); so this look sees
// all there are.
func (d *DB) still(ctx context.Context, left []store.Node) error {
	now, err := d.Peers(ctx)
	if err == nil {
		err = silent(left, now)
	}
	if err != nil {
		err = errors.Join(err, d.release(ctx))
	}
	return err
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
			h.lose(err)
			return
		}
		if err == nil {
			h.mu.Lock()
			h.sent = sent
			h.mu.Unlock()
		}
	}
}

// taken ends the hold when err says that another process has it, or that the store is not for this program any more.
func (d *DB) taken(err error) {
	if errors.Is(err, errTaken) || errors.Is(err, errChanged) {
		d.hold.lose(err)
	}
}

// lose ends the hold for good.
func (h *hold) lose(why error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.lost = why
}

// extend makes the hold last for ttl from now on; errTaken when another process has it.
func (d *DB) extend(ctx context.Context, ttl time.Duration) error {
	return d.until(ctx, clockSQL+` + $2::bigint`, int64(ttl))
}

// until makes the hold last until when, in SQL, of $1, which is as in clockSQL, and $2; errTaken when another process has it.
func (d *DB) until(ctx context.Context, when string, arg int64) error {
	return d.retry(ctx, func(ctx context.Context, conn *pgx.Conn) error {
		var n int64
		b := begin()
		b.Queue(`UPDATE job SET until = `+when+` WHERE name = $3::text AND fence = $4::bigint RETURNING 1`,
			(*int64)(nil), arg, holdJob, int64(d.hold.fence.Token)).Query(func(rows pgx.Rows) error {
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
	if d.hold == nil || d.hold.ttl == 0 {
		return nil
	}
	d.hold.stop()
	<-d.hold.done
	if errors.Is(d.held(), store.ErrMoved) {
		return nil
	}
	if err := d.extend(ctx, 0); !errors.Is(err, errTaken) {
		return err
	}
	return nil
}

// valid is for how long a renewal counts.
func (h *hold) valid() time.Duration { return h.ttl / 3 * 2 }

// held returns nil while this process may use the store: until another is known to have taken it for itself, and
// with Options.Hold until the hold lapses. The error wraps store.ErrUnavailable. It does no I/O.
func (d *DB) held() error {
	if d.hold == nil { // not open yet
		return nil
	}
	d.hold.mu.Lock()
	defer d.hold.mu.Unlock()
	if d.hold.lost != nil {
		return d.hold.lost
	}
	if age := elapsed(d.hold.sent); d.hold.ttl > 0 && age >= d.hold.valid() {
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
