package cluster_test

import (
	"context"
	"fmt"
	"sync"
	"time"
)

// A load is callers that use keys on nodes all the time, and what came of it.
type load struct {
	c       *cluster
	ctx     context.Context
	cancel  context.CancelFunc
	running sync.WaitGroup

	mu   sync.Mutex
	uses []use
}

// A use is one call.
type use struct {
	node       *node
	key        string
	sent, back time.Duration
	code       string // "" of a success
	request    string
}

func (u use) String() string {
	return fmt.Sprintf("node %s, sent at %v, back at %v: %q", u.node.name, u.sent, u.back, u.code)
}

func (c *cluster) newLoad() *load {
	ctx, cancel := context.WithCancel(c.Context())
	l := &load{c: c, ctx: ctx, cancel: cancel}
	c.Cleanup(l.stop)
	return l
}

func (l *load) stop() {
	l.cancel()
	l.running.Wait()
}

// A kind of use is an operation, and what it is told besides the key.
type kind struct {
	operation string
	with      map[string]any
}

var (
	generate = kind{"GenerateDataKey", map[string]any{"NumberOfBytes": 32}}
	pair     = kind{"GenerateDataKeyPair", map[string]any{"KeyPairSpec": "RSA_3072"}} // which takes a good part of a second
)

// call has a caller use keys in turn, with a pause after each call.
func (l *load) call(n *node, k kind, pause time.Duration, keys ...string) {
	l.running.Go(func() {
		tick := time.NewTicker(max(pause, time.Microsecond))
		defer tick.Stop()
		for i := 0; l.ctx.Err() == nil; i++ {
			l.once(n, k, keys[i%len(keys)])
			if pause > 0 {
				<-tick.C
			}
		}
	})
}

func (l *load) once(n *node, k kind, key string) {
	in := map[string]any{"KeyId": key}
	for name, value := range k.with {
		in[name] = value
	}
	u := use{node: n, key: key, sent: l.c.now()}
	a, err := l.c.login.Call(l.ctx, n.endpoint(), k.operation, in)
	u.back = l.c.now()
	switch {
	case l.ctx.Err() != nil:
		return
	case err != nil:
		u.code = "no answer"
	case a.Status == 200:
		u.request = a.Header.Get("X-Amzn-Requestid")
	default:
		u.code = a.Code()
		if want := map[string]int{"DependencyTimeoutException": 500, "DisabledException": 400}[u.code]; a.Status != want {
			l.c.Errorf("node %s: got %v", n.name, a)
		}
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.uses = append(l.uses, u)
}

// first is the first use, of those sent from then on, that is as wanted.
func (l *load) first(from time.Duration, want func(use) bool) (use, bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, u := range l.uses {
		if u.sent >= from && want(u) {
			return u, true
		}
	}
	return use{}, false
}

// awaits waits for a use, sent from now on, of a node and a key that ends with a code.
func (l *load) awaits(n *node, key, code string) use {
	l.c.Helper()
	from := l.c.now()
	var found use
	l.c.await(fmt.Sprintf("node %s answers %q", n.name, code), func() (is bool) {
		found, is = l.first(from, func(u use) bool { return u.node == n && u.key == key && u.code == code })
		return is
	})
	return found
}

// An outcome is a row of the table.
type outcome struct {
	d         disabling
	staleness time.Duration // from the commit to the last successful use anywhere
	after     time.Duration // from the answer of DisableKey to that; negative: before
	wrong     []use         // what the promise does not allow
}

// judge holds all uses of the key that was disabled to the promise. By when a use was sent, for what was under way
// may have been found good before; the figures are by when it was back.
func (l *load) judge(d disabling) outcome {
	l.mu.Lock()
	defer l.mu.Unlock()
	o := outcome{d: d, staleness: -time.Hour, after: -time.Hour}
	for _, u := range l.uses {
		if u.key != d.key || u.code != "" {
			continue
		}
		o.staleness, o.after = max(o.staleness, u.back-d.committed), max(o.after, u.back-d.told)
		if u.sent > d.told+d.pending || u.sent > d.committed+l.c.bound {
			o.wrong = append(o.wrong, u)
		}
	}
	return o
}
