package metrics

import (
	"cmp"
	"math"
	"math/bits"
	"slices"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"
)

// histograms are those of one metric, one for each value of its label. One comes to be when it is first needed: a
// thousand lines that say 0 help nobody. They are bounded all the same.
type histograms struct {
	desc   *prometheus.Desc
	values []string
	each   []atomic.Pointer[histogram]
}

func newHistograms(name, help, label string, values []string) *histograms {
	return &histograms{
		desc:   prometheus.NewDesc(name, help, []string{label}, nil),
		values: values, each: make([]atomic.Pointer[histogram], len(values)),
	}
}

func (h *histograms) observe(at stripe, i int, took time.Duration) {
	one := h.each[i].Load()
	if one == nil {
		one = h.make(i)
	}
	one.observe(at, took)
}

func (h *histograms) make(i int) *histogram {
	h.each[i].CompareAndSwap(nil, &histogram{desc: h.desc, label: h.values[i], began: time.Now(), n: newStriped(len(limits) + 1)})
	return h.each[i].Load()
}

// Describe is of prometheus.Collector.
func (h *histograms) Describe(ch chan<- *prometheus.Desc) { ch <- h.desc }

// Collect is of prometheus.Collector.
func (h *histograms) Collect(ch chan<- prometheus.Metric) {
	for i := range h.each {
		if one := h.each[i].Load(); one != nil {
			ch <- one
		}
	}
}

// A histogram counts durations in the buckets of a classic histogram and of a native one, at the price of one addition:
// its cells end wherever a bucket of either does, so that both can be added up of them when somebody asks.
type histogram struct {
	desc  *prometheus.Desc
	label string
	began time.Time
	n     striped // by cell, then the sum, in nanoseconds
}

// Native buckets end at 2^(i/8) seconds (schema 3: 9 % each), for i from least, below a microsecond, to most, 64
// seconds. What is shorter or longer counts as the first or the one behind the last.
const (
	schema = 3
	least  = -160
	most   = 48
)

// A cell is the durations up to limit that are longer than the cell before allows.
type cell struct {
	limit   time.Duration
	native  int     // the bucket it is in
	classic float64 // the limit of the bucket that ends with it; 0: none does
}

var limits = func() (all []cell) {
	for i := least; i <= most; i++ {
		all = append(all, cell{limit: time.Duration(math.Exp2(float64(i)/(1<<schema)) * 1e9), native: i})
	}
	for _, s := range seconds {
		limit := asDuration(s)
		at, found := slices.BinarySearchFunc(all, limit, func(c cell, d time.Duration) int { return cmp.Compare(c.limit, d) })
		if !found {
			all = slices.Insert(all, at, cell{limit: limit, native: all[at].native})
		}
		all[at].classic = s
	}
	return append(all, cell{limit: math.MaxInt64, native: most + 1})
}()

// firstOf is the first cell for durations of so many bits.
var firstOf = func() (first [65]int) {
	for n := range first {
		first[n] = slices.IndexFunc(limits, func(c cell) bool { return n < 2 || bits.Len64(uint64(c.limit)) >= n })
	}
	return first
}()

func asDuration(s float64) time.Duration { return time.Duration(math.Round(s * 1e9)) }

func (h *histogram) observe(at stripe, took time.Duration) {
	took = max(took, 0)
	i := firstOf[bits.Len64(uint64(took))]
	for took > limits[i].limit {
		i++
	}
	h.n.add(at, i, 1)
	h.n.add(at, len(limits), uint64(took))
}

// Desc is of prometheus.Metric.
func (h *histogram) Desc() *prometheus.Desc { return h.desc }

// Write is of prometheus.Metric.
func (h *histogram) Write(out *dto.Metric) error {
	classic, native, count := make(map[float64]uint64, len(seconds)), make([]int64, most-least+2), uint64(0)
	for i, c := range limits {
		n := h.n.load(i)
		count += n
		native[c.native-least] += int64(n)
		if c.classic > 0 {
			classic[c.classic] = count
		}
	}
	sum := time.Duration(h.n.load(len(limits))).Seconds()
	m, err := prometheus.NewConstHistogramWithCreatedTimestamp(h.desc, count, sum, classic, h.began, h.label)
	if err == nil {
		err = m.Write(out)
	}
	if err != nil {
		return err
	}
	both := out.Histogram
	both.Schema, both.ZeroThreshold, both.ZeroCount = new(int32(schema)), new(prometheus.DefNativeHistogramZeroThreshold), new(uint64(0))
	both.PositiveSpan, both.PositiveDelta = spans(native)
	return nil
}

// spans is how native buckets are told: runs of them, each with its distance to the one before, and of each bucket how
// many more it has than the last.
func spans(counts []int64) (runs []*dto.BucketSpan, deltas []int64) {
	next, last := 0, int64(0)
	for i, n := range counts {
		if n == 0 {
			continue
		}
		at := i + least
		if len(runs) == 0 || at != next {
			runs = append(runs, &dto.BucketSpan{Offset: new(int32(at - next)), Length: new(uint32(0))})
		}
		*runs[len(runs)-1].Length++
		deltas = append(deltas, n-last)
		next, last = at+1, n
	}
	return runs, deltas
}
