package coherence

import (
	"context"
	"slices"
	"strings"
	"time"

	"qkms/internal/store"
)

// A Peer is one of the nodes that share the store, for people.
type Peer struct {
	ID   string
	Self bool // the node that looks
	Info
	Mute   bool          // Info is nothing: it cannot be read
	Silent time.Duration // for how long at least it has not renewed its lease, as far as looks have shown
}

// PeerOf reads a row of the nodes, as the node self sees it.
func PeerOf(n store.Node, self string) Peer {
	i, err := ParseInfo(n.Info)
	return Peer{ID: n.ID, Self: n.ID == self, Info: i, Mute: err != nil}
}

// String names it: the beginning of its id, its machine, its version and its bound.
func (p Peer) String() string {
	words := []string{p.ID[:min(len(p.ID), 6)], p.Host, p.Version}
	if p.Bound > 0 {
		words = append(words, p.Bound.String())
	}
	if p.Mute {
		words = append(words, "which says nothing of itself")
	}
	return strings.Join(slices.DeleteFunc(words, func(s string) bool { return s == "" }), " ")
}

// Bounds are the different bounds that peers have, the shortest first. More than one is a mistake: what a node with a shorter
// one calls fenced, one with a longer one may still use.
func Bounds(peers []Peer) (all []time.Duration) {
	for _, p := range peers {
		if p.Bound > 0 && !slices.Contains(all, p.Bound) {
			all = append(all, p.Bound)
		}
	}
	slices.Sort(all)
	return all
}

// Peers looks at the nodes that share the store, this one among them, in order of their names for people. A node that stopped since
// the last look, up to a fourth of the bound ago, is found to be silent by the next.
func (l *Lease) Peers(ctx context.Context) ([]Peer, error) {
	if !l.Shared() {
		return nil, nil
	}
	nodes, err := l.peers.look(ctx)
	if err != nil {
		return nil, err
	}
	var all []Peer
	for _, n := range nodes {
		p := PeerOf(n, l.ID())
		if p.Silent = l.peers.silence(n); p.Self {
			p.Silent = 0
		}
		all = append(all, p)
	}
	slices.SortFunc(all, func(a, b Peer) int { return strings.Compare(a.Host+" "+a.ID, b.Host+" "+b.ID) })
	return all, nil
}
