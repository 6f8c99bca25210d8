package scale_test

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http/httptest"
	"os"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"qkms/internal/kmstest"
	"qkms/internal/scale"
	"qkms/internal/store/postgres/pgtest"
)

// Three nodes over one PostgreSQL are asked for data keys, grants and their end, for ten seconds or for as long as
// QKMS_CALIBRATE says. What they ask of the store is to be what the model says of such a load, to a factor
// of two, call by call. Calls are counted, not timed: a slow machine gets a smaller load, and so does the model.
func TestModelAgainstNodes(t *testing.T) {
	const (
		nodes  = 3
		keys   = 400
		cached = 128 // of them, in memory
	)
	d := fill(t, pgtest.URL(t), size{keys: keys})
	var all []*served
	for range nodes {
		s, err := d.open(t.TempDir(), cached*bytesOfKey)
		if err != nil {
			t.Fatal(err)
		}
		defer s.close()
		all = append(all, s)
	}
	c := &campaign{deployment: d, nodes: all, alice: all[0].user(d)}
	c.run(2 * time.Second) // until memory is full
	c.asked.Store(0)
	c.changed.Store(0)
	before := c.calls(t)
	took := c.run(lasts(t))
	after := c.calls(t)

	model := scale.Load{
		Nodes: nodes, Lasts: 61 * time.Second, Grants: float64(c.changed.Load()) / 2 / took.Seconds(),
		Keys: keys, Rate: float64(c.asked.Load()) / nodes / took.Seconds(), Cached: cached,
	}
	said := model.Play()
	t.Logf("%.0f s, %.1f requests by each node and %.1f changes per second", took.Seconds(), model.Rate, 2*model.Grants)
	for _, k := range []scale.Kind{scale.Renew, scale.Changes, scale.Peers, scale.Commit, scale.Get, scale.List} {
		got, want := (after[k]-before[k])/took.Seconds(), said.PerSecond[k]
		t.Logf("%-8v %8.1f per second, %8.1f by the model: %.2f", k, got, want, want/got)
		if want > 2*got || got > 2*want {
			t.Errorf("%v: got %.1f calls per second, the model says %.1f", k, got, want)
		}
	}
}

// lasts is for how long the nodes are looked at.
func lasts(t *testing.T) time.Duration {
	t.Helper()
	text := os.Getenv("QKMS_CALIBRATE")
	if text == "" {
		return 10 * time.Second
	}
	d, err := time.ParseDuration(text)
	if err != nil {
		t.Fatalf("QKMS_CALIBRATE: %v", err)
	}
	return d
}

// A campaign is load on nodes. It is open: what is to be asked does not wait for answers, within limits.
type campaign struct {
	*deployment
	nodes []*served
	alice *kmstest.Client

	asked, changed atomic.Int64
	made           chan granted
}

type granted struct{ KeyID, GrantID string }

const (
	perNode   = 25 // requests per second of each node
	perSecond = 4  // grants made, and as many retired

	bytesOfKey = 1750 // of memory: the key, that it has no policy, its material
)

// run asks for so long, and returns how long it took until the last was answered.
func (c *campaign) run(lasts time.Duration) time.Duration {
	ctx, cancel := context.WithTimeout(context.Background(), lasts)
	defer cancel()
	begin := time.Now()
	c.made = make(chan granted, 1000)
	var wait sync.WaitGroup
	for i, s := range c.nodes {
		ids := newPopular(uint64(i), c.ids)
		wait.Go(func() {
			ticking(ctx, perNode, func() func() {
				id := ids.id()
				return func() { s.dataKey(id)(); c.asked.Add(1) }
			})
		})
	}
	wait.Go(func() { ticking(ctx, perSecond, func() func() { return c.grant }) })
	wait.Go(func() { ticking(ctx, perSecond, func() func() { return c.retire }) })
	wait.Wait()
	return time.Since(begin)
}

// ticking has called what next returns so often per second, up to 16 at once, and waits for the last.
func ticking(ctx context.Context, perSecond int, next func() func()) {
	var wait sync.WaitGroup
	defer wait.Wait()
	slots := make(chan struct{}, 16)
	tick := time.NewTicker(time.Second / time.Duration(perSecond))
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		slots <- struct{}{}
		do := next()
		wait.Go(func() {
			defer func() { <-slots }()
			do()
		})
	}
}

func (c *campaign) any() *served { return c.nodes[rand.IntN(len(c.nodes))] }

// grant makes a grant on any node.
func (c *campaign) grant() {
	id := c.ids[rand.IntN(len(c.ids))]
	s := c.any()
	body := fmt.Appendf(nil, `{"KeyId":%q,"GranteePrincipal":"arn:aws:iam::%s:user/%s","Operations":["GenerateDataKey"]}`, id, kmstest.Account, c.user.Name)
	var made struct{ GrantId string }
	if err := json.Unmarshal(s.do(s.root.Request("CreateGrant", body), body), &made); err != nil {
		panic(err) // of what a server said that answered 200
	}
	c.changed.Add(1)
	c.made <- granted{id, made.GrantId}
}

// retire retires the oldest grant there is on any node, when it has been used on all.
func (c *campaign) retire() {
	if len(c.made) < perSecond {
		return // all nodes are to know it, which takes a beat
	}
	g := <-c.made
	for _, s := range c.nodes {
		s.as(c.alice, "GenerateDataKey", dataKeyOf(g.KeyID))()
	}
	c.any().again("RetireGrant", fmt.Sprintf(`{"KeyId":%q,"GrantId":%q}`, g.KeyID, g.GrantID))()
	c.changed.Add(1)
}

// popular are ids by Zipf's law. It is used by one goroutine.
type popular struct {
	ids []string
	sum []float64
	rng *rand.Rand
}

func newPopular(seed uint64, ids []string) *popular {
	p := &popular{ids, make([]float64, len(ids)), rand.New(rand.NewPCG(seed, 0))}
	whole := 0.0
	for i := range p.sum {
		whole += 1 / float64(i+1)
		p.sum[i] = whole
	}
	return p
}

func (p *popular) id() string {
	return p.ids[scale.Search(p.sum, p.rng.Float64()*p.sum[len(p.sum)-1])]
}

var metric = regexp.MustCompile(`(?m)^qkms_store_calls_total\{call="([a-z]+)",outcome="[a-z_]+"\} ([0-9.e+]+)$`)

// calls is how often the nodes have called the store, by their own metrics.
func (c *campaign) calls(t *testing.T) (n [scale.Kinds]float64) {
	t.Helper()
	for _, s := range c.nodes {
		w := httptest.NewRecorder()
		s.node.Metrics.Handler(s.node.Ready).ServeHTTP(w, httptest.NewRequest("GET", "/metrics", nil))
		for _, m := range metric.FindAllStringSubmatch(w.Body.String(), -1) {
			count, err := strconv.ParseFloat(m[2], 64)
			if err != nil {
				t.Fatal(err)
			}
			for k := range scale.Kinds {
				if strings.EqualFold(k.String(), m[1]) {
					n[k] += count
				}
			}
		}
	}
	return n
}
