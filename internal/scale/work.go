package scale

import "time"

const (
	lastUseEvery = time.Minute // packages lastuse and sweep
	lastUseBatch = 500
	sweepEvery   = time.Minute
	hintGap      = 50 * time.Millisecond // package postgres: between two of a node
	silence      = time.Second           // and after which a connection is asked whether it is alive
)

// What a request needs of the store, besides the commit. TestCallsOfRequests counts them.
const (
	getsOfMiss   = 3 // GenerateDataKey by a key that memory lacks: the key, its policy, its material
	getsOfCreate = 1 // CreateGrant: how many grants there are, which the one before has changed
	getsOfRetire = 2 // RetireGrant: the grant, and how many there are
	usersOfGrant = 3 // nodes on which a grant is used, each of which lists those of the grantee, and gets it
)

// change is CreateGrant or RetireGrant, on any node.
func (w *world) change() {
	n := w.alive()
	gets, restricts := getsOfCreate, w.rng.Uint64()%2 == 0
	if restricts {
		gets = getsOfRetire
	}
	n.reads(gets, func() {
		at := 0
		w.store.commit(w.rng.IntN(len(w.store.shards)), func() {
			w.commits = append(w.commits, commit{by: n})
			at = len(w.commits)
		}, func() {
			w.commits[at-1].known = w.now
			if restricts {
				n.barrier(at, w.now, quick)
				return
			}
			for range min(len(w.nodes), usersOfGrant) {
				w.store.call(List, 1, nothing, func() { w.alive().reads(1, nothing) })
			}
		})
	})
}

// alive is any node that lives.
func (w *world) alive() *node {
	for {
		if n := w.nodes[w.rng.IntN(len(w.nodes))]; n.crashed == 0 {
			return n
		}
	}
}

// reads gets one record after the other.
func (n *node) reads(gets int, then func()) {
	if gets == 0 {
		then()
		return
	}
	n.store.call(Get, 1, nothing, func() { n.reads(gets-1, then) })
}

func (w *world) miss() { w.alive().reads(getsOfMiss, nothing) }

// hint tells the other nodes that something was taken away. One is sent for all who asked since the one before.
func (n *node) hint() {
	if n.Deaf || n.said {
		return
	}
	n.said = true
	n.after(n.speaks-n.now, func() {
		n.said, n.speaks = false, n.now+hintGap
		n.store.call(Hint, len(n.nodes)-1, nothing, func() {
			for _, other := range n.nodes {
				if other != n {
					other.hears = n.now
					other.hear()
				}
			}
		})
	})
}

// hear renews soon, and is deaf for a while then.
func (n *node) hear() {
	if n.heard {
		return
	}
	n.heard = true
	n.after(n.deaf-n.now, func() {
		n.heard, n.deaf = false, n.now+time.Duration(len(n.nodes))*share
		n.wake()
	})
}

// ping asks whether a connection is alive over which nothing was heard.
func (n *node) ping() {
	switch quiet := n.now - n.hears; {
	case n.crashed > 0:
	case quiet < silence:
		n.after(silence-quiet, n.ping)
	default:
		n.store.call(Ping, 1, nothing, func() { n.after(silence, n.ping) })
	}
}

// crash kills a node. Its row stays, and until it has been silent for the bound every barrier waits for it.
func (w *world) crash() {
	w.alive().crashed = w.now
	w.join()
}
