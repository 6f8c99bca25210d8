package console

import (
	"fmt"
	"math"
	"strings"
	"time"

	"qkms/internal/oversight"
)

// A chart is a drawing of some lines over time, in the units of its view box: 720 by 220.
type chart struct {
	ID, Title, Unit string
	Lines           []line
	Y               []mark // from the bottom up
	X               []mark
	Most            string // the greatest value there is, for who does not see it
}

// A line is one value over time.
type line struct {
	Name  string
	Class string   // how it is drawn: of each line of a chart another way, also without colours
	Runs  []string // "x,y x,y …" of points that follow each other: what nobody watched is a gap
	of    func(oversight.Point) float64
}

// A mark is a place on an axis.
type mark struct {
	At   float64
	Text string
}

// The part of the view box that lines are drawn in.
const (
	chartLeft, chartRight  = 60.0, 680.0
	chartTop, chartBottom  = 12.0, 190.0
	chartMarks             = 4
	chartGap               = 5 / 2.0 // steps between two points that a line still joins
	chartPoint, chartDigit = "%.1f,%.1f ", 1e-3
)

// draw places the values of lines on a chart of the time of s.
func draw(s oversight.Series, id, title, unit string, lines ...line) chart {
	c := chart{ID: id, Title: title, Unit: unit, Lines: lines}
	most := 0.0
	for _, p := range s.Points {
		for _, l := range lines {
			most = max(most, l.of(p))
		}
	}
	c.Most = short(most)
	top := round(most)
	for i := range c.Lines {
		c.Lines[i].Class = string(rune('a' + i))
		c.Lines[i].Runs = runs(s, top, c.Lines[i].of)
	}
	for i := range chartMarks + 1 {
		share := float64(i) / chartMarks
		c.Y = append(c.Y, mark{chartBottom - share*(chartBottom-chartTop), short(top * share)})
		c.X = append(c.X, mark{chartLeft + share*(chartRight-chartLeft), clock(s.From.Add(time.Duration(share*float64(s.Until.Sub(s.From)))), s.Until.Sub(s.From))})
	}
	return c
}

// runs are the points of a line, top being the value at the upper end.
func runs(s oversight.Series, top float64, of func(oversight.Point) float64) (all []string) {
	var run strings.Builder
	end := func() {
		if run.Len() > 0 {
			all = append(all, strings.TrimSpace(run.String()))
			run.Reset()
		}
	}
	var before time.Time
	for _, p := range s.Points {
		if !before.IsZero() && p.At.Sub(before).Seconds() > chartGap*s.Step.Seconds() {
			end()
		}
		before = p.At
		x := chartLeft + (chartRight-chartLeft)*float64(p.At.Sub(s.From))/float64(s.Until.Sub(s.From))
		fmt.Fprintf(&run, chartPoint, x, chartBottom-(chartBottom-chartTop)*of(p)/top)
	}
	end()
	return all
}

// round is the next number from v on that is easy to read in quarters: 1, 2, 4 or 8 times a power of ten.
func round(v float64) float64 {
	if v <= chartDigit {
		return 1
	}
	power := math.Pow(10, math.Floor(math.Log10(v)))
	for _, n := range []float64{1, 2, 4, 8} {
		if v <= n*power {
			return n * power
		}
	}
	return 10 * power
}

// short is a number with as many digits as are read at a glance.
func short(v float64) string {
	switch {
	case v == 0:
		return "0"
	case v >= 1e6:
		return fmt.Sprintf("%.3gM", v/1e6)
	case v >= 1e4:
		return fmt.Sprintf("%.3gk", v/1e3)
	case v >= 100:
		return fmt.Sprintf("%.0f", v)
	}
	return fmt.Sprintf("%.3g", v)
}

// clock is a time of an axis over so long.
func clock(t time.Time, over time.Duration) string {
	if over > 48*time.Hour {
		return t.UTC().Format("Jan 2 15:04")
	}
	return t.UTC().Format("15:04")
}
