package coherence

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"qkms/internal/store"
)

// peers is what a node knows of the others.
type peers struct {
	lease   *Lease
	tickets atomic.Uint64
	looking chan struct{} // holds a token while somebody looks: guards answer and covers
	answer  []store.Node
	covers  uint64       // tickets drawn before the look that brought answer
	longest atomic.Int64 // the longest bound of a node, as of the last look; nanoseconds

	mu   sync.Mutex
	seen map[string]sighting // guarded by mu
}

// A sighting is a beat of a peer, and when it was first seen: after the renewal that made it.
type sighting struct {
	beat uint64
	at   Reading
}

func newPeers(l *Lease) peers {
	return peers{lease: l, looking: make(chan struct{}, 1), seen: map[string]sighting{}}
}

// look returns the nodes as of some moment after the call. Those who ask while a look is under way share
// the next one.
func (p *peers) look(ctx context.Context) ([]store.Node, error) {
	ticket := p.tickets.Add(1)
	select {
	case p.looking <- struct{}{}:
		defer func() { <-p.looking }()
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	if ticket <= p.covers {
		return p.answer, nil
	}
	covers := p.tickets.Load()
	nodes, err := p.lease.Engine.Peers(ctx)
	if err != nil {
		return nil, err
	}
	p.answer, p.covers = nodes, covers
	p.sight(nodes)
	p.longest.Store(int64(p.longestOf(nodes)))
	return nodes, nil
}

// boundOf is the bound of a node: a node that was given another one than the rest, by a flag that was
// forgotten somewhere, must not be taken for gone while its lease holds.
func (p *peers) boundOf(n store.Node) time.Duration {
	if i, err := ParseInfo(n.Info); err == nil {
		return max(p.lease.Bound, min(i.Bound, MaxBound))
	}
	return p.lease.Bound
}

// longestOf is the longest bound of those who may be alive.
func (p *peers) longestOf(nodes []store.Node) time.Duration {
	longest := p.lease.Bound
	for _, n := range nodes {
		if bound := p.boundOf(n); p.silence(n) < bound {
			longest = max(longest, bound)
		}
	}
	return longest
}

// bound is by when a node has stopped that has said nothing since.
func (p *peers) bound() time.Duration { return time.Duration(p.longest.Load()) }

// deaf is for how long each node does nothing about further hints, by how many there were when somebody looked last.
func (p *peers) deaf() time.Duration {
	p.mu.Lock()
	defer p.mu.Unlock()
	return time.Duration(len(p.seen)) * share
}

// sight remembers since when each beat has stood.
func (p *peers) sight(nodes []store.Node) {
	now := p.lease.Clock()
	p.mu.Lock()
	defer p.mu.Unlock()
	seen := make(map[string]sighting, len(nodes))
	for _, n := range nodes {
		s, known := p.seen[n.ID]
		if !known || s.beat != n.Beat {
			s = sighting{n.Beat, now}
		}
		seen[n.ID] = s
	}
	p.seen = seen
}

// have reports whether every other node has applied the changes at these positions, or its lease is
// over: a renewal that a look after the commit does not show will find the commit. It is no judge of that
// without a lease of its own: it may be looking at a primary that was deposed, where nobody renews.
func (p *peers) have(ctx context.Context, at []store.Position) bool {
	nodes, err := p.look(ctx)
	if err != nil || !p.lease.Valid() {
		return false
	}
	for _, n := range nodes {
		if n.ID != p.lease.ID() && !hasApplied(n.Applied, at) && p.silence(n) < p.boundOf(n) {
			return false
		}
	}
	return true
}

func hasApplied(v store.Vector, at []store.Position) bool {
	for _, p := range at {
		if v[p.Shard] < p.Rev {
			return false
		}
	}
	return true
}

// keep looks now and then, so that a barrier knows at once who has been silent for long: the rows of nodes
// that crashed stay, and each would hold it up.
func (p *peers) keep(ctx context.Context) {
	for ctx.Err() == nil {
		look, cancel := context.WithTimeout(ctx, p.lease.patience)
		if nodes, err := p.look(look); err == nil {
			p.bury(look, nodes)
		}
		cancel()
		sleep(ctx, p.lease.Bound/4, nil)
	}
}

// bury removes the rows of nodes that died. Should one of them live, nothing is lost: its lease has been over
// for long, and its next renewal makes a row again, under another id.
func (p *peers) bury(ctx context.Context, nodes []store.Node) {
	engine, can := store.As[store.Leaver](p.lease.Engine)
	if !can || !p.lease.Valid() {
		return
	}
	for _, n := range nodes {
		if n.ID == p.lease.ID() || p.silence(n) < p.lease.buried {
			continue
		}
		if err := engine.Leave(ctx, n); err != nil {
			return // there is time
		}
		p.lease.counts.buried.Add(1)
		p.lease.Logger.Info("a node was silent for so long that it is forgotten", "node", n.ID, "info", n.Info)
	}
}

// silence is for how long at least n has not renewed.
func (p *peers) silence(n store.Node) time.Duration {
	now := p.lease.Clock()
	p.mu.Lock()
	defer p.mu.Unlock()
	s, known := p.seen[n.ID]
	if !known || s.beat != n.Beat {
		return 0
	}
	return now.Surely(s.at)
}
