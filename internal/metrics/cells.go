package metrics

import (
	"github.com/prometheus/client_golang/prometheus"
)

// cells are the counters of one metric, one for each combination of label values there can be. They are
// an array: counting is one addition, and nothing that a client sends can add to them.
//
// Those that are 0 are left out of what a scraper reads, unless shown: of operations times codes most
// never happen.
type cells struct {
	desc   *prometheus.Desc
	values [][]string
	shown  []bool
	n      striped
}

func newCells(name, help string, labels []string, values [][]string) *cells {
	return &cells{
		desc:   prometheus.NewDesc(name, help, labels, nil),
		values: values, shown: make([]bool, len(values)), n: newStriped(len(values)),
	}
}

func (c *cells) inc(at stripe, i int) { c.n.add(at, i, 1) }

func (c *cells) showAll() {
	for i := range c.shown {
		c.shown[i] = true
	}
}

// Describe is of prometheus.Collector.
func (c *cells) Describe(ch chan<- *prometheus.Desc) { ch <- c.desc }

// Collect is of prometheus.Collector.
func (c *cells) Collect(ch chan<- prometheus.Metric) {
	for i := range c.values {
		if n := c.n.load(i); n > 0 || c.shown[i] {
			ch <- prometheus.MustNewConstMetric(c.desc, prometheus.CounterValue, float64(n), c.values[i]...)
		}
	}
}

// cross pairs every a with every b, b running fastest.
func cross(a, b []string) [][]string {
	pairs := make([][]string, 0, len(a)*len(b))
	for _, x := range a {
		for _, y := range b {
			pairs = append(pairs, []string{x, y})
		}
	}
	return pairs
}

func single(a []string) [][]string {
	rows := make([][]string, len(a))
	for i, x := range a {
		rows[i] = []string{x}
	}
	return rows
}
