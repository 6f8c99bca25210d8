package postgres

import (
	"context"
	"errors"
	"math/rand/v2"
	"sync"
	"time"

	"qkms/internal/store"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

var _ store.Hinter = (*DB)(nil)

const (
	channel     = "qkms"                 // of NOTIFY; each database has its own
	hintGap     = 50 * time.Millisecond  // between two NOTIFYs of a process
	hintTimeout = 2 * time.Second        // of one
	silence     = time.Second            // of a connection that listens, after which it is asked whether it is alive
	redial      = 100 * time.Millisecond // until the next attempt to listen; doubles
	redialMost  = 10 * time.Second
)

// hints are a process's words to the others, and theirs to it. Nothing depends on them: a commit with NOTIFY in
// it takes a lock that all such commits share, a listener may be cut off for minutes and not know, and a
// pooler loses what was said between two transactions. So NOTIFY goes out after commits, on its own, a few times a second.
type hints struct {
	heard, said chan struct{} // hold one token each

	mu                  sync.Mutex
	ctx                 context.Context // of both loops
	stop                context.CancelFunc
	listening, speaking bool // guarded by mu
	running             sync.WaitGroup
}

func newHints() *hints {
	h := &hints{heard: make(chan struct{}, 1), said: make(chan struct{}, 1)}
	h.ctx, h.stop = context.WithCancel(context.Background())
	return h
}

// Hints implements store.Hinter. The first call begins to listen, over a connection besides those of the pool.
func (d *DB) Hints() <-chan struct{} {
	d.hints.begin(&d.hints.listening, d.listen)
	return d.hints.heard
}

// Hint implements store.Hinter.
func (d *DB) Hint() {
	d.hints.begin(&d.hints.speaking, d.speak)
	signal(d.hints.said)
}

// begin starts a loop, once.
func (h *hints) begin(begun *bool, loop func(context.Context)) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if !*begun && h.ctx.Err() == nil {
		*begun = true
		h.running.Go(func() { loop(h.ctx) })
	}
}

// end stops both loops and waits for them.
func (h *hints) end() {
	h.mu.Lock()
	h.stop()
	h.mu.Unlock()
	h.running.Wait()
}

func signal(token chan struct{}) {
	select {
	case token <- struct{}{}:
	default:
	}
}

// speak sends a NOTIFY when one was asked for. The one that is sent goes for all who asked before.
func (d *DB) speak(ctx context.Context) {
	for ctx.Err() == nil {
		select {
		case <-d.hints.said:
		case <-ctx.Done():
			return
		}
		if errors.Is(d.notify(ctx), errDeaf) {
			return
		}
		sleep(ctx, hintGap)
	}
}

func (d *DB) notify(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, hintTimeout)
	defer cancel()
	return d.run(ctx, func(ctx context.Context, conn *pgx.Conn) error {
		b := beginSynchronous("off")
		b.Queue(`SELECT pg_notify($1::text, '')`, channel)
		return speechless(commit(ctx, conn, b))
	})
}

// errDeaf is of a server, or what stands before it, by which nothing can be heard.
var errDeaf = errors.New("no LISTEN and NOTIFY here")

// speechless tells a server that does not know what NOTIFY is from one that is in trouble.
func speechless(err error) error {
	if c := code(err); len(c) == 5 && (c[:2] == "42" || c[:2] == "0A") { // syntax error or access rule violation; feature not supported
		return errors.Join(errDeaf, store.ErrUnavailable)
	}
	return err
}

// listen keeps a connection that listens, until ctx ends or it turns out to be no use.
func (d *DB) listen(ctx context.Context) {
	pause := redial
	for ctx.Err() == nil {
		begun := time.Now()
		if errors.Is(d.hear(ctx), errDeaf) {
			return
		}
		if pause *= 2; time.Since(begun) > redialMost {
			pause = redial
		}
		pause = min(pause, redialMost)
		sleep(ctx, pause/2+rand.N(pause/2)) // after a failover every node dials
	}
}

// hear listens over one connection until that is lost. It is lost too when it turns out to lead to a former
// primary, where nobody says anything any more.
func (d *DB) hear(ctx context.Context) error {
	conn, err := d.dial(ctx)
	if err != nil {
		return err
	}
	defer func() {
		closing, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
		defer cancel()
		_ = conn.Close(closing) // it was only to listen
	}()
	signal(d.hints.heard) // for what was said before
	for {
		quiet, cancel := context.WithTimeout(ctx, silence)
		err := conn.PgConn().WaitForNotification(quiet)
		cancel()
		if err == nil {
			continue // the connection's handler has it
		}
		if conn.IsClosed() || ctx.Err() != nil {
			return err
		}
		asking, cancel := context.WithTimeout(ctx, pingTimeout)
		err = d.snapshot(asking, conn, func(*pgx.Batch) {})
		cancel()
		if err != nil {
			return err
		}
	}
}

// dial returns a connection that listens. Behind a pooler that gives each transaction another connection
// nothing would ever be heard, and the pooler's connections would go on listening for nobody: what says so is
// that the server's process is not the one that the connection was said to be with when it began.
func (d *DB) dial(ctx context.Context) (*pgx.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	config := d.pool.Config().ConnConfig
	config.OnNotification = func(*pgconn.PgConn, *pgconn.Notification) { signal(d.hints.heard) }
	config.RuntimeParams["application_name"] += " hints"
	if err := neverCancel(ctx, config); err != nil {
		return nil, err
	}
	conn, err := pgx.ConnectConfig(ctx, config)
	if err != nil {
		return nil, err
	}
	var process uint32
	err = conn.QueryRow(ctx, `SELECT pg_backend_pid()`).Scan(&process)
	if err == nil && process != conn.PgConn().PID() {
		err = errDeaf
	}
	if err == nil {
		_, err = conn.PgConn().Exec(ctx, `LISTEN `+channel).ReadAll()
	}
	if err != nil {
		return nil, errors.Join(speechless(err), conn.Close(ctx))
	}
	return conn, nil
}

// sleep returns after d, or when ctx ends.
func sleep(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-ctx.Done():
	}
}
