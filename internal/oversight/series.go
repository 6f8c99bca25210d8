package oversight

import (
	"context"
	"sync"
	"time"

	"qkms/internal/metrics"
	"qkms/internal/query"
	"qkms/internal/record"
)

// A Point is what a node did in one step of a series.
type Point struct {
	At        time.Time // the end of the step
	Requests  uint64
	Throttled uint64 // of them, refused because there were too many
	Refused   uint64 // refused for another reason that the caller can do something about
	Failed    uint64 // not answered through no fault of the caller

	// By when half of the requests, and 99 of 100, were answered; 0: there was none.
	P50, P99 time.Duration
}

// A Series is what a node did over time, of all accounts together.
type Series struct {
	Started time.Time     // since when it is watched
	Step    time.Duration // between two points
	From    time.Time     // the beginning of what was asked for
	Until   time.Time
	Points  []Point // the oldest first; a step that nobody watched has none
}

// The steps that are kept: 10 seconds for three hours, 5 minutes for a week. A point takes 80 bytes, all of them a quarter of a MB.
const (
	fineStep   = 10 * time.Second
	fineKept   = 3 * time.Hour
	coarseStep = 5 * time.Minute
	coarseKept = 7 * 24 * time.Hour
)

// A ring keeps the newest points of one step.
type ring struct {
	step   time.Duration
	points []Point // in a circle once they are as many as are kept
	kept   int
	next   int // where the next point goes
	before metrics.Totals
	last   time.Time // when the last step ended
}

func newRing(step, kept time.Duration, now time.Time, t metrics.Totals) *ring {
	return &ring{step: step, kept: int(kept / step), before: t, last: now}
}

// sample ends a step if it is time.
func (r *ring) sample(now time.Time, t metrics.Totals) {
	if now.Sub(r.last) < r.step {
		return
	}
	d := t.Since(r.before)
	p := Point{At: now.UTC(), Requests: d.Requests, Throttled: d.Throttled, Refused: d.Refused, Failed: d.Failed, P50: d.Quantile(.5), P99: d.Quantile(.99)}
	if len(r.points) < r.kept {
		r.points = append(r.points, p)
	} else {
		r.points[r.next] = p
	}
	r.next, r.before, r.last = (r.next+1)%r.kept, t, now
}

// since are the points after a time, the oldest first.
func (r *ring) since(from time.Time) []Point {
	out := []Point{}
	for i := range r.points {
		at := i
		if len(r.points) == r.kept {
			at = (r.next + i) % r.kept
		}
		if p := r.points[at]; p.At.After(from) {
			out = append(out, p)
		}
	}
	return out
}

// A Sampler keeps in memory what a node did lately. Its methods may be called concurrently.
type Sampler struct {
	totals  func() metrics.Totals
	now     func() time.Time
	started time.Time

	mu           sync.Mutex
	fine, coarse *ring // guarded by mu
}

// NewSampler returns a Sampler of what totals counts.
func NewSampler(totals func() metrics.Totals, now func() time.Time) *Sampler {
	at, t := now(), totals()
	return &Sampler{totals: totals, now: now, started: at, fine: newRing(fineStep, fineKept, at, t), coarse: newRing(coarseStep, coarseKept, at, t)}
}

// Run samples until ctx is done.
func (s *Sampler) Run(ctx context.Context) {
	tick := time.NewTicker(fineStep)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			s.Sample()
		}
	}
}

// Sample takes a point if a step is over.
func (s *Sampler) Sample() {
	t := s.totals()
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.now().Add(fineStep / 100) // a tick that comes a little early is one all the same
	s.fine.sample(now, t)
	s.coarse.sample(now, t)
}

// Since is the series of so long up to now.
func (s *Sampler) Since(span time.Duration) *Series {
	s.mu.Lock()
	defer s.mu.Unlock()
	now, r := s.now().UTC(), s.fine
	if span > fineKept {
		r = s.coarse
	}
	out := &Series{Started: s.started.UTC(), Step: r.step, From: now.Add(-span), Until: now}
	out.Points = r.since(out.From)
	return out
}

type seriesIn struct {
	Hours int `is:"required,hours"`
}

// series says what the node did over time: how busy all accounts are together, which is for operators.
func (d *Deps) series() query.Row {
	return &query.Op[seriesIn, Series]{
		Name:  "Series",
		Check: func(c *query.Call, _ *seriesIn) error { return d.operates(c) },
		Needs: needs[seriesIn]("Series"),
		Run: func(_ context.Context, _ *query.Call, in *seriesIn) (*Series, *record.Change, error) {
			return d.Sampler.Since(time.Duration(in.Hours) * time.Hour), nil, nil
		},
		ReadOnly: true,
	}
}
