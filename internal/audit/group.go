package audit

import (
	"errors"
	"os"
	"sync/atomic"
	"time"

	"golang.org/x/mod/sumdb/tlog"
)

// A queue is where entries meet who want to be written: each is added to the front of a list, and the list is taken
// whole. Nobody holds a lock for it, and nobody is left behind: who finds the list empty takes it, once it has the
// log, with all who came meanwhile.
type queue struct{ newest atomic.Pointer[entry] }

// join adds e, and reports whether it is the first.
func (q *queue) join(e *entry) (first bool) {
	for {
		before := q.newest.Load()
		e.next = before // not to be looked at any more once e is in the list: who takes that turns it around
		if q.newest.CompareAndSwap(before, e) {
			return before == nil
		}
	}
}

// take returns all that joined, in their order.
func (q *queue) take() (group *entry) {
	for e := q.newest.Swap(nil); e != nil; {
		e, e.next, group = e.next, group, e
	}
	return group
}

// write returns when e is in the log, or e.err says why it is not. One at a time writes, for all who came while
// the one before it wrote: when the disk takes long they are one system call, not a call each. It does not wait for
// others to come. A group then gets larger, but to put the others to sleep and wake them costs as much as the call.
func (l *Log) write(e *entry) {
	if !l.queue.join(e) {
		<-e.done
		return
	}
	news, size := l.lead()
	for _, n := range news { // without the lock, which would make everybody wait for where the operator's log goes
		l.tell(n, size)
	}
}

// errUnwritten is what the others of a group are told when writing it did not end: then nobody is answered as recorded.
var errUnwritten = errors.New("the group of records was not written to its end")

// lead writes all who have joined, of whom the caller is the first, and lets the others go, whatever happens.
func (l *Log) lead() (news []notice, size int64) {
	l.mu.Lock()
	group := l.queue.take()
	defer func() {
		l.mu.Unlock()
		for other := group.next; other != nil; {
			next := other.next // it is not ours any more when it is told
			if other.err == nil && other.flush == nil {
				other.err = errUnwritten
			}
			other.done <- struct{}{}
			other = next
		}
	}()
	now := l.cfg.Now()
	for rest := group; rest != nil; {
		rest = l.writeSome(rest, now)
	}
	return l.judge(group), l.size
}

// writeSome numbers entries and writes them in one system call: as many, from first on, as one segment takes. It
// returns the first that is left. When the call fails none of those is in the log. l.mu is held.
func (l *Log) writeSome(first *entry, now time.Time) (rest *entry) {
	b, next := l.buf[:0], l.next
	e := first
	for ; e != nil; e = e.next {
		before := len(b)
		b = e.appendNumbered(b, next)
		if before > 0 && l.due(before, int64(len(b)), now) {
			b = b[:before]
			break
		}
		lines := uint64(len(e.ends))
		if e.err = l.admit(e, int64(len(b)), l.hashes(next+lines-l.next), now); e.err != nil {
			b = b[:before]
			continue
		}
		next += lines
	}
	if next > l.next {
		l.commit(first, e, b, next)
	}
	if cap(b) <= maxGroup {
		l.buf = b
	}
	return e
}

// maxGroup is how many bytes of a group keep their buffer for the next.
const maxGroup = 256 << 10

// hashes is how many bytes the spool needs for the hashes of so many records.
func (l *Log) hashes(records uint64) int64 {
	if l.keeper == nil {
		return 0
	}
	return tlog.HashSize * int64(records)
}

// admit makes room for b bytes of lines, the last of which are e's, and their hashes.
func (l *Log) admit(e *entry, b, hashes int64, now time.Time) error {
	if l.closed {
		return os.ErrClosed
	}
	if err := e.check(); err != nil {
		return err
	}
	return l.makeRoom(b, hashes, e.room, now)
}

// commit writes the lines of the entries from first up to rest, those that were refused left out.
func (l *Log) commit(first, rest *entry, b []byte, next uint64) {
	err := l.seg.write(b)
	if err == nil {
		if l.keeper != nil {
			l.keeper.add(l.seg.first, b)
		}
		l.size += int64(len(b)) + l.hashes(next-l.next)
		l.next = next
		l.markDirty()
	}
	for e := first; e != rest; e = e.next {
		if e.err == nil {
			e.err, e.flush = err, l.round
		}
	}
}
