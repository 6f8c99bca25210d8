// Package cluster_test holds three real nodes over a real primary with its synchronous standby to the promise of
// docs/coherence.md while parts of them are killed, frozen, cut off or slow.
package cluster_test

import (
	"context"
	"os"
	"strings"
	"testing"
	"time"

	"qkms/faults/program"
)

// TestCluster plays what happens to a cluster that stays one. `go test -v` prints the table.
func TestCluster(t *testing.T) {
	c := newCluster(t, program.Build(t), short)
	a, b, last := c.nodes[0], c.nodes[1], c.nodes[2]
	times := 2
	if long {
		times = 20
	}
	for range times {
		c.scenario("nothing happens", func(l *load, key string) disabling {
			return c.disable(a, key)
		})
	}
	c.scenario("20 ms each way to the store", func(l *load, key string) disabling {
		c.slow(20 * time.Millisecond)
		defer c.slow(0)
		return c.disable(b, key)
	})
	c.scenario("a node is cut off from the store", func(l *load, key string) disabling {
		return c.cutOff(l, last, a, key)
	})
	c.scenario("a node is killed", func(l *load, key string) disabling {
		last.live.Load().Kill()
		d := c.disable(a, key)
		c.serve(last)
		return d
	})
	c.frozen(last, b).report(c, "a node is frozen, and wakes up")
	c.failover("the primary is killed, the standby promoted", c.pair.Primary.Crash)
	if long {
		c := newCluster(t, program.Build(t), short)
		c.failover("the primary falls silent, the standby is promoted", c.pair.Primary.Freeze)
	}
}

// long plays more, and the same more often.
var long = os.Getenv("QKMS_FAULTS") == "long"

func (c *cluster) failover(name string, end func(testing.TB)) {
	c.Helper()
	c.scenario(name, func(l *load, key string) disabling {
		down := c.now()
		end(c)
		c.pair.Standby.Promote(c)
		d := c.disable(c.nodes[0], key)
		c.Logf("a change is made %v after the primary was gone", (d.committed - down).Round(time.Millisecond))
		return d
	})
}

// TestDeposedPrimary has the standby promoted behind the back of the primary, and one node see only the old one.
func TestDeposedPrimary(t *testing.T) {
	t.Parallel()
	c := newCluster(t, program.Build(t), 7*time.Second) // more than DisableKey waits for
	o := c.depose()
	o.report(c, "the primary is deposed, a node sees only it")
	l := c.newLoad()
	deserted := c.nodes[0]
	l.call(deserted, generate, 2*time.Millisecond, c.steady)
	l.awaits(deserted, c.steady, "DependencyTimeoutException")
	deserted.primary.Refuse()
	deserted.standby.Mend()
	mended := c.now()
	back := l.awaits(deserted, c.steady, "")
	t.Logf("led to the new primary it answers after %v", (back.back - mended).Round(time.Millisecond))
}

// depose cuts the standby off from its primary and promotes it. The first node sees the old primary alone, the others the new
// one alone, and disable a key there. It watches for longer than the bound.
func (c *cluster) depose() outcome {
	c.Helper()
	key := c.key()
	l := c.newLoad()
	defer l.stop()
	for _, n := range c.nodes {
		l.call(n, generate, 2*time.Millisecond, key, c.steady)
		l.awaits(n, key, "")
	}
	c.between.Cut()
	c.nodes[0].standby.Refuse()
	for _, n := range c.nodes[1:] {
		n.primary.Refuse()
	}
	c.pair.Standby.Promote(c)
	d := c.disable(c.nodes[1], key)
	c.await("the bound passes", func() bool { return c.now() > d.told+d.pending+c.bound })
	l.stop()
	return l.judge(d)
}

// The same tests must find out what weaker nodes do, else they are blind. The weak program renews its lease by a
// SELECT, which only shows where a primary was deposed, and has no second look before the answer, which
// only shows in who was frozen meanwhile. It is built from a changed copy: the product has no such thing in it.
func TestWeakerNodesAreFoundOut(t *testing.T) {
	weak := program.Build(t, program.Change{
		File: "internal/coherence/use.go",
		Old:  "func (u Use) Check() error {\n",
		New:  "func (u Use) Check() error {\n\treturn nil\n",
	}, program.Change{
		File: "internal/store/postgres/node.go",
		Old:  "\t\tb := begin()\n\t\tb.Queue(`INSERT INTO node ",
		New: `
			if n.Applied != (store.Vector{}) { // not the first
				b := &pgx.Batch{}
				heads = store.Heads{}
				queueHeads(b, &heads)
				_, _, err := send(ctx, conn, b)
				return err
			}
			b := begin()
			b.Queue(` + "`INSERT INTO node ",
	})
	t.Run("no second look, renewal by a SELECT", func(t *testing.T) {
		t.Parallel()
		c := newCluster(t, weak, short)
		var o outcome
		for range 3 { // a node may be frozen between two calls
			if o = c.frozen(c.nodes[2], c.nodes[1]); len(o.wrong) > 0 {
				break
			}
		}
		o.caught(c, "no second look")
		c.depose().caught(c, "renewal by a SELECT")
		c.nodes[0].live.Load().Kill() // to end in peace it would have to reach the old primary, which waits for its standby
	})
	t.Run("asynchronous replication", func(t *testing.T) {
		t.Parallel()
		c := newCluster(t, program.Build(t), short)
		c.pair.Asynchronous(t)
		c.depose().caught(c, "asynchronous replication")
	})
}

func (o outcome) caught(c *cluster, name string) {
	c.Helper()
	if len(o.wrong) == 0 {
		c.Errorf("%s: nobody noticed", name)
		return
	}
	c.Logf("%s: %d uses that should not have been, the last %v after the commit", name, len(o.wrong), (o.wrong[len(o.wrong)-1].back - o.d.committed).Round(time.Millisecond))
}

// scenario has all nodes use a key that is disabled meanwhile. At the end every node refuses it, and answers for
// another.
func (c *cluster) scenario(name string, disable func(l *load, key string) disabling) {
	c.Helper()
	key, steady := c.key(), c.steady
	l := c.newLoad()
	defer l.stop()
	for _, n := range c.nodes {
		for range 2 {
			l.call(n, generate, 2*time.Millisecond, key, steady)
		}
	}
	for _, n := range c.nodes {
		l.awaits(n, key, "")
		l.awaits(n, steady, "")
	}
	d := disable(l, key)
	for _, n := range c.nodes {
		l.awaits(n, key, "DisabledException")
		l.awaits(n, steady, "")
	}
	l.stop()
	o := l.judge(d)
	o.report(c, name)
}

// report prints a row of the table, and fails the test for what the promise does not allow.
func (o outcome) report(c *cluster, name string) {
	c.Helper()
	ms := func(d time.Duration) time.Duration { return d.Round(time.Millisecond) }
	c.Logf("%-45s staleness %8v  DisableKey %8v  %-20s last use %v after it returned", name, ms(o.staleness), ms(o.d.took), o.d.header, ms(o.after))
	for _, u := range o.wrong {
		c.Errorf("%s: key disabled by %v, answered at %v (%s); used by %v", name, o.d.committed, o.d.told, o.d.header, u)
	}
}

// slow delays all that goes to and from the store.
func (c *cluster) slow(d time.Duration) {
	for _, n := range c.nodes {
		n.primary.Delay(d)
		n.standby.Delay(d)
	}
	c.between.Delay(d)
}

// cutOff cuts a node off from the store in silence. It goes on for less than the bound, refuses everything then, having
// said before that it would, and comes back by itself.
func (c *cluster) cutOff(l *load, off, through *node, key string) disabling {
	c.Helper()
	cut := c.now()
	off.primary.Cut()
	off.standby.Cut()
	red := make(chan time.Duration, 1)
	go func() { red <- c.untilRed(off) }()
	d := c.disable(through, key)
	l.awaits(off, c.steady, "DependencyTimeoutException")
	refused, _ := l.first(cut, func(u use) bool { return u.node == off && u.code != "" })
	said := <-red
	if said > refused.back {
		c.Errorf("/readyz was red %v after the cut, requests were refused after %v: want it before", said-cut, refused.back-cut)
	}
	if late, is := l.first(cut+c.bound, func(u use) bool { return u.node == off && u.code == "" }); is {
		c.Errorf("cut off at %v, and answered: %v", cut, late)
	}
	mended := c.now()
	off.primary.Mend()
	off.standby.Mend()
	back := l.awaits(off, c.steady, "")
	c.Logf("cut off: red after %v, refuses after %v; mended, answers after %v",
		(said - cut).Round(time.Millisecond), (refused.back - cut).Round(time.Millisecond), (back.back - mended).Round(time.Millisecond))
	return d
}

// untilRed asks /readyz until it is not ready, as a load balancer does, to which no answer is one as well.
func (c *cluster) untilRed(n *node) time.Duration {
	for {
		ctx, cancel := context.WithTimeout(c.Context(), 500*time.Millisecond)
		ready := n.live.Load().Ready(ctx)
		cancel()
		if !ready {
			return c.now()
		}
	}
}

// frozen stops a node in the middle of calls that take a good part of a second, for longer than the bound, while another
// node disables their key. What had its record when the node was frozen had been found good; nothing else may come
// of them.
func (c *cluster) frozen(victim, through *node) outcome {
	c.Helper()
	key := c.key()
	l := c.newLoad()
	defer l.stop()
	for range 4 {
		l.call(victim, pair, 0, key)
	}
	l.awaits(victim, key, "")
	victim.live.Load().Freeze(c)
	froze := c.now()
	recorded := map[string]bool{}
	for line := range victim.records(c) {
		if _, rest, ok := strings.Cut(line, `"requestID":"`); ok {
			id, _, _ := strings.Cut(rest, `"`)
			recorded[id] = true
		}
	}
	d := c.disable(through, key)
	c.await("the bound passes", func() bool { return c.now() > max(d.told+d.pending, froze+c.bound) })
	victim.live.Load().Thaw(c)
	l.awaits(victim, key, "DisabledException")
	l.stop()
	o := outcome{d: d}
	for _, u := range l.uses {
		if u.code == "" && u.back > froze && !recorded[u.request] {
			o.wrong = append(o.wrong, u)
		}
		if u.code == "" && recorded[u.request] {
			o.staleness, o.after = min(froze, u.back)-d.committed, min(froze, u.back)-d.told
		}
	}
	return o
}
