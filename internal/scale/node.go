package scale

import (
	"math"
	"time"
)

// The constants of package coherence, which has them to itself.
const (
	beat    = 500 * time.Millisecond
	nearest = 20 * time.Millisecond
	share   = 2500 * time.Microsecond
	page    = 1000
	quick   = 5 * time.Millisecond // the first pause of a barrier
	bound   = 45 * time.Second
	patient = 5 * time.Second // how long a barrier waits
)

// A world is what happens in one play of a Load.
type world struct {
	*clock
	Load
	store   *station
	nodes   []*node
	commits []commit // in the order of the change log
	result  *Result
}

type commit struct {
	by    *node
	known time.Duration // when whoever made it was told; 0: not yet
}

// A node renews its lease, applies the change log and waits at barriers, as coherence.Lease does.
type node struct {
	*world
	applied int           // commits of which memory is rid
	told    int           // what the store has of that
	crashed time.Duration // when; 0: it lives
	pause   int           // which pause it is in, or was in last
	resting bool          // it is in that pause
	woken   bool          // it is not to pause for long
	since   time.Duration // when the pause began

	said   bool          // it is about to tell the others of changes
	speaks time.Duration // when it may, at the earliest
	hears  time.Duration // when it was told last
	heard  bool          // it is about to renew for that
	deaf   time.Duration // until when it does nothing for that

	looking bool
	asking  []func(least int) // barriers that wait for the next look
}

func (w *world) join() {
	n := &node{world: w, applied: len(w.commits), told: len(w.commits)}
	w.nodes = append(w.nodes, n)
	w.after(w.between(0, beat), func() { n.renew(false) })
	w.after(w.between(0, bound/4), n.keep)
	if !w.Deaf {
		w.after(w.between(0, silence), n.ping)
	}
}

// renew is one renewal with what follows from it. One that brought changes is followed by a second one at once,
// which tells that they have been applied.
func (n *node) renew(tells bool) {
	if n.crashed > 0 {
		return
	}
	applied, heads := n.applied, 0
	n.store.call(Renew, 1, func() { n.told, heads = applied, len(n.commits) }, func() {
		moved := heads > n.applied
		n.follow(heads, func() {
			if moved && !tells {
				n.renew(true)
			} else {
				n.rest()
			}
		})
	})
}

// follow applies the change log up to heads.
func (n *node) follow(heads int, then func()) {
	if n.applied >= heads {
		then()
		return
	}
	upto := min(len(n.commits), n.applied+page)
	n.store.call(Changes, upto-n.applied, nothing, func() {
		for _, c := range n.commits[n.applied:upto] {
			if c.by != n && c.known > 0 {
				n.result.Stale.add(n.now - c.known)
			} else if c.by != n {
				n.result.Stale.add(0) // here before who made it knew
			}
		}
		n.applied = upto
		n.follow(heads, then)
	})
}

func (n *node) rest() {
	n.pause++
	n.resting, n.since = true, n.now
	if n.woken {
		n.until(nearest)
	} else {
		n.until(n.between(beat*8/10, beat*12/10))
	}
	n.woken = false
}

// until ends the pause when d has passed, if it is the one that it is in by then.
func (n *node) until(d time.Duration) {
	this := n.pause
	n.after(d, func() {
		if n.resting && n.pause == this {
			n.resting = false
			n.renew(false)
		}
	})
}

// wake ends the pause, once it has lasted a little, or the one that comes.
func (n *node) wake() {
	if n.woken = !n.resting; n.resting {
		n.until(n.since + nearest - n.now)
	}
}

// keep looks at the peers now and then.
func (n *node) keep() {
	if n.crashed == 0 {
		n.look(func(int) { n.after(bound/4, n.keep) })
	}
}

// barrier waits until every other node has said that it applied the first of so many commits.
func (n *node) barrier(commits int, begin, pause time.Duration) {
	n.look(func(least int) {
		switch waited := n.now - begin; {
		case least >= commits:
			n.result.Barrier.add(waited)
		case waited >= patient:
			n.result.Pending++
		default:
			if pause == quick && time.Duration(len(n.nodes))*share < beat {
				n.hint()
			}
			n.after(pause, func() { n.barrier(commits, begin, min(2*pause, 100*time.Millisecond)) })
		}
	})
}

// look finds out how far the one of the others is that is the farthest behind. Those who ask while a look is under
// way share the next one.
func (n *node) look(then func(least int)) {
	n.asking = append(n.asking, then)
	if !n.looking {
		n.lookNow()
	}
}

func (n *node) lookNow() {
	asked, least := n.asking, 0
	n.looking, n.asking = true, nil
	n.store.call(Peers, len(n.nodes), func() { least = n.least() }, func() {
		n.looking = false
		for _, then := range asked {
			then(least)
		}
		if len(n.asking) > 0 && !n.looking {
			n.lookNow()
		}
	})
}

func (n *node) least() int {
	least := math.MaxInt
	for _, other := range n.nodes {
		if other != n && (other.crashed == 0 || n.now-other.crashed < bound) {
			least = min(least, other.told)
		}
	}
	return least
}
