package scale

import "math"

// block is a run of keys that are asked for about equally often.
type block struct {
	keys float64
	rate float64 // requests per second for each of them, on one node
}

// blocks are the keys by Zipf's law, those that are rare in blocks of half a per cent of their rank.
func (l Load) blocks() (all []block) {
	whole := 0.0
	for rank := 1; rank <= l.Keys; {
		n := min(max(rank/200, 1), l.Keys-rank+1)
		b := block{float64(n), 1 / (float64(rank) + float64(n-1)/2)}
		whole += b.keys * b.rate
		all = append(all, b)
		rank += n
	}
	for i := range all {
		all[i].rate *= l.Rate / whole
	}
	return all
}

// memory is how a node fares with a memory of l.Cached keys, out of which a random one makes room for the next:
// the part of requests that need nothing of the store, how many do each second, and how many keys are used in the
// time between two writes of last uses.
//
// A key that is asked for λ times a second and dropped μ times is there λ/(λ+μ) of the time, and μ is such that
// there are as many as there is room for.
func (l Load) memory() (hit, misses float64, used int) {
	if l.Rate == 0 || l.Keys == 0 {
		return 1, 0, 0
	}
	blocks := l.blocks()
	kept := func(drops float64) (keys, hits float64) {
		for _, b := range blocks {
			there := b.rate / (b.rate + drops)
			keys, hits = keys+b.keys*there, hits+b.keys*b.rate*there
		}
		return keys, hits
	}
	low, high := 0.0, l.Rate
	for range 60 {
		if keys, _ := kept((low + high) / 2); keys > float64(l.Cached) {
			low = (low + high) / 2
		} else {
			high = (low + high) / 2
		}
	}
	_, hits := kept(high)
	keys := 0.0
	for _, b := range blocks {
		keys += b.keys * (1 - math.Exp(-b.rate*lastUseEvery.Seconds()))
	}
	return hits / l.Rate, l.Rate - hits, int(keys)
}
