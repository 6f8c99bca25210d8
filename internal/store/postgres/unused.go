package postgres

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"qkms/internal/store"
)

const (
	between = 1500 * time.Millisecond // two looks at the nodes: one that is alive and connected has renewed

	usualBound = 45 * time.Second // of a node that does not say its own
	leastBound = 2 * time.Second
	mostBound  = 300 * time.Second
)

// unused returns when no node answers from this store any more, with the rows that are left: store.ErrLocked at once
// when one of them renews.
//
// A node that stops removes its row. One that is left may be of a node that was killed, or of one that is cut
// off from the store, answers from memory, and does so until its staleness bound is over: nobody can tell
// them apart, so each is waited for. By the monotonic clock alone, which nobody sets.
func (d *DB) unused(ctx context.Context) ([]store.Node, error) {
	left, err := d.Peers(ctx)
	seen, begin := left, time.Now()
	for told := false; err == nil && len(left) > 0; {
		who, bound := longest(left)
		rest := bound - time.Since(begin)
		if rest <= 0 {
			break
		}
		if !told && time.Since(begin) >= between {
			told = true
			d.logger.Warn("a node did not leave the store: it may be cut off and answer from memory still, so its staleness bound is waited for", "node", who.Info, "wait", bound)
		}
		sleep(ctx, min(rest, between))
		if left, err = d.Peers(ctx); err == nil {
			err = silent(seen, left)
		}
	}
	return left, err
}

// silent returns store.ErrLocked when a node has renewed, or come, since the rows were as before.
func silent(before, now []store.Node) error {
	beats := map[string]uint64{}
	for _, n := range before {
		beats[n.ID] = n.Beat
	}
	for _, n := range now {
		if beats[n.ID] != n.Beat {
			return fmt.Errorf("nodes serve this store, one of them %s: stop them all first: %w", n.Info, store.ErrLocked)
		}
	}
	return nil
}

// longest is the node that may answer for longest, and for how long.
func longest(nodes []store.Node) (who store.Node, bound time.Duration) {
	for _, n := range nodes {
		if b := boundOf(n.Info); b > bound {
			who, bound = n, b
		}
	}
	return who, bound
}

// boundOf is the staleness bound in what a node says of itself (coherence.Info, which is above this package).
func boundOf(info string) time.Duration {
	var says struct {
		Bound string `json:"bound"`
	}
	if json.Unmarshal([]byte(info), &says) != nil {
		return usualBound
	}
	bound, err := time.ParseDuration(says.Bound)
	if err != nil {
		return usualBound
	}
	return min(max(bound, leastBound), mostBound)
}
