package coherence_test

import (
	"context"
	"math/rand/v2"
	"sync"
	"time"

	"qkms/internal/store"
)

const (
	keys   = 8  // each alone in its shard, so that the revision of the shard is the version of the key
	window = 20 // notes that a shard keeps
)

// A world is a store with its failures. It is linearizable: whatever it does, it does at one moment, with
// mu held, some time after the call and some time before the answer.
type world struct {
	mistakes
	mu      sync.Mutex
	rng     *rand.Rand // guarded by mu
	primary *server    // guarded by mu
	deposed *server    // answers reads with what it had; nil: there is none; guarded by mu
	slow    bool       // calls may take seconds
	hints   bool       // some of them arrive
	conns   []*conn    // guarded by mu
}

// A server is a primary, or one that was.
type server struct {
	term  int
	heads store.Heads
	rows  map[string]store.Node
}

func newWorld(seed uint64) *world {
	return &world{
		rng:     rand.New(rand.NewPCG(seed, 0)),
		primary: &server{term: 1, heads: store.Heads{Epoch: 1}, rows: map[string]store.Node{}},
	}
}

func (s *server) clone() *server {
	c := *s
	c.rows = map[string]store.Node{}
	for id, n := range s.rows {
		c.rows[id] = n
	}
	return &c
}

// failOver promotes another primary. It has all that the former one has acknowledged.
func (w *world) failOver() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.deposed, w.primary = w.primary, w.primary.clone()
	w.primary.term++
}

// roll returns a number below n.
func (w *world) roll(n int) int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.rng.IntN(n)
}

// within returns a duration up to d.
func (w *world) within(d time.Duration) time.Duration { return time.Duration(w.roll(int(d) + 1)) }

// delay is how long a message is on its way.
func (w *world) delay() time.Duration {
	switch p := w.roll(100); {
	case !w.slow:
		return 0
	case p < 85:
		return w.within(10 * time.Millisecond)
	case p < 97:
		return w.within(300 * time.Millisecond)
	}
	return w.within(6 * time.Second)
}

// wait reports whether ctx lasted for d.
func wait(ctx context.Context, d time.Duration) bool {
	if d <= 0 {
		return ctx.Err() == nil
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// A link says whom a node reaches.
type link int

const (
	up    link = iota // the primary
	down              // nobody
	stale             // the deposed one, when there is one
	torn              // the primary for writes, the deposed one by connections of before for reads
)

// A conn is a node's way to the store. Of store.Engine it has what the protocol needs.
type conn struct {
	store.Engine
	w    *world
	link link // guarded by w.mu
	term int  // of the newest server that took a write; guarded by w.mu

	hinted chan struct{} // holds a token

	commitLasts time.Duration // of a renewal: from when it is sent until others see it
}

func (w *world) connect() *conn {
	c := &conn{w: w, hinted: make(chan struct{}, 1)}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.conns = append(w.conns, c)
	return c
}

func (c *conn) Hints() <-chan struct{} { return c.hinted }

// Hint reaches half of the others.
func (c *conn) Hint() {
	c.w.mu.Lock()
	defer c.w.mu.Unlock()
	for _, other := range c.w.conns {
		if c.w.hints && c.w.rng.IntN(2) == 0 {
			select {
			case other.hinted <- struct{}{}:
			default:
			}
		}
	}
}

func (c *conn) setLink(l link) {
	c.w.mu.Lock()
	defer c.w.mu.Unlock()
	c.link = l
}

// call does f at one moment, on the server that is reached by then; hang makes it wait for ever.
func (c *conn) call(ctx context.Context, write bool, f func(s *server) (hang bool)) error {
	c.w.mu.Lock()
	known := c.term
	c.w.mu.Unlock()
	if !wait(ctx, c.w.delay()) {
		return store.ErrUnavailable
	}
	c.w.mu.Lock()
	s := c.w.primary
	if c.w.deposed != nil && (c.link == stale || c.link == torn && !write) {
		s = c.w.deposed
	}
	hang := c.link == down
	if !hang && s.term < known && !c.w.readDeposed && !write {
		c.w.mu.Unlock()
		return store.ErrUnavailable // an engine reads nothing older than its own writes
	}
	if !hang {
		hang = f(s)
	}
	c.w.mu.Unlock()
	if hang {
		<-ctx.Done()
	}
	if !wait(ctx, c.w.delay()) {
		return store.ErrUnavailable
	}
	c.w.mu.Lock()
	defer c.w.mu.Unlock()
	if write {
		c.term = max(c.term, s.term)
	}
	return nil
}

// Renew is a write: the deposed primary waits for a standby that no longer listens.
func (c *conn) Renew(ctx context.Context, n store.Node) (heads store.Heads, err error) {
	if c.w.headsFirst {
		err = c.call(ctx, false, func(s *server) bool { heads = s.heads; return false })
	}
	if err != nil || !wait(ctx, c.commitLasts) {
		return heads, store.ErrUnavailable
	}
	err = c.call(ctx, !c.w.renewByRead, func(s *server) bool {
		if s == c.w.deposed && !c.w.async && !c.w.renewByRead {
			return true
		}
		n.Beat = s.rows[n.ID].Beat + 1
		s.rows[n.ID] = n
		if !c.w.headsFirst {
			heads = s.heads
		}
		return false
	})
	return heads, err
}

// Leave is a write like Renew.
func (c *conn) Leave(ctx context.Context, n store.Node) error {
	return c.call(ctx, true, func(s *server) bool {
		if s.rows[n.ID].Beat == n.Beat && s != c.w.deposed {
			delete(s.rows, n.ID)
		}
		return s == c.w.deposed
	})
}

func (c *conn) Changes(ctx context.Context, after store.Vector, limit int) (notes []store.Note, now store.Vector, err error) {
	var answer error
	err = c.call(ctx, false, func(s *server) bool {
		now, notes = after, nil
		for shard := range keys {
			head := s.heads.Revs[shard]
			switch {
			case after[shard] > head:
				answer = store.ErrRolledBack
			case after[shard]+window < head:
				answer = store.ErrGone
			}
			for now[shard] < head && len(notes) < limit {
				now[shard]++
				notes = append(notes, store.Note{Shard: shard, Rev: now[shard], Body: []byte{byte(shard)}})
			}
		}
		return false
	})
	if err == nil {
		err = answer
	}
	if err != nil {
		return nil, after, err
	}
	return notes, now, nil
}

func (c *conn) Peers(ctx context.Context) (nodes []store.Node, err error) {
	err = c.call(ctx, false, func(s *server) bool {
		for _, n := range s.rows {
			nodes = append(nodes, n)
		}
		return false
	})
	return nodes, err
}

// version reads a key.
func (c *conn) version(ctx context.Context, key int) (ver uint64, err error) {
	err = c.call(ctx, false, func(s *server) bool { ver = s.heads.Revs[key]; return false })
	return ver, err
}

// commit changes a key.
func (c *conn) commit(ctx context.Context, key int) (at store.Position, err error) {
	err = c.call(ctx, true, func(s *server) bool {
		if s == c.w.deposed {
			return true
		}
		s.heads.Revs[key]++
		at = store.Position{Shard: key, Rev: s.heads.Revs[key]}
		return false
	})
	return at, err
}
