package coherence_test

import (
	"context"
	"log/slog"
	"strconv"
	"sync"
	"testing"
	"time"

	"qkms/internal/coherence"
	"qkms/internal/memo"
	"qkms/internal/store"
)

// A memory is what a node remembers: the cache that records are kept in, of the versions of keys.
type memory struct {
	*memo.Cache[string, uint64]
	lazy bool            // it drops some time after it said so
	ctx  context.Context // of the world

	deaf *memo.Cache[string, uint64] // hears of no drop, and keeps nothing: for joinAnyway
}

func newMemory(ctx context.Context) *memory {
	return &memory{Cache: memo.New[uint64](memo.NewBudget(1 << 20)), ctx: ctx, deaf: memo.New[uint64](memo.NewBudget(0))}
}

func (m *memory) Drop(_ context.Context, n store.Note) error {
	if m.lazy {
		go func() {
			if wait(m.ctx, 20*time.Millisecond) {
				m.drop(int(n.Body[0]))
			}
		}()
		return nil
	}
	m.drop(int(n.Body[0]))
	return nil
}

func (m *memory) drop(key int) { m.Cache.Drop(name(key)) }

func name(key int) string { return strconv.Itoa(key) }

func (m *memory) DropAll(context.Context) error {
	m.Cache.DropAll()
	return nil
}

// get reads through.
func (m *memory) get(ctx context.Context, c *conn, key int) (uint64, error) {
	if ver, ok := m.Get(name(key)); ok {
		return ver, nil
	}
	read := func(ctx context.Context) (uint64, int64, error) {
		ver, err := c.version(ctx, key)
		return ver, 16, err
	}
	if c.w.joinAnyway {
		read = func(ctx context.Context) (uint64, int64, error) {
			ver, err := m.deaf.Load(ctx, name(key), func(ctx context.Context) (uint64, int64, error) {
				ver, err := c.version(ctx, key)
				return ver, 0, err
			})
			return ver, 16, err
		}
	}
	ver, err := m.Load(ctx, name(key), read)
	if err == nil && c.w.fillAnyway {
		return m.Load(ctx, name(key), func(context.Context) (uint64, int64, error) { return ver, 16, nil })
	}
	return ver, err
}

// A member is one node of the world.
type member struct {
	*coherence.Lease
	conn   *conn
	memory *memory
	judge  *judge
	life   context.Context
	die    func()

	mu   sync.Mutex
	wall time.Duration // by how much the wall clock was set; guarded by mu
}

// join makes a node whose clock runs at rate.
func (w *world) join(ctx context.Context, t *testing.T, j *judge, rate float64) *member {
	t.Helper()
	m := &member{conn: w.connect(), memory: newMemory(ctx), judge: j}
	m.memory.lazy = w.lazyDrop
	m.life, m.die = context.WithCancel(ctx)
	begin := time.Now()
	var err error
	m.Lease, err = coherence.New(coherence.Config{
		Engine: m.conn, Memory: m.memory, Bound: bound, Wait: 2 * bound, Logger: slog.New(slog.DiscardHandler),
		Clock: func() coherence.Reading {
			d := time.Duration(float64(time.Since(begin)) * rate)
			m.mu.Lock()
			defer m.mu.Unlock()
			r := coherence.Reading{Monotonic: d, Boot: d, Wall: d + m.wall}
			if w.barrierByWall {
				r.Monotonic = max(r.Monotonic, r.Wall)
			}
			return r
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	m.Bury(bound, 5*bound)
	if w.spoil != nil {
		w.spoil(m.Lease)
	}
	return m
}

// run takes part until ctx ends.
func (m *member) run(ctx context.Context) {
	for ctx.Err() == nil && m.Register(ctx) != nil {
		wait(ctx, 100*time.Millisecond)
	}
	m.Run(ctx)
}

func (m *member) setWall(by time.Duration) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.wall += by
}

// use decides by a key and answers, unless something forbids it. think is how long that takes.
func (m *member) use(ctx context.Context, key int, think time.Duration) {
	u, err := m.Begin()
	if err != nil {
		return
	}
	ver, err := m.memory.get(ctx, m.conn, key)
	if err != nil || !wait(ctx, think) {
		return
	}
	now := time.Now()
	check := u.Check
	if m.conn.w.check != nil {
		check = func() error { return m.conn.w.check(m.Lease, u) }
	}
	if check() == nil {
		m.judge.used(m, key, ver, now)
	}
}

// restrict changes a key, and waits until nobody uses what was before.
func (m *member) restrict(ctx context.Context, key int) coherence.Reach {
	at, err := m.conn.commit(ctx, key)
	m.memory.drop(key)
	m.Changed()
	if err != nil {
		return coherence.Reach{Pending: bound}
	}
	m.judge.committed(m, at)
	r := m.Barrier(ctx, []store.Position{at})
	if r.Fenced() {
		m.judge.fenced(at)
	}
	return r
}
