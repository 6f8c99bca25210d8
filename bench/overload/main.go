// Command overload asks a server for more than it can do, and tells what became of those that were answered.
//
//	cd bench && go run ./overload [-clients N] [-for TIME]
//
// For each operation: a closed loop finds the capacity; an open loop of 80 % of it gives the times to compare with; one of 200 %
// is the overload; one of 50 % shows whether it is over. Each is made with and without admission (--queue-delay 0).
// Client and server share the machine, so only the ratios say something.
package main

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"time"

	"qkms/bench/load"
	"qkms/bench/target"
)

func main() {
	clients := flag.Int("clients", 2000, "connections of the open loop, `N`")
	during := flag.Duration("for", 5*time.Second, "`TIME` of each phase")
	flag.Parse()
	if err := run(*clients, *during); err != nil {
		fmt.Fprintln(os.Stderr, "overload:", err)
		os.Exit(1)
	}
}

func run(clients int, during time.Duration) error {
	dir, err := os.MkdirTemp("", "overload")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	program, err := target.Build(dir)
	if err != nil {
		return err
	}
	fmt.Println("| operation | admission | 80 %: p50, p99 | 200 %: refused | answered, of capacity | p50, p99 of the answered | p99 over that at 80 % | afterwards 50 %: refused, p99 |")
	fmt.Println("|---|---|---|---|---|---|---|---|")
	for _, delay := range []string{"20ms", "0"} {
		if err := os.Setenv("QKMS_QUEUE_DELAY", delay); err != nil {
			return err
		}
		q := &target.QKMS{Program: program, Dir: filepath.Join(dir, "data"+delay), Log: filepath.Join(dir, "log")}
		if err := os.Setenv("QKMS_CONNECTIONS_PER_ADDRESS", "8192"); err != nil {
			return err
		}
		if err := q.Init(); err != nil {
			return err
		}
		t, err := q.Serve("qkms")
		if err != nil {
			return err
		}
		for _, o := range operations {
			if err := o.measure(t, delay, clients, during); err != nil {
				return err
			}
		}
		if err := t.Stop(); err != nil {
			return err
		}
		if err := q.Verify(); err != nil {
			return err
		}
	}
	return nil
}

type operation struct {
	name string
	key  map[string]any // as CreateKey is asked for it
	body string         // but for the key's id
}

// One that costs little more than its refusal, and one that costs more.
var operations = []operation{
	{"GenerateDataKey", map[string]any{}, `{"KeyId":"%s","KeySpec":"AES_256"}`},
	{"Sign", map[string]any{"KeySpec": "ECC_NIST_P256", "KeyUsage": "SIGN_VERIFY"}, `{"KeyId":"%s","Message":"aGk=","SigningAlgorithm":"ECDSA_SHA_256"}`},
}

// A phase is what the clients saw of one open loop.
type phase struct {
	answered, refused load.Histogram // from when they were sent
	elapsed           time.Duration
}

func (p *phase) share() float64 {
	return float64(p.refused.Count()) / float64(max(p.answered.Count()+p.refused.Count(), 1))
}

func (o operation) measure(t *target.Target, delay string, clients int, during time.Duration) error {
	pool, err := o.pool(t)
	if err != nil {
		return err
	}
	few := load.Open(t.Site, 32, false)
	r, _ := few.Closed(pool, during) // what is refused here is no error
	few.Close()
	capacity := r.PerSecond()
	all := make([]*load.Clients, clients)
	for i := range all {
		all[i] = load.Open(t.Site, 1, false)
		defer all[i].Close()
	}
	before, over, after := paced(all, pool, 0.8*capacity, during), paced(all, pool, 2*capacity, 2*during), paced(all, pool, 0.5*capacity, during)
	ms := func(h *load.Histogram, q float64) string { return fmt.Sprintf("%.1f ms", h.Quantile(q).Seconds()*1000) }
	fmt.Printf("| %s | %s | %s, %s | %.0f %% | %.2f | %s, %s | %.1f | %.1f %%, %s |\n", o.name, delay,
		ms(&before.answered, .5), ms(&before.answered, .99), 100*over.share(), float64(over.answered.Count())/over.elapsed.Seconds()/capacity,
		ms(&over.answered, .5), ms(&over.answered, .99), over.answered.Quantile(.99).Seconds()/before.answered.Quantile(.99).Seconds(),
		100*after.share(), ms(&after.answered, .99))
	return nil
}

func (o operation) pool(t *target.Target) (pool []*load.Request, err error) {
	made, err := t.Call("CreateKey", o.key)
	for range 100 { // the overload of the operation before may not be over
		if err == nil {
			break
		}
		time.Sleep(100 * time.Millisecond)
		made, err = t.Call("CreateKey", o.key)
	}
	if err != nil {
		return nil, err
	}
	id := made["KeyMetadata"].(map[string]any)["KeyId"].(string)
	for range 2000 {
		pool = append(pool, t.Login.Sign(t.Site.Address, load.Call{Operation: o.name, Body: fmt.Appendf(nil, o.body, id)}, time.Now()))
	}
	return pool, nil
}

// paced has the clients send perSecond requests for a time, each as soon as it is due and a client is free.
func paced(clients []*load.Clients, pool []*load.Request, perSecond float64, during time.Duration) *phase {
	due := make(chan int)
	parts := make([]phase, len(clients))
	var wg sync.WaitGroup
	for i, c := range clients {
		wg.Go(func() {
			for n := range due {
				sent := time.Now()
				a, err := c.Do(pool[n%len(pool)])
				switch {
				case err == nil && a.Status == 200:
					parts[i].answered.Add(time.Since(sent))
				default:
					parts[i].refused.Add(time.Since(sent))
				}
			}
		})
	}
	began := time.Now()
	end := began.Add(during)
	for n := 0; time.Now().Before(end); {
		for ; float64(n) < time.Since(began).Seconds()*perSecond && time.Now().Before(end); n++ {
			due <- n // waits when every client does: the load is then as many as there are
		}
		time.Sleep(500 * time.Microsecond)
	}
	close(due)
	wg.Wait()
	sum := &phase{elapsed: time.Since(began)}
	for i := range parts {
		sum.answered.Merge(&parts[i].answered)
		sum.refused.Merge(&parts[i].refused)
	}
	return sum
}
