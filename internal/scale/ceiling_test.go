package scale_test

import (
	"fmt"
	"net/http"
	"os"
	"regexp"
	"strconv"
	"sync"
	"testing"

	"qkms/internal/kmstest"
)

const (
	ceiling   = 64 << 20 // --cache-bytes: some 38,000 keys
	askedKeys = 200_000
	askers    = 2 // as many connections as net/http keeps for an address
)

// benchCeiling is `qkms serve` with little memory for keys, asked for data keys under many more than that holds, and by
// grant under some of them: how many bytes are resident then, and how many were at most.
func benchCeiling(b *testing.B, program string, d *deployment) {
	root, user := clients(b, d)
	b.Run("Ceiling", func(b *testing.B) {
		var after, peak int64
		for b.Loop() {
			p, err := launch(program, d, "--cache-bytes", strconv.Itoa(ceiling), "--rates", "none")
			if err != nil {
				b.Fatal(err)
			}
			ids := d.ids[:min(askedKeys, len(d.ids))]
			ask(b, p.url, root, ids)
			ask(b, p.url, user, d.begins())
			if after, err = resident(p.cmd.Process.Pid); err == nil {
				peak, err = mostResident(p.cmd.Process.Pid)
			}
			p.stop()
			if err != nil {
				b.Fatal(err)
			}
		}
		b.ReportMetric(0, "ns/op")
		b.ReportMetric(float64(after)/(1<<20), "full-MiB")
		b.ReportMetric(float64(peak)/(1<<20), "full-peak-MiB")
	})
}

// clients are the account, and one who has grants, with access keys that outlive whoever serves.
func clients(b *testing.B, d *deployment) (root, user *kmstest.Client) {
	b.Helper()
	s := serve(b, d)
	defer s.close()
	return s.root, s.user(d)
}

// ask asks for a data key under each key.
func ask(b *testing.B, url string, c *kmstest.Client, ids []string) {
	b.Helper()
	var wg sync.WaitGroup
	for a := range askers {
		wg.Go(func() {
			signs := *c
			for i := a; i < len(ids); i += askers {
				if i < askers || i%1000 < askers { // a clock of tests stands still, a signature is good for five minutes
					signs.Server = &kmstest.Server{URL: url, Clock: kmstest.NewClock()}
				}
				r, err := signs.Do(signs.Request("GenerateDataKey", []byte(dataKeyOf(ids[i]))))
				if err != nil || r.Status != http.StatusOK {
					b.Errorf("GenerateDataKey: got %v, %v", r, err)
					return
				}
			}
		})
	}
	wg.Wait()
}

var highWater = regexp.MustCompile(`(?m)^VmHWM:\s+(\d+) kB$`)

// mostResident is the most bytes of a process that were ever resident.
func mostResident(process int) (int64, error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", process))
	if err != nil {
		return 0, err
	}
	m := highWater.FindSubmatch(text)
	if m == nil {
		return 0, fmt.Errorf("no VmHWM in the status of process %d", process)
	}
	kB, err := strconv.ParseInt(string(m[1]), 10, 64)
	return kB << 10, err
}
