package gate

import (
	"cmp"
	"log/slog"
	"math"
	"math/rand/v2"
	"net/http"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"qkms/internal/audit"
	"qkms/internal/fault"
	"qkms/internal/metrics"
	"qkms/internal/query"
	"qkms/internal/uuid"
	"qkms/internal/wire"
)

// DefaultQueueDelay is how long requests may wait for a processor, a standing queue and not a moment, before some are
// refused. Long against anything that a server with time to spare does, short against what its callers wait for.
const DefaultQueueDelay = 20 * time.Millisecond

// AdmissionConfig says before what an Admission stands, and when it refuses.
type AdmissionConfig struct {
	Next   http.Handler
	Forms  []*query.Service                              // whose refusals are XML; the last is the one of requests that name none
	Page   func(http.ResponseWriter, *http.Request) bool // answers a refused request if it is a browser's, and reports whether; nil: there are none
	Audit  *audit.Log
	Now    func() time.Time
	Logger *slog.Logger
	Target time.Duration        // the wait for a processor beyond which requests are refused; 0: DefaultQueueDelay; negative: none ever is
	Pause  time.Duration        // refused requests wait for their answer for up to twice as long; 0: 250 ms
	Wait   func() time.Duration // the wait at present; called by one goroutine at a time; nil: a probe's
}

// An Admission is the http.Handler that decides whether a request is looked at: before its body is read, its
// signature checked or a key used. Beyond the capacity of the machine it answers ThrottlingException, so that those
// it lets in are answered in time.
//
// What it lets in costs some nanoseconds, and allocates nothing. Its methods may be called concurrently.
type Admission struct {
	AdmissionConfig
	began time.Time
	due   atomic.Int64  // when the wait is looked at next, since began
	shed  atomic.Uint32 // the share of requests to refuse, of 1<<32
	waits atomic.Int64  // the wait, when it was last looked at
	came  atomic.Int64  // requests and connections since then, about
	probe *probe        // nil: there is Wait

	refused, dropped atomic.Uint64

	mu      sync.Mutex // guards what follows: held by who looks
	control controller
	last    time.Duration // when it was looked, since began

	rounds     sync.Mutex    // guards round
	round      *round        // the refused requests that wait for their record; nil: none
	unrecorded audit.Sparing // about those that the audit log has no room for
}

// NewAdmission returns an admission that lets all in as yet. It fails when no more files can be opened.
func NewAdmission(c AdmissionConfig) (a *Admission, err error) {
	c.Target = cmp.Or(c.Target, DefaultQueueDelay)
	c.Pause = cmp.Or(c.Pause, 250*time.Millisecond)
	a = &Admission{AdmissionConfig: c, began: time.Now(), control: controller{target: c.Target, burst: patient}}
	if c.Wait == nil {
		a.probe, err = newProbe()
		if err != nil {
			return nil, err
		}
		a.Wait = a.probe.wait
	}
	return a, nil
}

// Close ends the admission, after all requests.
func (a *Admission) Close() {
	if a.probe != nil {
		a.probe.close()
	}
}

// few is how many requests to each processor are no line, however long they stand (RFC 8033 §4.1 has two packets): a handful of
// clients whose requests are slow are no flood, and to refuse them helps nobody.
const few = 8

// looksPer is of how many requests one looks at the clock, while none is refused: that costs most of what there is to do.
const looksPer = 8

// ServeHTTP implements http.Handler.
func (a *Admission) ServeHTTP(w http.ResponseWriter, hr *http.Request) {
	if hr.ProtoMajor > 1 { // of HTTP/1 a connection is one request, and was counted
		c := connOf(hr.Context())
		if !c.enter() {
			a.dropped.Add(1)
			panic(http.ErrAbortHandler) // the stream ends without an answer, which needs no record
		}
		defer c.leave()
	}
	if a.shed.Load() > 0 {
		a.came.Add(1)
		a.look()
	} else if rand.Uint32()%looksPer == 0 {
		a.came.Add(looksPer)
		a.look()
	}
	if share := a.shed.Load(); share > 0 && rand.Uint32() < share {
		a.refuse(w, hr)
		return
	}
	a.Next.ServeHTTP(w, hr)
}

// Busy reports, of one connection, whether to refuse it: of new ones a larger share than of requests, its square root,
// since a TLS handshake costs as much as several requests, and nobody has been promised anything yet.
func (a *Admission) Busy() bool {
	a.came.Add(1)
	a.look()
	share := a.shed.Load()
	return share > 0 && rand.Float64() < math.Sqrt(float64(share)/(1<<32))
}

// look takes a look at the wait if one is due. There is no goroutine that does: a server that nobody asks sleeps.
func (a *Admission) look() {
	now := time.Since(a.began)
	if int64(now) < a.due.Load() || a.Target < 0 || !a.mu.TryLock() {
		return
	}
	defer a.mu.Unlock()
	wait, elapsed := a.Wait(), now-a.last
	line := float64(a.came.Swap(0)) * wait.Seconds() / elapsed.Seconds() // Little's law
	if line < float64(few*runtime.GOMAXPROCS(0)) {
		wait = 0
	}
	share := a.control.after(elapsed, wait)
	a.last = now
	a.waits.Store(int64(wait))
	a.shed.Store(uint32(share * (1 << 32)))
	a.due.Store(int64(now + step))
}

// refuse answers a request that was not looked at, after a while: who asks again at once would otherwise have the
// machine do nothing but refuse, which costs most of what an answer does. A connection that waits costs nothing.
func (a *Admission) refuse(w http.ResponseWriter, hr *http.Request) {
	a.refused.Add(1)
	r := a.join(wire.Peer(hr))
	<-r.done
	select { // not all of them at once: they would be a burst, and come back as one
	case <-time.After(rand.N(a.Pause)):
	case <-hr.Context().Done():
	}
	if a.Page != nil && a.Page(w, hr) {
		return
	}
	id := uuid.New()
	switch form := query.Asked(hr); {
	case form && r.err == nil:
		query.Refuse(w, id, &query.Message{}, a.Forms, fault.RateExceeded())
	case form:
		query.Refuse(w, id, &query.Message{}, a.Forms, fault.InternalError())
	case r.err == nil:
		wire.Refuse(w, id, fault.Throttled())
	default:
		wire.Refuse(w, id, fault.InternalError())
	}
}

// Readings are what monitoring is told.
func (a *Admission) Readings() []metrics.Reading {
	return []metrics.Reading{
		{
			Name: "qkms_requests_shed_total", Total: true, Help: "Requests refused with ThrottlingException before anything was done for them, since the machine was busy. They are not in qkms_requests_total.",
			Read: func() float64 { return float64(a.refused.Load()) },
		}, {
			Name: "qkms_streams_dropped_total", Total: true, Help: "HTTP/2 requests dropped without an answer: their sender had its share of what --max-connections allows.",
			Read: func() float64 { return float64(a.dropped.Load()) },
		}, {
			Name: "qkms_queue_delay_seconds", Help: "How long a request would have waited for a processor, when one last came; 0 if few did. Beyond --queue-delay for long, requests are refused.",
			Read: func() float64 { return time.Duration(a.waits.Load()).Seconds() },
		},
	}
}
