package throttle

// Places is how many accounts and Regions t has buckets of.
func Places(t *Throttle) (n int) {
	for i := range t.shards {
		n += len(t.shards[i].load())
	}
	return n
}
