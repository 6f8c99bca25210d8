package oversight_test

import (
	"testing"
	"time"

	"qkms/internal/fault"
	"qkms/internal/kmstest"
	"qkms/internal/metrics"
	"qkms/internal/oversight"
)

// A point has what came since the one before, by whose fault it was, and what is older than is kept goes.
func TestSeries(t *testing.T) {
	clock := kmstest.NewClock()
	m := metrics.New(metrics.Config{Operations: []string{"Encrypt"}, Codes: fault.Codes})
	do := func(code fault.Code, took time.Duration) {
		r := metrics.Request{Operation: "Encrypt", Reached: metrics.Commit, Took: took}
		if code != "" {
			r.Told = fault.Bare(code)
		}
		m.Begin()
		m.Done(r)
	}
	do("", time.Hour) // before it is watched
	s := oversight.NewSampler(m.Totals, clock.Now)
	for range 97 {
		do("", time.Millisecond)
	}
	do(fault.Throttling, time.Second)
	do(fault.NotFound, time.Second)
	do(fault.Internal, time.Second)
	s.Sample()
	if got := s.Since(time.Hour); len(got.Points) != 0 {
		t.Errorf("before the first step is over: got %v", got.Points)
	}
	clock.Advance(10 * time.Second)
	s.Sample()
	got := s.Since(time.Hour).Points
	if len(got) != 1 {
		t.Fatalf("got %v, want one point", got)
	}
	p := got[0]
	if p.Requests != 100 || p.Throttled != 1 || p.Refused != 1 || p.Failed != 1 {
		t.Errorf("got %+v, want 100 requests, one of each kind", p)
	}
	within := func(d, want time.Duration) bool { return d >= want && d <= want+want/10 }
	if !within(p.P50, time.Millisecond) || !within(p.P99, time.Second) {
		t.Errorf("got half within %v, 99 of 100 within %v, want 1ms, 1s", p.P50, p.P99)
	}
	for range 3 * 360 * 2 {
		clock.Advance(10 * time.Second)
		s.Sample()
	}
	if got := s.Since(3 * time.Hour); len(got.Points) != 3*360 || got.Points[0].Requests != 0 || !got.Points[0].At.Before(got.Points[1].At) {
		t.Errorf("three hours: got %d points from %v", len(got.Points), got.Points[0])
	}
	coarse := s.Since(24 * time.Hour)
	if len(coarse.Points) != 72 || coarse.Points[0].Requests != 100 || coarse.Step != 5*time.Minute {
		t.Errorf("a day: got %d points of %v, the first %+v", len(coarse.Points), coarse.Step, coarse.Points[0])
	}
}

func TestSeriesIsForOperators(t *testing.T) {
	s := with(t)
	if got := ask[oversight.Series](t, s.As(kmstest.Account), "Series", "Hours", "1"); len(got.Points) != 0 || got.Started.IsZero() {
		t.Errorf("got %+v", got)
	}
	wantRefusal(t, s.As(other), "Series", "AccessDeniedException", "--operator-account "+other, "Hours", "1")
	wantRefusal(t, s.As(kmstest.Account), "Series", "ValidationException", "hours", "Hours", "169")
}
