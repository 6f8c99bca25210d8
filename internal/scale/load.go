package scale

import "time"

// A Load is what a deployment of one store has to do. Rates are per second, of all nodes together unless said.
type Load struct {
	Nodes int
	Seed  uint64
	Lasts time.Duration // of which the first second is not looked at

	Processors int // of the store; 0: Processors

	Grants float64 // CreateGrant, and as many RetireGrant
	Keys   int     // that are in use, the k-th of them 1/k as often as the first
	Rate   float64 // requests of each node for cryptography, by those keys
	Cached int     // keys of which a node's memory has all it needs
	Deaf   bool    // nodes are not told of restricting changes, as behind a pooler: they find them with the next renewal
	Crash  float64 // nodes killed; another comes up in its place at once
}

// A Result is what came of it.
type Result struct {
	PerSecond   [Kinds]float64 // calls of the store
	Rows        [Kinds]float64 // their rows
	Utilisation float64        // what was asked of the store, by what it can do; above 1 it cannot
	Hit         float64        // the part of requests that needed nothing from the store
	Queued      Spread         // how long calls waited for the store to be free
	Barrier     Spread         // how long RetireGrant waited to be fenced
	Pending     int            // of them that were not fenced within 5 s
	Stale       Spread         // until another node has applied a change, from its commit
}

const warmUp = time.Second

// Play plays it.
func (l Load) Play() *Result {
	w := &world{Load: l, store: newStation(l.Seed, l.Processors), result: new(Result)}
	w.clock = w.store.clock
	for range l.Nodes {
		w.join()
	}
	w.every(2*l.Grants, w.change)
	w.every(l.Crash, w.crash)
	hit, misses, used := l.memory()
	w.every(misses*float64(l.Nodes), w.miss)
	batches := (used + lastUseBatch - 1) / lastUseBatch
	w.every(float64(l.Nodes*batches)/lastUseEvery.Seconds(), func() { w.store.call(Touch, used/batches, nothing, nothing) })
	w.every(float64(l.Nodes)/sweepEvery.Seconds(), func() { w.store.call(Claim, 1, nothing, nothing) })
	w.play(warmUp)
	w.forget()
	w.play(l.Lasts)
	return w.sum(hit)
}

func nothing() {}

// forget starts to look.
func (w *world) forget() {
	*w.result = Result{}
	w.store.calls, w.store.rows, w.store.busy, w.store.queued = [Kinds]int{}, [Kinds]int{}, 0, Spread{}
}

func (w *world) sum(hit float64) *Result {
	seconds := (w.Lasts - warmUp).Seconds()
	r := w.result
	for k := range Kinds {
		r.PerSecond[k] = float64(w.store.calls[k]) / seconds
		r.Rows[k] = float64(w.store.rows[k]) / seconds
	}
	r.Utilisation = w.store.utilisation(w.store.busy, w.Lasts-warmUp)
	r.Queued, r.Hit = w.store.queued, hit
	return r
}
