package gate

import "time"

// A controller turns how long requests wait for a processor into the share of them that is refused: PIE (RFC 8033),
// with requests in place of packets. It looks at the wait alone, so it needs to know neither what a
// request costs nor how many processors there are; and requests that wait for a disk or a database keep no processor
// from anybody, so however many do, none is refused.
//
// What differs from the RFC: the share decays below half the target and not at zero, which a scheduler never
// reports; and some are always let in, so that there is goodput where refusing alone is too much work.
type controller struct {
	target time.Duration // QDELAY_REF
	share  float64       // of requests to refuse, before the safeguards
	was    time.Duration // the wait one step ago
	burst  time.Duration // how much longer nothing is refused
}

const (
	step     = 15 * time.Millisecond  // T_UPDATE
	patient  = 150 * time.Millisecond // MAX_BURST: a garbage collection, a neighbour's moment on the processor
	alpha    = 0.125                  // per second of wait beyond the target
	beta     = 1.25                   // per second by which the wait has grown
	idle     = time.Second            // without a request: what was then says nothing now
	mostShed = 15.0 / 16
)

// after is the share to refuse from now on, given the wait at present, elapsed since it was last asked.
func (c *controller) after(elapsed, wait time.Duration) float64 {
	if elapsed >= idle {
		c.share, c.was, c.burst = 0, 0, patient
		elapsed = step
	}
	for ; elapsed >= step; elapsed -= step {
		c.step(wait)
	}
	if c.burst > 0 || c.share < 0.2 && wait < c.target/2 { // §4.1: a short queue loses nothing
		return 0
	}
	return c.share
}

// step is one T_UPDATE (RFC 8033 §4.2).
func (c *controller) step(wait time.Duration) {
	change := alpha*(wait-c.target).Seconds() + beta*(wait-c.was).Seconds()
	change /= c.damping()
	if c.share >= 0.1 {
		change = min(change, 0.02) // §5.5
	}
	c.share += change
	calm := wait < c.target/2 && c.was < c.target/2
	if calm {
		c.share *= 0.98
	}
	c.share = min(max(c.share, 0), mostShed)
	if c.burst = max(c.burst-step, 0); calm && c.share < 1e-3 { // §4.4
		c.share, c.burst = 0, patient
	}
	c.was = wait
}

// damping makes steps small where the share is: what is right at a half would make a share of a thousandth swing
// (§4.2).
func (c *controller) damping() float64 {
	d := 1.0
	for _, limit := range [...]struct{ share, by float64 }{{1e-6, 2048}, {1e-5, 512}, {1e-4, 128}, {1e-3, 32}, {1e-2, 8}, {1e-1, 2}} {
		if c.share < limit.share {
			d = limit.by
			break
		}
	}
	return d
}
