package coherence_test

import (
	"context"
	"fmt"
	"os"
	"slices"
	"strconv"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"qkms/internal/coherence"
	"qkms/internal/store"
)

const bound = 4 * time.Second

// mistakes are what an implementation might get wrong. The zero value is without.
type mistakes struct {
	spoil         func(*coherence.Lease)                      // of the node
	check         func(*coherence.Lease, coherence.Use) error // before the answer
	lazyDrop      bool                                        // of the cache: it drops after it said so
	fillAnyway    bool                                        // of the cache: whatever was read enters
	joinAnyway    bool                                        // of the cache: who misses waits for a read that began before the drop
	barrierByWall bool                                        // of the clock
	renewByRead   bool                                        // of the engine, as all below
	async         bool                                        // the primary does not wait for its standby
	readDeposed   bool                                        // old connections go on being read from
	headsFirst    bool                                        // heads are read long before others see the renewal
}

// A judge knows what nobody in the world does: true time, and everything that happened.
type judge struct {
	mu       sync.Mutex
	changes  [keys]map[uint64]*change
	uses     int
	fences   int
	buried   uint64        // rows of nodes that were killed
	worst    time.Duration // staleness of a use
	verdicts []string
}

// A change is one that was acknowledged.
type change struct {
	by       *member
	finished time.Time
	fenced   time.Time // zero: not yet
}

func newJudge() *judge {
	j := &judge{}
	for key := range j.changes {
		j.changes[key] = map[uint64]*change{}
	}
	return j
}

func (j *judge) committed(by *member, at store.Position) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.changes[at.Shard][at.Rev] = &change{by: by, finished: time.Now()}
}

func (j *judge) fenced(at store.Position) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.fences++
	j.changes[at.Shard][at.Rev].fenced = time.Now()
}

// used judges an answer that was given at now by version ver. Only strictly later is later: what happens
// at one moment of virtual time happens in no order.
func (j *judge) used(m *member, key int, ver uint64, now time.Time) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.uses++
	for rev, c := range j.changes[key] {
		if rev <= ver {
			continue
		}
		stale := now.Sub(c.finished)
		j.worst = max(j.worst, stale)
		switch {
		case stale > bound:
			j.verdicts = append(j.verdicts, fmt.Sprintf("key %d used %v after its change", key, stale))
		case !c.fenced.IsZero() && now.After(c.fenced):
			j.verdicts = append(j.verdicts, fmt.Sprintf("key %d used %v after its change was fenced", key, now.Sub(c.fenced)))
		case c.by == m && stale > 0:
			j.verdicts = append(j.verdicts, fmt.Sprintf("key %d used by the node that had changed it %v before", key, stale))
		}
	}
}

// A play is one run of the simulation.
type play struct {
	seed    uint64
	nodes   int
	lasts   time.Duration // virtual
	workers int           // of a node
}

// perform lets nodes decide and change for a while, with everything going wrong that may.
func perform(t *testing.T, p play, wrong mistakes) *judge {
	j := newJudge()
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), p.lasts)
		defer cancel()
		w := newWorld(p.seed)
		w.mistakes, w.slow, w.hints = wrong, true, p.seed%2 == 1
		crew := &crew{w: w, play: p, judge: j}
		for range p.nodes {
			crew.hire(ctx, t)
		}
		crew.work.Go(func() { w.harm(ctx, t, crew) })
		for wait(ctx, w.within(time.Second)) {
			m := crew.anyone()
			crew.work.Go(func() { m.restrict(m.life, w.roll(keys)) })
		}
		crew.work.Wait()
		for _, m := range crew.all() {
			j.buried += m.Stats().Buried
		}
	})
	return j
}

// A crew is the nodes that are alive, and what they do.
type crew struct {
	play
	w     *world
	judge *judge
	work  sync.WaitGroup

	mu      sync.Mutex
	members []*member // guarded by mu
}

// hire starts a node. Every other seed is without hints.
func (c *crew) hire(ctx context.Context, t *testing.T) {
	m := c.w.join(ctx, t, c.judge, 1+0.005*(2*float64(c.w.roll(1001))/1000-1))
	if c.seed%2 == 0 {
		m.Patience(10 * time.Second) // as with a bound of a minute
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.members = append(c.members, m)
	c.work.Go(func() { m.run(m.life) })
	for range c.workers {
		c.work.Go(func() { c.w.work(m.life, m) })
	}
}

// fire ends a node as kill -9 would: its row stays.
func (c *crew) fire() {
	i := c.w.roll(len(c.all()))
	c.mu.Lock()
	defer c.mu.Unlock()
	c.members[i].die()
	c.members = slices.Delete(c.members, i, i+1)
}

func (c *crew) all() []*member {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clone(c.members)
}

func (c *crew) anyone() *member {
	all := c.all()
	return all[c.w.roll(len(all))]
}

func (w *world) work(ctx context.Context, m *member) {
	for wait(ctx, w.within(100*time.Millisecond)) {
		think := w.within(5 * time.Millisecond)
		if w.roll(20) == 0 {
			think = w.within(6 * time.Second)
		}
		m.use(ctx, w.roll(keys), think)
	}
}

// harm cuts nodes off, deposes the primary, sets wall clocks and kills nodes, for which others come.
func (w *world) harm(ctx context.Context, t *testing.T, crew *crew) {
	for wait(ctx, w.within(3*time.Second)) {
		m := crew.anyone()
		switch w.roll(5) {
		case 0:
			m.setWall(w.within(20*time.Second) - 10*time.Second)
		case 1:
			m.conn.setLink(down)
		case 2:
			m.conn.setLink(up)
		case 3:
			w.failOver()
			for _, m := range crew.all() {
				m.conn.setLink(link(w.roll(4)))
			}
			wait(ctx, w.within(3*bound))
			for _, m := range crew.all() {
				m.conn.setLink(up)
			}
		case 4:
			crew.fire()
			crew.hire(ctx, t)
		}
	}
}

// number reads a variable of the environment.
func number(t *testing.T, name string, otherwise int) int {
	t.Helper()
	s := os.Getenv(name)
	if s == "" {
		return otherwise
	}
	n, err := strconv.Atoi(s)
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return n
}

// QKMS_SEEDS=5000 is for the night, QKMS_NODES=500 QKMS_SEEDS=1 for scale.
func TestSimulation(t *testing.T) {
	nodes := number(t, "QKMS_NODES", 8)
	uses, fences, buried, worst := 0, 0, uint64(0), time.Duration(0)
	for seed := range number(t, "QKMS_SEEDS", 200) {
		j := perform(t, play{seed: uint64(seed), nodes: nodes, lasts: 30 * time.Second, workers: 2}, mistakes{})
		for _, v := range j.verdicts {
			t.Errorf("seed %d: %s", seed, v)
		}
		uses, fences, buried, worst = uses+j.uses, fences+j.fences, buried+j.buried, max(worst, j.worst)
	}
	t.Logf("%d uses, the stalest of a change %v ago (bound %v); %d changes fenced, %d rows of the dead removed", uses, worst, bound, fences, buried)
	if uses == 0 || fences == 0 || buried == 0 || worst < bound/2 {
		t.Errorf("nothing happened that could go wrong: %d uses, %d fenced, worst staleness %v", uses, fences, worst)
	}
}
