package admin

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"qkms/internal/coherence"
	"qkms/internal/store"
)

// watched is for how long nodes are watched: one that is alive renews its lease every 0.6 s at least.
const watched = 2 * time.Second

// nodesCheck looks twice at the nodes that share the store.
func (c *call) nodesCheck(ctx context.Context) Check {
	const what = "nodes"
	before, err := c.Engine.Peers(ctx)
	if err != nil {
		return Check{what, Problem, err.Error()}
	}
	after := time.NewTimer(watched)
	defer after.Stop()
	select {
	case <-after.C:
	case <-ctx.Done():
		return Check{what, Notice, ctx.Err().Error()}
	}
	now, err := c.Engine.Peers(ctx)
	if err != nil {
		return Check{what, Problem, err.Error()}
	}
	return judgeNodes(before, now, c.Lease.ID())
}

// judgeNodes compares two looks at the nodes, one of which is this one.
func judgeNodes(before, now []store.Node, self string) Check {
	const what = "nodes"
	beats := map[string]uint64{}
	for _, n := range before {
		beats[n.ID] = n.Beat
	}
	var alive, silent []string
	var working []coherence.Peer
	for _, n := range now {
		p := coherence.PeerOf(n, self)
		name := p.String()
		if beat, known := beats[n.ID]; known && beat == n.Beat && !p.Self {
			silent = append(silent, name)
			continue
		}
		if p.Self {
			name += ", this one"
		}
		alive, working = append(alive, name), append(working, p)
	}
	slices.Sort(alive)
	slices.Sort(silent)
	text := fmt.Sprintf("%d at work (%s)", len(alive), strings.Join(alive, "; "))
	if len(silent) > 0 {
		text += fmt.Sprintf("; %d silent for %v (%s): hanging, cut off, or killed, and waited for up to the bound", len(silent), watched, strings.Join(silent, "; "))
	}
	switch {
	case len(coherence.Bounds(working)) > 1:
		return Check{what, Problem, text + ". They disagree about the bound: what one with a shorter one calls fenced, one with a longer one may still use. Give all the same --staleness-bound"}
	case len(silent) > 0:
		return Check{what, Notice, text}
	}
	return Check{what, Fine, text}
}
