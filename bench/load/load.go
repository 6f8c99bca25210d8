// Package load puts a server under load and measures what its clients see.
//
// Open connects a number of clients; Closed has each of them ask again as soon as it is answered, Paced has them ask at a fixed
// rate whatever the answers do. Requests are signed before, by Login.Sign.
package load

import (
	"fmt"
	"net/http"
	"sync"
	"sync/atomic"
	"time"
)

// A Result is what the clients saw.
type Result struct {
	Times   Histogram // of answers, from when the request was to be sent
	Late    Histogram // of Paced: how long after that it was sent
	Refused int       // answers that are no success
	Elapsed time.Duration
	Bytes   int // of the last answer's body
}

// PerSecond is the rate of answers.
func (r *Result) PerSecond() float64 { return float64(r.Times.Count()) / r.Elapsed.Seconds() }

// Clients is connected clients of one site. One goroutine at a time may use it.
type Clients struct {
	all []*client
}

// A sender is a connection, or a share of one.
type sender interface {
	do(*Request) (Answer, error)
	close()
}

// A client asks one thing after the other. What it saw is its own until it is done.
type client struct {
	send    sender
	times   Histogram
	late    Histogram
	refused int
	first   error // of the refusals
	bytes   int
}

// Open returns n clients of site. Over HTTP/1.1 each has a connection of its own, over HTTP/2, which is for TLS, all share one.
func Open(site Site, n int, http2 bool) *Clients {
	var shared sender
	if http2 {
		shared = newShared(site)
	}
	c := &Clients{}
	for range n {
		s := shared
		if !http2 {
			s = &conn{site: site}
		}
		c.all = append(c.all, &client{send: s})
	}
	return c
}

// Close closes the connections.
func (c *Clients) Close() {
	for _, one := range c.all {
		one.send.close()
	}
}

// Do sends one request, by the first client.
func (c *Clients) Do(r *Request) (Answer, error) { return c.all[0].send.do(r) }

// Closed has every client send one request after the other for a time, all of pool in turn. An error is of a connection, or the first
// refusal; what was measured is returned all the same.
func (c *Clients) Closed(pool []*Request, during time.Duration) (*Result, error) {
	began := time.Now()
	end := began.Add(during)
	return c.run(began, func(i int, one *client) error {
		for at := i * len(pool) / len(c.all); ; at++ {
			sent := time.Now()
			if sent.After(end) {
				return nil
			}
			if err := one.ask(pool[at%len(pool)], sent); err != nil {
				return err
			}
		}
	})
}

// Each has the clients together send every request of pool once.
func (c *Clients) Each(pool []*Request) (*Result, error) {
	var next atomic.Int64
	return c.run(time.Now(), func(_ int, one *client) error {
		for i := next.Add(1) - 1; int(i) < len(pool); i = next.Add(1) - 1 {
			if err := one.ask(pool[i], time.Now()); err != nil {
				return err
			}
		}
		return nil
	})
}

// Paced has the clients together send perSecond requests for a time, evenly. An answer's time counts from when its request was due, even if no client was free:
// a server that stalls is charged for every request that it kept from being sent.
func (c *Clients) Paced(pool []*Request, perSecond float64, during time.Duration) (*Result, error) {
	total := int(perSecond * during.Seconds())
	due := make(chan time.Time, total) // room for all: the pace does not depend on the server
	began := time.Now()
	go pace(due, began, time.Duration(float64(time.Second)/perSecond), total)
	var next atomic.Int64
	return c.run(began, func(_ int, one *client) error {
		for at := range due {
			one.late.Add(time.Since(at))
			if err := one.ask(pool[int(next.Add(1))%len(pool)], at); err != nil {
				return err
			}
		}
		return nil
	})
}

// run has every client do its part and sums up.
func (c *Clients) run(began time.Time, part func(int, *client) error) (*Result, error) {
	errs := make([]error, len(c.all))
	var wg sync.WaitGroup
	for i, one := range c.all {
		one.times, one.late, one.refused, one.first = Histogram{}, Histogram{}, 0, nil
		wg.Go(func() { errs[i] = part(i, one) })
	}
	wg.Wait()
	r := &Result{Elapsed: time.Since(began)}
	for _, one := range c.all {
		r.Times.Merge(&one.times)
		r.Late.Merge(&one.late)
		r.Refused += one.refused
		r.Bytes = max(r.Bytes, one.bytes)
		errs = append(errs, one.first)
	}
	for _, err := range errs {
		if err != nil {
			return r, err
		}
	}
	return r, nil
}

func (c *client) ask(r *Request, due time.Time) error {
	a, err := c.send.do(r)
	if err != nil {
		return err
	}
	c.times.Add(time.Since(due))
	c.bytes = len(a.Body)
	if a.Status != http.StatusOK {
		c.refused++
		if c.first == nil {
			c.first = fmt.Errorf("answer %d: %s", a.Status, a.Body)
		}
	}
	return nil
}
