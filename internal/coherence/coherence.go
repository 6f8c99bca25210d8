// Package coherence keeps what a node remembers of a shared store as new as the node promises.
//
// A Lease is a node's right to use its memory. Use Begin before the first look into memory, Check
// before the answer leaves, Barrier after a change that takes something away from somebody. The
// promise, the rules and why they hold are in docs/coherence.md; the proof is simulation_test.go. This
// is no election: any number of nodes hold leases at the same time, and none holds one for another.
package coherence

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	mathrand "math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"qkms/internal/store"
)

const (
	beat       = 500 * time.Millisecond  // between renewals, ± 20 %
	nearest    = 20 * time.Millisecond   // between renewals that were woken: hints must not drive the store
	share      = 2500 * time.Microsecond // of each node between hints that one goes by: together they renew 400 times a second for them
	drift      = 0.01                    // how far the rate of a node's clock may be from true time, either way
	page       = 1000                    // notes asked for at a time
	afterLapse = 60 * time.Second        // for which material outlives a lease

	// A node that was silent for unnamed goes on under another id, and the row of one that was silent for
	// buried is removed. The one is far more than the other: see name.
	unnamed = MaxBound
	buried  = 10 * MaxBound

	// DefaultBound covers a failover by Patroni with its defaults, a ttl of 30 s.
	DefaultBound = 45 * time.Second
	MinBound     = 2 * time.Second
	MaxBound     = 300 * time.Second

	defaultWait = 5 * time.Second
)

// ErrLapsed is returned when the lease is over: nothing that the node remembers may be used, and
// nothing it reads instead. A primary that was deposed answers reads as if it were one.
var ErrLapsed = errors.New("coherence: the node was out of touch with its store for too long")

// ErrChanged is returned when something was dropped from memory while it was in use: decide again.
var ErrChanged = errors.New("coherence: changed meanwhile")

// A Memory is everything that a node remembers of its store: records, what is made of them, that
// there are none. Its methods may be called concurrently with its use.
//
// Whatever was read from the store before a drop must not enter after it: who fills a memory notes
// its generation before it reads. Since Begin was called before the fill, Check refuses what was read.
type Memory interface {
	// Drop forgets what n says has changed. When it returns nobody is given it any more. An error
	// means that n was not understood; DropAll follows. One that wraps store.ErrUnavailable means that n could
	// not be dropped yet: the renewal has failed, and n comes again with the next one.
	Drop(ctx context.Context, n store.Note) error

	// DropAll forgets everything. On an error the renewal has failed.
	DropAll(ctx context.Context) error
}

// Config says how a node takes part.
type Config struct {
	Engine store.Engine // what the nodes share
	Memory Memory
	Info   string // about the node, for people: what Peers shows; an Info as text

	// Bound is the longest that any node goes on using what a finished commit has changed; the same
	// for all nodes of a store. MinBound to MaxBound; 0: DefaultBound.
	Bound time.Duration

	Wait   time.Duration  // the longest that Barrier waits; 0: 5 s
	Wipe   func()         // zeroises unsealed material: called when the lease has been over for a minute; nil: nothing
	Clock  func() Reading // this node's clocks; nil: the machine's
	Logger *slog.Logger   // nil: slog.Default()
}

// A Lease is one node's right to use its memory. Its methods may be called concurrently, except that Register,
// which may be repeated until it succeeds, returns before Run is called, and Run is called once.
type Lease struct {
	Config
	id       atomic.Pointer[string]
	named    Reading       // before the newest renewal that was answered, or when the id was made; used by renew alone
	unnamed  time.Duration // unnamed and buried, but in tests
	buried   time.Duration
	length   time.Duration // of the lease, by the node's own clock
	patience time.Duration // with one renewal

	granted  atomic.Pointer[Reading] // clocks before the newest renewal that succeeded was sent; nil: none did
	sequence atomic.Uint64           // rises after something was dropped from memory

	applied atomic.Pointer[store.Vector]        // what of the change log memory has dropped; written by follow alone
	epoch   uint64                              // used by follow alone
	cut     bool                                // history was, and memory has not been dropped since; used by renew and follow alone
	renewal func(context.Context) (bool, error) // renew, but in tests that show what happens otherwise
	woken   chan struct{}
	failing Reading               // when it was last said that renewals fail; zero: they do not; used by heed alone
	cause   atomic.Pointer[error] // why the last renewal failed; nil: it did not
	hinter  store.Hinter          // nil: the engine has no hints

	mu   sync.Mutex
	turn chan struct{} // closed when the next renewal has ended; guarded by mu

	peers  peers
	counts counts
}

// New returns a lease that does not hold yet: Register it. It fails when the bound is out of range.
func New(c Config) (*Lease, error) {
	if c.Bound == 0 {
		c.Bound = DefaultBound
	}
	if c.Bound < MinBound || c.Bound > MaxBound {
		return nil, fmt.Errorf("coherence: a staleness bound of %v: want %v to %v", c.Bound, MinBound, MaxBound)
	}
	if c.Wait == 0 {
		c.Wait = defaultWait
	}
	if c.Clock == nil {
		c.Clock = machine()
	}
	if c.Logger == nil {
		c.Logger = slog.Default()
	}
	l := &Lease{Config: c, unnamed: unnamed, buried: buried, length: length(c.Bound), woken: make(chan struct{}, 1), turn: make(chan struct{})}
	l.patience = min(l.length/3, 5*time.Second)
	l.rename(l.Clock())
	l.renewal = l.renew
	l.hinter, _ = store.As[store.Hinter](c.Engine)
	l.applied.Store(&store.Vector{})
	l.peers = newPeers(l)
	l.peers.longest.Store(int64(c.Bound))
	return l, nil
}

// length is how long a lease is by its holder's clock, for a bound by the clock of somebody else: the
// one may run slow by drift while the other runs fast.
func length(bound time.Duration) time.Duration {
	return time.Duration(float64(bound) * (1 - drift) / (1 + drift))
}

// Alone is the lease of the only process that uses a store: it holds for ever and waits for nobody.
// Changed counts all the same.
func Alone() *Lease {
	l := &Lease{length: 1, turn: make(chan struct{})}
	l.rename(Reading{})
	l.Clock = func() Reading { return Reading{} }
	l.granted.Store(&Reading{})
	l.applied.Store(&store.Vector{})
	return l
}

// Shared reports whether other nodes may use the store.
func (l *Lease) Shared() bool { return l.Engine != nil }

// ID names this run of the node in the store. Each run has another: what a former one is still doing
// must not be taken for this one's. It changes when the store could not be reached for minutes.
func (l *Lease) ID() string { return *l.id.Load() }

func (l *Lease) rename(now Reading) {
	id := rand.Text()
	l.id.Store(&id)
	l.named = now
}

// name sees to it that no row has a beat that another row of the same id had. The rows of nodes that have been
// silent for long are removed (peers.bury), and the beats of the next row of that id would start anew: who has
// seen the former row at the same beat would take the node for silent, while it holds a lease. So a node that
// was silent for long, though not nearly as long, comes back under another id.
func (l *Lease) name(sent Reading) string {
	if sent.Since(l.named) >= l.unnamed {
		l.rename(sent)
	}
	return l.ID()
}

// Register makes the node known and the lease hold. No request may be served before: a barrier elsewhere
// either sees the node, or the node sees the change. Memory is dropped.
func (l *Lease) Register(ctx context.Context) error {
	if l.Engine == nil {
		return nil
	}
	if _, err := l.once(ctx); err != nil {
		return fmt.Errorf("register with the store: %w", err)
	}
	return nil
}

// Run renews the lease until ctx ends. It returns when the renewal that is under way has ended, which takes five
// seconds at most.
func (l *Lease) Run(ctx context.Context) {
	if l.Engine == nil {
		return
	}
	var wait sync.WaitGroup
	wait.Go(func() { l.watch(ctx) })
	wait.Go(func() { l.peers.keep(ctx) })
	// A renewal that has begun is let end. Given up it may still be on its way to the store, and arrive when the
	// node has left: its row would be there again, and barriers wait for a node that is gone.
	whole := context.WithoutCancel(ctx)
	if l.hinter != nil {
		wait.Go(func() { l.hear(ctx) })
	}
	for ctx.Err() == nil {
		if moved, _ := l.once(whole); moved {
			_, _ = l.once(whole) // tells at once what has been applied: barriers wait for it
		}
		l.pause(ctx)
	}
	wait.Wait()
}

// Wake renews soon: for hints that something has changed. Nothing depends on them.
func (l *Lease) Wake() {
	select {
	case l.woken <- struct{}{}:
	default:
	}
}

// hear renews soon when others say that they changed something. What one says all hear, and all that it saves
// is half a second: so the more nodes there are, the longer each is deaf after a hint. Otherwise a hundred
// nodes that are told ten times a second ask more of the store than all their requests.
func (l *Lease) hear(ctx context.Context) {
	for {
		select {
		case <-l.hinter.Hints():
			l.counts.hints.Add(1)
			l.Wake()
			sleep(ctx, l.peers.deaf(), nil) // what is said meanwhile is heard then, once
		case <-ctx.Done():
			return
		}
	}
}

func (l *Lease) pause(ctx context.Context) {
	sleep(ctx, nearest, nil)
	sleep(ctx, time.Duration(float64(beat)*(0.8+0.4*mathrand.Float64()))-nearest, l.woken)
}

// sleep returns after d, or when woken or ctx say so.
func sleep(ctx context.Context, d time.Duration, woken <-chan struct{}) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-woken:
	case <-ctx.Done():
	}
}
