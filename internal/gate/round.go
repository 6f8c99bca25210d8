package gate

import (
	"fmt"
	"runtime/debug"
	"strconv"
	"time"

	"qkms/internal/audit"
	"qkms/internal/fault"
)

// A round is the refused requests of one pause. They have one record, which is written before any of them is answered:
// no record, no answer. A record for each would make a flood that the processor withstands fill the disk.
type round struct {
	done chan struct{} // closed once the record is written, or is not
	err  error         // why it is not; not before done

	requests int
	from     map[string]int // requests by address
}

// tellers is how many addresses a record has. The others are in the sum.
const tellers = 32

// join adds a request to the round that will be closed next.
func (a *Admission) join(address string) *round {
	a.rounds.Lock()
	defer a.rounds.Unlock()
	r := a.round
	if r == nil {
		r = &round{done: make(chan struct{}), from: map[string]int{}}
		a.round = r
		time.AfterFunc(a.Pause, a.close)
	}
	r.requests++
	if _, known := r.from[address]; known || len(r.from) < tellers {
		r.from[address]++
	}
	return r
}

// close records the round that is open, and lets its requests be answered.
func (a *Admission) close() {
	a.rounds.Lock()
	r := a.round
	a.round = nil
	a.rounds.Unlock()
	defer close(r.done)
	defer a.rescue(r)
	r.err = a.Audit.Append(r.record(a.Now()))
	if r.err != nil {
		a.complain(r)
	}
}

// rescue makes of a panic that there is no record: in this goroutine, which is a timer's, it would end the process.
func (a *Admission) rescue(r *round) {
	if p := recover(); p != nil {
		r.err = fmt.Errorf("record refused requests: panic: %v", p)
		a.Logger.Error("panic while recording refused requests", "panic", p, "stack", string(debug.Stack()))
	}
}

func (a *Admission) complain(r *round) {
	if held, due := a.unrecorded.Due(a.Now()); due {
		a.Logger.Error("requests were refused by admission and cannot be recorded; this line comes once a minute at most", "requests", r.requests, "error", r.err, "not_said_before", held)
	}
}

// record is of strangers, to the audit log: nobody's signature was looked at, and so it has no part in the half of the
// room that is for callers.
func (r *round) record(now time.Time) *audit.Record {
	from, only := make(map[string]string, len(r.from)), ""
	for address, n := range r.from {
		from[address] = strconv.Itoa(n)
		only = address
	}
	if len(from) > 1 {
		only = ""
	}
	told := fault.Throttled()
	return &audit.Record{
		Time: now, SourceIP: only, ErrorCode: string(told.Code), ErrorMessage: told.Text,
		Additional: audit.Detail{audit.Int("requestsShed", r.requests), audit.StringMap("requestsByAddress", from)},
	}
}
