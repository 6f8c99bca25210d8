package metrics

import (
	"time"

	"qkms/internal/fault"
)

// Totals are what was counted since the process began.
type Totals struct {
	Requests  uint64
	Throttled uint64 // of them, refused because there were too many
	Refused   uint64 // refused for another reason that the caller can do something about
	Failed    uint64 // not answered through no fault of the caller

	took []uint64 // by cell of the histograms
}

// Totals adds up what was counted of every operation.
func (m *Metrics) Totals() Totals {
	t := Totals{took: make([]uint64, len(limits))}
	kinds := m.kinds(&t)
	for i := range m.requests.values {
		n := m.requests.n.load(i)
		t.Requests += n
		if kind := kinds[i%len(kinds)]; kind != nil {
			*kind += n
		}
	}
	for i := range m.took.each {
		if one := m.took.each[i].Load(); one != nil {
			for c := range t.took {
				t.took[c] += one.n.load(c)
			}
		}
	}
	return t
}

// kinds says by code which of the totals it is counted as; nil: as none but Requests.
func (m *Metrics) kinds(t *Totals) []*uint64 {
	kinds := make([]*uint64, len(m.authn.values))
	kinds[m.codes[fault.Code(other)]] = &t.Refused
	for code, i := range m.codes {
		switch e := fault.Bare(code); {
		case i == succeeded:
		case code == fault.Throttling:
			kinds[i] = &t.Throttled
		case e.Status() >= 500:
			kinds[i] = &t.Failed
		default:
			kinds[i] = &t.Refused
		}
	}
	return kinds
}

// Since returns what was counted after earlier.
func (t Totals) Since(earlier Totals) Totals {
	d := Totals{
		Requests: t.Requests - earlier.Requests, Throttled: t.Throttled - earlier.Throttled, Refused: t.Refused - earlier.Refused, Failed: t.Failed - earlier.Failed,
		took: make([]uint64, len(t.took)),
	}
	for i := range d.took {
		d.took[i] = t.took[i]
		if i < len(earlier.took) {
			d.took[i] -= earlier.took[i]
		}
	}
	return d
}

// Quantile is by when a share of the requests, from 0 to 1, had been answered: 9 % too much at most, from a microsecond to a
// minute. 0: there was none.
func (t Totals) Quantile(share float64) time.Duration {
	all := uint64(0)
	for _, n := range t.took {
		all += n
	}
	below := uint64(0)
	for i, n := range t.took {
		if below += n; all > 0 && float64(below) >= share*float64(all) {
			return limits[min(i, len(limits)-2)].limit // the last has none
		}
	}
	return 0
}
