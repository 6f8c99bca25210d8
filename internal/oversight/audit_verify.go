package oversight

import (
	"context"
	"sync"
	"time"

	"qkms/internal/audit"
)

// A Verification is what came of reading the log of one node from end to end.
type Verification struct {
	Running bool // the rest is not known yet, but Began
	Began   time.Time
	Took    time.Duration

	Records     uint64 // read
	Checkpoints int    // whose signature holds
	Unsigned    uint64 // records after the newest
	Retired     uint64 // records that the service removed, as a checkpoint says
	MovedAway   uint64 // records before this number were not read: their segments are elsewhere
	Found       int    // problems
	Problems    []string
	Failure     string // why it came to no end; "" of one that did
}

// shownProblems are as many as anybody reads.
const shownProblems = 100

// A Verifier verifies an audit log now and then, one verification at a time. Its methods may be called concurrently.
type Verifier struct {
	mu     sync.Mutex
	latest *Verification
	done   chan struct{} // closed when latest is; nil: none was begun
	stop   context.CancelFunc
	closed bool
}

// shortly is how long whoever asks is kept waiting: some hundred MiB of log.
const shortly = 3 * time.Second

// begin begins a verification unless one runs, and returns its outcome, or after a while that it runs.
func (v *Verifier) begin(ctx context.Context, now time.Time, log *audit.Log) *Verification {
	v.mu.Lock()
	if !v.closed && (v.latest == nil || !v.latest.Running) {
		var running context.Context
		running, v.stop = context.WithCancel(context.Background()) // it outlives who asked
		v.latest, v.done = &Verification{Running: true, Began: now.UTC()}, make(chan struct{})
		go v.run(running, log)
	}
	done := v.done
	v.mu.Unlock()
	patience := time.NewTimer(shortly)
	defer patience.Stop()
	select {
	case <-done:
	case <-patience.C:
	case <-ctx.Done():
	}
	return v.last()
}

func (v *Verifier) run(ctx context.Context, log *audit.Log) {
	began := time.Now()
	out := outcome(audit.VerifyContext(ctx, log.Dir(), log.VerifierKey(), nil))
	v.mu.Lock()
	defer v.mu.Unlock()
	out.Began, out.Took = v.latest.Began, time.Since(began)
	v.latest = out
	v.stop()
	close(v.done)
}

func outcome(rep audit.Report, err error) *Verification {
	if err != nil {
		return &Verification{Failure: err.Error()}
	}
	out := &Verification{
		Records: rep.Records, Checkpoints: rep.Checkpoints, Unsigned: rep.Unsigned, Retired: rep.Retired, MovedAway: rep.Unread, Found: len(rep.Problems),
	}
	for _, p := range rep.Problems[:min(len(rep.Problems), shownProblems)] {
		out.Problems = append(out.Problems, p.String())
	}
	return out
}

// last is the latest verification; nil: there was none.
func (v *Verifier) last() *Verification {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.latest == nil {
		return nil
	}
	out := *v.latest
	return &out
}

// Close ends a verification that runs, and waits for that; none begins any more.
func (v *Verifier) Close() {
	v.mu.Lock()
	v.closed = true
	done := v.done
	if v.stop != nil {
		v.stop()
	}
	v.mu.Unlock()
	if done != nil {
		<-done
	}
}
