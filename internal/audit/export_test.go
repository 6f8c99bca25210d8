package audit

import (
	"runtime"
	"sync"
)

// Together runs do n times at once, and has l write what they append as one group.
func Together(l *Log, n int, do func(i int)) {
	var all sync.WaitGroup
	l.mu.Lock()
	for i := range n {
		all.Go(func() { do(i) })
	}
	for l.queue.len() < n {
		runtime.Gosched()
	}
	l.mu.Unlock()
	all.Wait()
}

// len is how many have joined; nobody may take them meanwhile.
func (q *queue) len() (n int) {
	for e := q.newest.Load(); e != nil; e = e.next {
		n++
	}
	return n
}
