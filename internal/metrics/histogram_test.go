package metrics_test

import (
	"math"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"

	"qkms/internal/metrics"
)

// durations is the histogram of an operation.
func durations(t *testing.T, m *metrics.Metrics, operation string) *dto.Histogram {
	t.Helper()
	families, err := metrics.Gather(m)
	if err != nil {
		t.Fatal(err)
	}
	for _, family := range families {
		for _, one := range family.GetMetric() {
			if family.GetName() == "qkms_request_duration_seconds" && one.GetLabel()[0].GetValue() == operation {
				return one.GetHistogram()
			}
		}
	}
	t.Fatalf("no histogram of %s", operation)
	return nil
}

// natives are the counts of a native histogram by bucket.
func natives(h *dto.Histogram) map[int]int64 {
	counts, at, n := map[int]int64{}, 0, int64(0)
	deltas := h.GetPositiveDelta()
	for _, span := range h.GetPositiveSpan() {
		at += int(span.GetOffset())
		for range span.GetLength() {
			n, deltas = n+deltas[0], deltas[1:]
			if n != 0 {
				counts[at] = n
			}
			at++
		}
	}
	return counts
}

// What is counted in cells is what Prometheus's own histogram counts of the same durations, in either kind of bucket.
func TestHistogramAgainstReference(t *testing.T) {
	m := metrics.New(metrics.Config{Operations: []string{"Encrypt"}})
	bounds := []float64{50e-6, 100e-6, 250e-6, 500e-6, 1e-3, 2.5e-3, 5e-3, 10e-3, 25e-3, 50e-3, .1, .25, .5, 1, 2.5, 5, 10}
	reference := prometheus.NewHistogram(prometheus.HistogramOpts{Name: "x", Buckets: bounds, NativeHistogramBucketFactor: 1.1})
	var took []time.Duration
	for _, b := range bounds { // on the limits, and a nanosecond beside
		d := time.Duration(math.Round(b * 1e9))
		took = append(took, d-1, d, d+1)
	}
	for k := -19; k <= 5; k++ { // native limits that are exact
		d := time.Duration(math.Exp2(float64(k)) * 1e9)
		took = append(took, d, d+1)
	}
	random := rand.New(rand.NewPCG(1, 2))
	for range 5000 {
		took = append(took, time.Duration(math.Exp2(-19+24*random.Float64())*1e9))
	}
	var all sync.WaitGroup
	for part := range 4 {
		all.Go(func() {
			for i := part; i < len(took); i += 4 {
				m.Begin()
				m.Done(metrics.Request{Operation: "Encrypt", Took: took[i]})
			}
		})
	}
	all.Wait()
	sum := 0.0
	for _, d := range took {
		reference.Observe(d.Seconds())
		sum += d.Seconds()
	}
	var other dto.Metric
	if err := reference.Write(&other); err != nil {
		t.Fatal(err)
	}
	got, want := durations(t, m, "Encrypt"), other.GetHistogram()
	if got.GetSampleCount() != want.GetSampleCount() || math.Abs(got.GetSampleSum()-sum) > 1e-6 || got.GetSchema() != want.GetSchema() || got.GetZeroCount() != 0 {
		t.Errorf("got %d in %f seconds, schema %d, want %d in %f, schema %d", got.GetSampleCount(), got.GetSampleSum(), got.GetSchema(), want.GetSampleCount(), sum, want.GetSchema())
	}
	for i, b := range want.GetBucket() {
		if n := got.GetBucket()[i].GetCumulativeCount(); n != b.GetCumulativeCount() || got.GetBucket()[i].GetUpperBound() != b.GetUpperBound() {
			t.Errorf("up to %v s: got %d, want %d", b.GetUpperBound(), n, b.GetCumulativeCount())
		}
	}
	mine, theirs := natives(got), natives(want)
	for i, n := range theirs {
		if mine[i] != n {
			t.Errorf("native bucket %d: got %d, want %d", i, mine[i], n)
		}
	}
	if len(mine) != len(theirs) {
		t.Errorf("got %d native buckets, want %d", len(mine), len(theirs))
	}
}

// What is shorter or longer than any request is counted all the same.
func TestHistogramOfExtremes(t *testing.T) {
	m := metrics.New(metrics.Config{Operations: []string{"Encrypt"}})
	for _, took := range []time.Duration{-1, 0, 1, math.MaxInt64} {
		m.Done(metrics.Request{Operation: "Encrypt", Took: took})
	}
	got := durations(t, m, "Encrypt")
	if n := natives(got); got.GetSampleCount() != 4 || n[-160] != 3 || n[49] != 1 {
		t.Errorf("got %d, of them %v, want 3 in the first bucket and 1 in the last", got.GetSampleCount(), n)
	}
}
