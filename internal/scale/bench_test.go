package scale_test

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"syscall"
	"testing"
	"time"
)

// BenchmarkScale compares a full store with one of a thousand keys, in turns within one run: what stands beside each
// other was measured in the same seconds. few-ns and full-ns are for one call, ratio is the one by the other.
// Open and Serve are of processes of their own, one for each store. With QKMS_SCALE_DIR a full store in SQLite is made in
// that directory, and stays there; where there is one it is measured as it is.
//
//	QKMS_KEYS=1000000 QKMS_GRANTS=10050000 go test -run '^$' -bench Scale/sqlite -timeout 3h ./internal/scale
func BenchmarkScale(b *testing.B) {
	program := build(b)
	for _, e := range engines {
		b.Run(e.name, func(b *testing.B) {
			of := full(b, 10_000)
			ofFew := size{keys: 1000, grants: 200, each: of.each}
			few, full := fill(b, e.url(b), ofFew), kept(b, e.url(b), of)
			benchLoad(b, full)
			benchServe(b, program, few, full)
			benchCeiling(b, program, full)
			benchProcesses(b, few, full)

			f, g := serve(b, few), serve(b, full)
			defer f.close()
			defer g.close()
			middle := len(full.ids) / 2
			for _, of := range []struct {
				name      string
				few, full func()
			}{
				{"GenerateDataKey", f.dataKey(few.ids[1]), g.dataKey(full.ids[middle])},
				{"GenerateDataKeyByGrant", f.byGrant(few), g.byGrant(full)},
				{"GenerateDataKeyCold", f.cold(f.root, "GenerateDataKey", dataKeyOf, few.ids), g.cold(g.root, "GenerateDataKey", dataKeyOf, full.ids)},
				{"GenerateDataKeyColdByGrant", f.cold(f.user(few), "GenerateDataKey", dataKeyOf, few.begins()), g.cold(g.user(full), "GenerateDataKey", dataKeyOf, full.begins())},
				{"ListKeysFirst", f.keys(0), g.keys(0)},
				{"ListKeysMiddle", f.keys(ofFew.keys / 2), g.keys(middle)},
				{"ListKeysLast", f.keys(ofFew.keys - 100), g.keys(of.keys - 100)},
				{"ListGrantsFirst", f.grants(few, 0), g.grants(full, 0)},
				{"ListGrantsMiddle", f.grants(few, ofFew.grants/2), g.grants(full, of.grants/2)},
				{"ListGrantsLast", f.grants(few, ofFew.grants-100), g.grants(full, of.grants-100)},
				{"ListGrantsCold", f.cold(f.root, "ListGrants", grantsOf, few.ids[1:]), g.cold(g.root, "ListGrants", grantsOf, full.ids[1:])},
				{"CreateGrant", f.again("CreateGrant", few.grantOf(few.ids[1])), g.again("CreateGrant", full.grantOf(full.ids[middle]))},
				{"CreateGrantCold", f.cold(f.root, "CreateGrant", few.grantOf, few.ids[1:]), g.cold(g.root, "CreateGrant", full.grantOf, full.ids[1:])},
				{"CreateKey", f.again("CreateKey", `{}`), g.again("CreateKey", `{}`)},
			} {
				b.Run(of.name, func(b *testing.B) { beside(b, of.few, of.full) })
			}
		})
	}
}

// beside calls both in turns, so that whatever else the machine does meets both. What this process had read from a disk
// for the second, and did not find in the memory of the system, is full-disk-B.
func beside(b *testing.B, few, full func()) {
	const turn = 16
	var took [2]time.Duration
	var read [2]int64
	calls := 0
	few()
	full()
	for b.Loop() {
		for i, call := range []func(){few, full} {
			begin, before := time.Now(), fromDisk(b)
			for range turn {
				call()
			}
			took[i] += time.Since(begin)
			read[i] += fromDisk(b) - before
		}
		calls += turn
	}
	b.ReportMetric(0, "ns/op") // of both together says nothing
	b.ReportMetric(float64(took[0].Nanoseconds())/float64(calls), "few-ns")
	b.ReportMetric(float64(took[1].Nanoseconds())/float64(calls), "full-ns")
	b.ReportMetric(float64(took[1])/float64(took[0]), "ratio")
	b.ReportMetric(float64(read[1])/float64(calls), "full-disk-B")
}

// fromDisk is how many bytes were read from a disk for this process.
func fromDisk(b *testing.B) int64 {
	b.Helper()
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return u.Inblock * 512 // getrusage(2) counts blocks of 512 bytes
}

// benchProcesses has both opened and used by a process that has done nothing else.
func benchProcesses(b *testing.B, few, full *deployment) {
	var open, memory, warm [2]float64
	runs := 0.0
	b.Run("Open", func(b *testing.B) {
		for b.Loop() {
			runs++
			for i, d := range []*deployment{few, full} {
				r := inProcess(b, d)
				open[i] += float64(r.Open)
				memory[i] += float64(r.Opened)
				warm[i] += float64(r.Warm)
			}
		}
		b.ReportMetric(0, "ns/op")
		b.ReportMetric(open[0]/runs/1e6, "few-ms")
		b.ReportMetric(open[1]/runs/1e6, "full-ms")
		b.ReportMetric(memory[0]/runs/(1<<20), "few-open-MiB")
		b.ReportMetric(memory[1]/runs/(1<<20), "full-open-MiB")
		b.ReportMetric(warm[0]/runs/(1<<20), "few-warm-MiB")
		b.ReportMetric(warm[1]/runs/(1<<20), "full-warm-MiB")
	})
}

// What a process reports of itself.
type process struct {
	Open         time.Duration
	Opened, Warm int64 // bytes resident: after Open; after use of each of the first usedKeys keys
}

const (
	asProcess = "QKMS_SCALE_PROCESS" // in the environment: the directory, and in asStore the store, to open
	asStore   = "QKMS_SCALE_STORE"
	usedKeys  = 100_000
)

func inProcess(b *testing.B, d *deployment) (p process) {
	b.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), asProcess+"="+d.Dir, asStore+"="+d.Store)
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err == nil {
		err = json.Unmarshal(out, &p)
	}
	if err != nil {
		b.Fatalf("%v\n%s", err, out)
	}
	return p
}

// TestMain is also the process of inProcess.
func TestMain(m *testing.M) {
	dir := os.Getenv(asProcess)
	if dir == "" {
		os.Exit(m.Run())
	}
	p, err := use(dir, os.Getenv(asStore))
	if err == nil {
		err = json.NewEncoder(os.Stdout).Encode(p)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
