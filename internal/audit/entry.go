package audit

import (
	"fmt"
	"strconv"
	"sync"

	"qkms/internal/uuid"
)

// An entry is what is appended at once: a record and its copies. All of them are in the log, or none.
type entry struct {
	b    []byte // the lines as Encode renders them, one behind the other
	ends []int  // where in b each ends
	room int64  // how much of the spool may be full for them to go in

	next  *entry        // in the queue who came before, in a group who came after
	done  chan struct{} // sent to when another has written it, or could not
	flush *round        // that will cover it
	err   error         // why it is not in the log
}

const (
	prefix     = `{"seq":`
	lineHead   = 32 // at least len(prefix) + 20 digits + a comma
	maxLine    = 1 << 20
	maxPooled  = 16 << 10
	firstBytes = 2 << 10
)

var entryPool = sync.Pool{New: func() any {
	return &entry{b: make([]byte, 0, firstBytes), done: make(chan struct{}, 1)}
}}

func newEntry(room int64) *entry {
	e := entryPool.Get().(*entry)
	e.room = room
	return e
}

// release ends the use of e; nobody else may have it any more.
func (e *entry) release() {
	if cap(e.b) <= maxPooled {
		*e = entry{b: e.b[:0], ends: e.ends[:0], done: e.done}
		entryPool.Put(e)
	}
}

// render adds r. An empty EventID is set first.
func (e *entry) render(r *Record) {
	if r.EventID == "" {
		r.EventID = uuid.New()
	}
	e.b = r.append(e.b)
	e.ends = append(e.ends, len(e.b))
}

// check returns an error when a line is too long for whoever reads it.
func (e *entry) check() error {
	start := 0
	for _, end := range e.ends {
		if n := end - start; n > maxLine-lineHead {
			return fmt.Errorf("a record of %d bytes, more than %d", n, maxLine-lineHead)
		}
		start = end
	}
	return nil
}

// appendNumbered appends the lines as they stand in the log: with their numbers, from next on.
func (e *entry) appendNumbered(b []byte, next uint64) []byte {
	start := 0
	for i, end := range e.ends {
		b = strconv.AppendUint(append(b, prefix...), next+uint64(i), 10)
		b = append(b, ',')
		b = append(b, e.b[start+1:end]...) // the number comes with a brace
		b = append(b, '\n')
		start = end
	}
	return b
}
