package bulkhead

import "slices"

// A waiter waits for its turn.
type waiter struct {
	path    [2]string // account, key
	lane    *Lane
	decided chan struct{} // closed when it runs, or is refused; err is written before
	err     error
}

// mayRunLocked says whether one more may run: there is a slot, or the lane has none.
func (l *Lane) mayRunLocked() bool {
	return l.running < l.most && (l.b.running < l.b.slots || l.running == 0)
}

func (l *Lane) grantLocked(w *waiter) {
	l.running++
	l.b.running++
	l.count.Begun++
	close(w.decided)
}

func (l *Lane) refuseLocked(w *waiter) {
	l.removeLocked(w)
	l.count.Refused++
	w.err = ErrFull
	close(w.decided)
}

// removeLocked takes w out of whatever it waits in.
func (l *Lane) removeLocked(w *waiter) {
	if i := slices.Index(l.b.spare, w); i >= 0 {
		l.b.spare = slices.Delete(l.b.spare, i, i+1)
		return
	}
	l.line.remove(w, w.path[:])
}

// dispatchLocked gives slots to those whose turn it is. Long ones are first: they have half of the slots at most, and
// would otherwise wait for as long as there is anything short.
func (b *Bulkhead) dispatchLocked() {
	for _, l := range []*Lane{b.Long, b.Short} {
		for l.line.n > 0 && l.mayRunLocked() {
			l.grantLocked(l.line.next())
		}
	}
	if b.running == 0 && len(b.spare) > 0 { // then nobody waits either: there was a slot for everybody
		w := b.spare[0]
		b.spare = slices.Delete(b.spare, 0, 1)
		w.lane.grantLocked(w)
	}
}

// A line is a tree of who waits: accounts, in each its keys, under each key its waiters in the order in which they came.
// Siblings take turns, so that a key waits for one computation of each other key of its account, and an account for one
// of each other account, however many of them wait. What a computation takes is not weighed: a P-384 signature may wait
// for one of RSA-4096.
type line struct {
	name    string
	n       int       // waiters
	lines   []*line   // below; the next to be served is the first
	waiters []*waiter // of a key
}

// add puts w at the end of the line at path.
func (l *line) add(w *waiter, path []string) {
	l.n++
	if len(path) == 0 {
		l.waiters = append(l.waiters, w)
		return
	}
	i := l.index(path[0])
	if i < 0 {
		i, l.lines = len(l.lines), append(l.lines, &line{name: path[0]})
	}
	l.lines[i].add(w, path[1:])
}

// next takes out the waiter whose turn it is; there must be one.
func (l *line) next() *waiter {
	l.n--
	if len(l.lines) == 0 {
		w := l.waiters[0]
		l.waiters = slices.Delete(l.waiters, 0, 1)
		return w
	}
	first := l.lines[0]
	w := first.next()
	l.lines = slices.Delete(l.lines, 0, 1)
	if first.n > 0 {
		l.lines = append(l.lines, first)
	}
	return w
}

// longest is the newest waiter of the longest line: of the account that has most, the key that has most.
func (l *line) longest() *waiter {
	if len(l.lines) == 0 {
		return l.waiters[len(l.waiters)-1]
	}
	most := l.lines[0]
	for _, below := range l.lines[1:] {
		if below.n >= most.n {
			most = below
		}
	}
	return most.longest()
}

// remove takes out w, which is at path.
func (l *line) remove(w *waiter, path []string) {
	l.n--
	if len(path) == 0 {
		i := slices.Index(l.waiters, w)
		l.waiters = slices.Delete(l.waiters, i, i+1)
		return
	}
	i := l.index(path[0])
	l.lines[i].remove(w, path[1:])
	if l.lines[i].n == 0 {
		l.lines = slices.Delete(l.lines, i, i+1)
	}
}

func (l *line) index(name string) int {
	return slices.IndexFunc(l.lines, func(below *line) bool { return below.name == name })
}
