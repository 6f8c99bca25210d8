package scale_test

import (
	"bufio"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"testing"
	"time"
)

// build builds what operators run.
func build(b *testing.B) string {
	b.Helper()
	program := filepath.Join(b.TempDir(), "qkms")
	if out, err := exec.Command("go", "build", "-o", program, "qkms/cmd/qkms").CombinedOutput(); err != nil {
		b.Fatalf("%v\n%s", err, out)
	}
	return program
}

// benchServe is `qkms serve`, from its start until it has answered a request.
func benchServe(b *testing.B, program string, few, full *deployment) {
	for _, d := range []*deployment{few, full} { // a first start makes the audit log, and has the program read from disk
		if _, _, err := firstAnswer(program, d); err != nil {
			b.Fatal(err)
		}
	}
	b.Run("Serve", func(b *testing.B) {
		var took [2]time.Duration
		var memory [2]int64
		runs := 0.0
		for b.Loop() {
			runs++
			for i, d := range []*deployment{few, full} {
				t, m, err := firstAnswer(program, d)
				if err != nil {
					b.Fatal(err)
				}
				took[i] += t
				memory[i] += m
			}
		}
		b.ReportMetric(0, "ns/op")
		b.ReportMetric(took[0].Seconds()*1e3/runs, "few-ms")
		b.ReportMetric(took[1].Seconds()*1e3/runs, "full-ms")
		b.ReportMetric(float64(memory[0])/runs/(1<<20), "few-MiB")
		b.ReportMetric(float64(memory[1])/runs/(1<<20), "full-MiB")
	})
}

var address = regexp.MustCompile(`http://[0-9.:]+`)

// firstAnswer has the program serve d until it has answered, and says how long that took and how many bytes were
// then resident. What it answers is a refusal, for nobody signed the request.
func firstAnswer(program string, d *deployment) (took time.Duration, memory int64, err error) {
	begin := time.Now()
	p, err := launch(program, d)
	if err != nil {
		return 0, 0, err
	}
	defer p.stop()
	r, err := http.Post(p.url, "application/x-amz-json-1.1", http.NoBody)
	if err != nil {
		return 0, 0, err
	}
	_, err = io.Copy(io.Discard, r.Body)
	took = time.Since(begin)
	_ = r.Body.Close()
	if err != nil {
		return 0, 0, err
	}
	memory, err = resident(p.cmd.Process.Pid)
	return took, memory, err
}

// A serving is the program at work.
type serving struct {
	cmd *exec.Cmd
	url string
}

// launch starts the program, and returns when it listens.
func launch(program string, d *deployment, more ...string) (*serving, error) {
	args := append([]string{"serve", "--data", d.Dir, "--no-tls", "--listen", "127.0.0.1:0"}, more...)
	if d.Store != "" { // with a password, which is not for a list of processes
		file := filepath.Join(d.Dir, "store")
		if err := os.WriteFile(file, []byte(d.Store+"\n"), 0o600); err != nil {
			return nil, err
		}
		args = append(args, "--store-file", file)
	}
	p := &serving{cmd: exec.Command(program, args...)}
	p.cmd.Stderr = os.Stderr
	out, err := p.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := p.cmd.Start(); err != nil {
		return nil, err
	}
	said, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		p.stop()
		return nil, fmt.Errorf("qkms serve said %q: %w", said, err)
	}
	p.url = address.FindString(said)
	return p, nil
}

func (p *serving) stop() {
	_ = p.cmd.Process.Signal(os.Interrupt)
	_ = p.cmd.Wait()
}
