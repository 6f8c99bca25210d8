package cluster_test

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"qkms/faults/link"
	"qkms/faults/program"
	"qkms/internal/store/postgres/pgtest"
)

// short is a staleness bound for tests that wait for it to pass.
const short = 3 * time.Second

// A cluster is three nodes over a primary and its synchronous standby, with a link wherever one talks to
// another.
type cluster struct {
	*testing.T
	binary  string
	bound   time.Duration
	pair    *pgtest.Pair
	between *link.Link // from the standby to the primary it follows
	nodes   []*node
	login   program.Login
	steady  string // a key that stays enabled
	began   time.Time
}

// A node is a process, and its ways to the two servers.
type node struct {
	live             atomic.Pointer[program.Process]
	name             string
	dir, url         string // the data directory; a file with the URL of the store
	primary, standby *link.Link
}

func newCluster(t *testing.T, binary string, bound time.Duration) *cluster {
	t.Helper()
	c := &cluster{T: t, binary: binary, bound: bound, began: time.Now()}
	c.pair = pgtest.NewPair(t, func(primary string) string {
		c.between = link.New(t, primary)
		return c.between.Address
	}, "fsync=on", "full_page_writes=on")
	dir := t.TempDir()
	for _, name := range []string{"A", "B", "C"} {
		n := &node{name: name, dir: filepath.Join(dir, name), url: filepath.Join(dir, name+".url"),
			primary: link.New(t, c.pair.Primary.Address()), standby: link.New(t, c.pair.Standby.Address())}
		if err := os.WriteFile(n.url, []byte(c.pair.URL(n.primary.Address, n.standby.Address)), 0o600); err != nil {
			t.Fatal(err)
		}
		c.nodes = append(c.nodes, n)
	}
	first := c.nodes[0]
	c.login = program.Init(t, binary, "--data", first.dir, "--store-file", first.url)
	for _, n := range c.nodes {
		c.serve(n)
	}
	c.steady = c.key()
	return c
}

// serve starts the process of a node.
func (c *cluster) serve(n *node) {
	c.Helper()
	if err := os.MkdirAll(n.dir, 0o700); err != nil {
		c.Fatal(err)
	}
	p := program.Serve(c, c.binary, "--data", n.dir, "--store-file", n.url, "--root-key", filepath.Join(c.nodes[0].dir, "root.key"),
		"--staleness-bound", c.bound.String())
	n.live.Store(p)
}

func (n *node) endpoint() string { return n.live.Load().URL }

// now is the time since the cluster began, by which everything is judged.
func (c *cluster) now() time.Duration { return time.Since(c.began) }

// key makes a key.
func (c *cluster) key() string {
	c.Helper()
	for {
		a, err := c.login.Call(c.Context(), c.nodes[0].endpoint(), "CreateKey", map[string]any{})
		if err != nil {
			c.Fatal(err)
		}
		if a.Status == 200 {
			return a.KeyID()
		}
		if a.Code() != "DependencyTimeoutException" {
			c.Fatalf("CreateKey: got %v", a)
		}
	}
}

// A disabling is one DisableKey, tried until it succeeds.
type disabling struct {
	key         string
	asked, told time.Duration // the first attempt, the answer of the last
	committed   time.Duration // at the latest
	took        time.Duration // the last attempt
	header      string
	fenced      bool
	pending     time.Duration // after told, when not fenced
}

func (c *cluster) disable(through *node, key string) disabling {
	c.Helper()
	d := disabling{key: key, asked: c.now()}
	for {
		asked := c.now()
		a, err := c.login.Call(c.Context(), through.endpoint(), "DisableKey", map[string]any{"KeyId": key})
		if err != nil {
			c.Fatal(err)
		}
		if a.Status != 200 {
			if a.Code() != "DependencyTimeoutException" {
				c.Fatalf("DisableKey: got %v", a)
			}
			continue
		}
		d.told, d.header = c.now(), a.Header.Get("X-Qkms-Coherence")
		d.took, d.fenced = d.told-asked, d.header == "fenced"
		if at, ok := strings.CutPrefix(d.header, "pending; at-most="); ok {
			d.pending, err = time.ParseDuration(at + "s")
		} else if !d.fenced {
			c.Fatalf("DisableKey: got header %q, want fenced or pending; at-most=SECONDS", d.header)
		}
		if err != nil {
			c.Fatalf("DisableKey: got header %q", d.header)
		}
		d.committed = d.told - through.waited(c, a.Header.Get("X-Amzn-Requestid"))
		return d
	}
}

// waited is for how long a request has waited for its fence, by the audit log.
func (n *node) waited(c *cluster, request string) time.Duration {
	c.Helper()
	for line := range n.records(c) {
		var r struct {
			EventName, RequestID string
			ServiceEventDetails  struct{ WaitedMilliseconds int64 }
		}
		if !strings.Contains(line, request) || !strings.Contains(line, "FenceChange") {
			continue
		}
		if err := json.Unmarshal([]byte(line), &r); err != nil {
			c.Fatal(err)
		}
		return time.Duration(r.ServiceEventDetails.WaitedMilliseconds) * time.Millisecond
	}
	c.Fatalf("node %s: no record says how far the change of request %s got", n.name, request)
	return 0
}

// records yields the lines of the audit log as it is now.
func (n *node) records(c *cluster) func(func(string) bool) {
	c.Helper()
	files, err := filepath.Glob(filepath.Join(n.dir, "audit", "*.jsonl"))
	if err != nil {
		c.Fatal(err)
	}
	return func(yield func(string) bool) {
		for _, file := range files {
			text, err := os.ReadFile(file)
			if err != nil {
				c.Fatal(err)
			}
			for line := range strings.Lines(string(text)) {
				if !yield(line) {
					return
				}
			}
		}
	}
}

// await polls until something is so, for a minute at most.
func (c *cluster) await(what string, is func() bool) {
	c.Helper()
	ctx, cancel := context.WithTimeout(c.Context(), time.Minute)
	defer cancel()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for !is() {
		select {
		case <-tick.C:
		case <-ctx.Done():
			c.Fatalf("%s: not within a minute", what)
		}
	}
}
