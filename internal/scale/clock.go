package scale

import (
	"math/rand/v2"
	"time"
)

// A clock is virtual time: what is to happen, in order. What is to happen at one moment happens in the order in
// which it was asked for, so that a seed always plays the same.
type clock struct {
	now    time.Duration
	rng    *rand.Rand
	events []event // a heap
	asked  uint64
}

type event struct {
	at  time.Duration
	seq uint64
	do  func()
}

func newClock(seed uint64) *clock { return &clock{rng: rand.New(rand.NewPCG(seed, 0))} }

func (e event) before(f event) bool { return e.at < f.at || e.at == f.at && e.seq < f.seq }

// after has do called when d has passed.
func (c *clock) after(d time.Duration, do func()) {
	c.asked++
	h := append(c.events, event{c.now + max(d, 0), c.asked, do})
	for i := len(h) - 1; i > 0 && h[i].before(h[(i-1)/2]); i = (i - 1) / 2 {
		h[i], h[(i-1)/2] = h[(i-1)/2], h[i]
	}
	c.events = h
}

func (c *clock) pop() event {
	h := c.events
	first, last := h[0], len(h)-1
	h[0], h[last] = h[last], event{}
	h = h[:last]
	for i := 0; ; {
		least := i
		for _, child := range []int{2*i + 1, 2*i + 2} {
			if child < last && h[child].before(h[least]) {
				least = child
			}
		}
		if least == i {
			break
		}
		h[i], h[least] = h[least], h[i]
		i = least
	}
	c.events = h
	return first
}

// play lets everything happen up to a time.
func (c *clock) play(until time.Duration) {
	for len(c.events) > 0 && c.events[0].at <= until {
		e := c.pop()
		c.now = e.at
		e.do()
	}
	c.now = until
}

// every calls do at random moments, perSecond on average.
func (c *clock) every(perSecond float64, do func()) {
	if perSecond <= 0 {
		return
	}
	var next func()
	next = func() {
		do()
		c.after(c.wait(perSecond), next)
	}
	c.after(c.wait(perSecond), next)
}

// wait is the time until the next of what happens perSecond on average.
func (c *clock) wait(perSecond float64) time.Duration {
	return time.Duration(c.rng.ExpFloat64() / perSecond * float64(time.Second))
}

// between is a random time.
func (c *clock) between(from, to time.Duration) time.Duration {
	return from + time.Duration(c.rng.Int64N(int64(to-from)+1))
}
