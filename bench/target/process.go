// Package target runs the servers that are measured, each as a process of its own, and reads what they cost the machine.
package target

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// patience is for what takes a fraction of a second on an idle machine.
const patience = 60 * time.Second

// A Process is a running server. One goroutine at a time starts and ends it; everything else may be called by many.
type Process struct {
	PID     int
	Metrics string // the URL of Prometheus metrics with those of the Go runtime; empty: it has none

	cmd   *exec.Cmd // nil of a process that is somebody else's
	ended chan struct{}
	err   error // of Wait; read it after ended
}

// start runs a program with its stderr in the file log, and hands the lines of its stdout to each until each says
// that it has heard enough: then the server is ready.
func start(log string, each func(line string) (ready bool), program string, args ...string) (*Process, error) {
	file, err := os.OpenFile(log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	p := &Process{cmd: exec.Command(program, args...), ended: make(chan struct{})}
	p.cmd.Stderr = file
	out, err := p.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := p.cmd.Start(); err != nil {
		return nil, err
	}
	p.PID = p.cmd.Process.Pid
	go p.followUs()
	ready := make(chan struct{})
	go p.attend(out, each, ready)
	select {
	case <-ready:
		return p, nil
	case <-p.ended:
		err = fmt.Errorf("it ended: %w", p.err)
	case <-time.After(patience):
		err = errors.Join(fmt.Errorf("not ready after %v", patience), p.Kill())
	}
	said, _ := os.ReadFile(log)
	return nil, fmt.Errorf("%s %v: %w\n%s", filepath.Base(program), args, err, said)
}

// attend reads what the process says, to its end.
func (p *Process) attend(out io.Reader, each func(string) bool, ready chan<- struct{}) {
	for s := bufio.NewScanner(out); s.Scan(); {
		if ready != nil && each(s.Text()) {
			close(ready)
			ready = nil
		}
	}
	p.err = p.cmd.Wait()
	close(p.ended)
}

// followUs ends the process when this one is told to end. Whoever uses it then fails, and cleans up.
func (p *Process) followUs() {
	told := make(chan os.Signal, 1)
	signal.Notify(told, os.Interrupt, syscall.SIGTERM)
	defer signal.Stop(told)
	select {
	case <-told:
		_ = p.cmd.Process.Kill()
	case <-p.ended:
	}
}

// Kill ends the process as a crash does, and returns when it is gone.
func (p *Process) Kill() error {
	err := p.cmd.Process.Kill()
	<-p.ended
	return err
}

// Stop asks the process to end and waits. An error unless it ends with status 0.
func (p *Process) Stop() error {
	if p.cmd == nil {
		return nil
	}
	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		return fmt.Errorf("it had ended by itself: %w", err)
	}
	select {
	case <-p.ended:
		return p.err
	case <-time.After(patience):
		return errors.Join(fmt.Errorf("no end within %v of SIGTERM", patience), p.Kill())
	}
}

// CPU is how long the process has had a processor, all its threads together, those included that have ended. It is exact to the
// nanosecond, where /proc/PID/stat counts hundredths of a second.
func (p *Process) CPU() (time.Duration, error) {
	const scheduled = 2                   // CPUCLOCK_SCHED
	clock := int32(^p.PID)<<3 | scheduled // clock_getcpuclockid(3)
	var ts unix.Timespec
	if err := unix.ClockGettime(clock, &ts); err != nil {
		return 0, fmt.Errorf("CPU clock of process %d: %w", p.PID, err)
	}
	return time.Duration(ts.Nano()), nil
}

// RSS is how much memory of the machine the process has, in bytes, pages of its program and of files that it has mapped included.
func (p *Process) RSS() (int64, error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/statm", p.PID))
	if err != nil {
		return 0, err
	}
	fields := strings.Fields(string(text))
	if len(fields) < 2 {
		return 0, fmt.Errorf("/proc/%d/statm: %q", p.PID, text)
	}
	pages, err := strconv.ParseInt(fields[1], 10, 64)
	return pages * int64(os.Getpagesize()), err
}

// Gauges reads the metrics that have no labels. Without a URL there are none.
func (p *Process) Gauges() (map[string]float64, error) {
	all := map[string]float64{}
	if p.Metrics == "" {
		return all, nil
	}
	res, err := http.Get(p.Metrics)
	if err != nil {
		return nil, err
	}
	defer res.Body.Close()
	s := bufio.NewScanner(res.Body)
	for s.Scan() {
		name, value, _ := strings.Cut(s.Text(), " ")
		if v, err := strconv.ParseFloat(value, 64); err == nil && !strings.HasPrefix(name, "#") {
			all[name] = v
		}
	}
	return all, s.Err()
}
