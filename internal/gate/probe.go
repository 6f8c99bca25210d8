package gate

import (
	"fmt"
	"os"
	"sync/atomic"
	"time"
)

// A probe stands in the line that requests stand in before anything of ours sees them: it is a byte in a pipe, which the
// kernel reports as ready behind all connections that were ready before, and whose reader then waits for a processor
// behind their goroutines. The runtime's own figure (/sched/latencies) has the second part alone: while all processors
// are busy nobody asks the kernel, and 2,000 clients that waited for 0.4 s each were 3 ms there.
type probe struct {
	in, out *os.File
	began   time.Time
	sent    atomic.Int64 // when the byte under way was written, since began; 0: there is none
	took    atomic.Int64 // how long the last one stood
	ended   chan struct{}
}

func newProbe() (*probe, error) {
	out, in, err := os.Pipe()
	if err != nil {
		return nil, fmt.Errorf("open a pipe for admission: %w", err)
	}
	p := &probe{in: in, out: out, began: time.Now(), ended: make(chan struct{})}
	go p.receive()
	return p, nil
}

// receive reads each byte as it comes to the front of the line, until the probe is closed.
func (p *probe) receive() {
	defer close(p.ended)
	var b [1]byte
	for {
		if _, err := p.out.Read(b[:]); err != nil {
			return
		}
		p.took.Store(int64(time.Since(p.began)) - p.sent.Load())
		p.sent.Store(0)
	}
}

// wait is how long the last byte stood in the line, or the one that still does if that is longer; and sends another. One
// goroutine at a time may call it.
func (p *probe) wait() time.Duration {
	now, sent := int64(time.Since(p.began)), p.sent.Load()
	if sent != 0 {
		return time.Duration(max(p.took.Load(), now-sent))
	}
	p.sent.Store(now)
	if _, err := p.in.Write([]byte{0}); err != nil {
		p.sent.Store(0)
	}
	return time.Duration(p.took.Load())
}

func (p *probe) close() {
	_ = p.in.Close()
	_ = p.out.Close()
	<-p.ended
}
