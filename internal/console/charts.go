package console

import (
	"net/http"
	"slices"
	"strconv"
	"time"

	"qkms/internal/oversight"
)

// A span is how far back charts go.
type span struct {
	Hours int
	Name  string
}

var spans = []span{{1, "1 hour"}, {3, "3 hours"}, {24, "24 hours"}, {168, "7 days"}}

// chartsPage shows what the node did over time, for operators.
func (v *visit) chartsPage() error {
	hours, _ := strconv.Atoi(v.hr.URL.Query().Get("hours"))
	chosen := slices.IndexFunc(spans, func(s span) bool { return s.Hours == hours })
	if chosen < 0 {
		chosen = 0
	}
	var s oversight.Series
	if err := v.query(oversight.Signing, "Series", &s, "Hours", strconv.Itoa(spans[chosen].Hours)); err != nil {
		return err
	}
	v.show(http.StatusOK, "charts", "Charts", struct {
		Spans  []span
		Chosen span
		Series oversight.Series
		Charts []chart
	}{spans, spans[chosen], s, charts(s)})
	return nil
}

// charts are what is drawn of a series.
func charts(s oversight.Series) []chart {
	rate := func(of func(oversight.Point) uint64) func(oversight.Point) float64 {
		return func(p oversight.Point) float64 { return float64(of(p)) / s.Step.Seconds() }
	}
	in := func(of func(oversight.Point) time.Duration) func(oversight.Point) float64 {
		return func(p oversight.Point) float64 { return of(p).Seconds() * 1000 }
	}
	return []chart{
		draw(s, "requests", "Requests", "per second",
			line{Name: "answered", of: rate(func(p oversight.Point) uint64 { return p.Requests })}),
		draw(s, "errors", "Not done", "per second",
			line{Name: "refused: the caller's mistake, or no permission", of: rate(func(p oversight.Point) uint64 { return p.Refused })},
			line{Name: "throttled: too many at once", of: rate(func(p oversight.Point) uint64 { return p.Throttled })},
			line{Name: "failed: the service's fault", of: rate(func(p oversight.Point) uint64 { return p.Failed })}),
		draw(s, "latency", "Time to answer", "milliseconds",
			line{Name: "half of the requests within (p50)", of: in(func(p oversight.Point) time.Duration { return p.P50 })},
			line{Name: "99 of 100 within (p99)", of: in(func(p oversight.Point) time.Duration { return p.P99 })}),
	}
}
