package memo

import (
	"sync"
	"sync/atomic"
)

// A stripe is a part of a cache, by hash. Who looks something up reads table alone; who changes it holds mu.
type stripe[K comparable, V any] struct {
	table atomic.Pointer[table[K, V]]

	mu      sync.Mutex // guards all below, and changes to table
	hand    *entry[K, V]
	n       int
	bytes   int64 // of the entries
	evicted uint64
	flights map[K]*flight[V] // loads whose value may enter
}

// A table is entries in buckets by hash: a power of two of them.
type table[K comparable, V any] struct {
	buckets []atomic.Pointer[entry[K, V]]
}

// bucket is how many bytes an entry takes of a table that is at most full and at least half so.
const bucket = 12

// An entry is one key and its value, which never change. It is in a bucket, and in the ring of its stripe, which the
// clock goes round (sweep).
type entry[K comparable, V any] struct {
	hash  uint32      // of 64 bits half: with used a word, and enough for sixty million buckets in each stripe
	used  atomic.Bool // since the hand last passed
	next  atomic.Pointer[entry[K, V]]
	key   K
	value V

	before, after *entry[K, V] // in the ring
	bytes         int64
}

// A flight is a load under way. All but done is written before done is closed.
type flight[V any] struct {
	done    chan struct{}
	value   V
	err     error
	aborted bool // the caller whose load it was gave up: its error is nobody else's
}

func newTable[K comparable, V any](size int) *table[K, V] {
	return &table[K, V]{make([]atomic.Pointer[entry[K, V]], size)}
}

// bucket is the one of a hash, whose lowest bits are the stripe's.
func (t *table[K, V]) bucket(hash uint32) *atomic.Pointer[entry[K, V]] {
	return &t.buckets[hash/stripes&uint32(len(t.buckets)-1)]
}

// first is where to begin to look for a hash.
func (t *table[K, V]) first(hash uint32) *entry[K, V] { return t.bucket(hash).Load() }

// touch marks e as used. It looks first: writing a shared word at every hit would move its cache line
// from core to core.
func (e *entry[K, V]) touch() {
	if !e.used.Load() {
		e.used.Store(true)
	}
}

// join returns what has come meanwhile, or the flight to wait for, or a new one, which is the caller's to fly.
func (s *stripe[K, V]) join(hash uint32, key K) (v V, f *flight[V], mine bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for e := s.table.Load().first(hash); e != nil; e = e.next.Load() {
		if e.hash == hash && e.key == key {
			e.touch()
			return e.value, nil, false
		}
	}
	if f = s.flights[key]; f != nil {
		return v, f, false
	}
	f = &flight[V]{done: make(chan struct{}), err: errUnfinished}
	s.flights[key] = f
	return v, f, true
}

// insertLocked puts e into a bucket, and into the ring just behind the hand: it is the last that the hand comes to.
func (s *stripe[K, V]) insertLocked(e *entry[K, V]) {
	if t := s.table.Load(); s.n >= len(t.buckets) {
		s.table.Store(t.doubled())
	}
	b := s.table.Load().bucket(e.hash)
	e.next.Store(b.Load())
	b.Store(e)
	s.n++
	s.bytes += e.bytes
	if s.hand == nil {
		e.before, e.after, s.hand = e, e, e
		return
	}
	e.before, e.after = s.hand.before, s.hand
	e.before.after, e.after.before = e, e
}

// doubled is t with twice as many buckets, and the same entries. Who is looking in t meanwhile may miss what is
// there, since entries change buckets under it, and then looks again under the lock (join); it never finds what is not.
func (t *table[K, V]) doubled() *table[K, V] {
	d := newTable[K, V](2 * len(t.buckets))
	for i := range t.buckets {
		for e := t.buckets[i].Load(); e != nil; {
			rest := e.next.Load()
			b := d.bucket(e.hash)
			e.next.Store(b.Load())
			b.Store(e)
			e = rest
		}
	}
	return d
}

// takeLocked takes e out of its bucket and the ring. Where it led to it still leads: somebody may be standing on it.
func (s *stripe[K, V]) takeLocked(e *entry[K, V]) {
	at := s.table.Load().bucket(e.hash)
	for at.Load() != e {
		at = &at.Load().next
	}
	at.Store(e.next.Load())
	s.n--
	s.bytes -= e.bytes
	switch {
	case e.after == e:
		s.hand = nil
	case s.hand == e:
		s.hand = e.after
	}
	e.before.after, e.after.before = e.after, e.before
}
