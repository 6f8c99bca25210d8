// Package sink brings the records of an audit log to where others read them.
//
// Parse makes a Target of what an operator writes; New and Run deliver to any number of them. A sink
// reads the log's own files from the place that its cursor remembers, so the segments are the spool: an
// append never waits for a sink, and what a dead one has not got stays until it is back.
//
// Every record is delivered at least once, in the order of the log. A receiver that minds a repetition
// compares the eventID.
package sink

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"time"

	"qkms/internal/audit"
)

// Config of Sinks. Log is needed; the other zero values work.
type Config struct {
	Log     *audit.Log
	Targets []*Target
	Logger  *slog.Logger     // hears when a sink fails and when it works again; nil: slog.Default
	Now     func() time.Time // nil: time.Now

	Every   time.Duration // how often the log is looked at for more; 0: 200 ms
	Timeout time.Duration // the longest that one delivery may take; 0: 30 seconds
	Retry   time.Duration // the wait after a failure, doubled by each further one; 0: 1 second
	Ceiling time.Duration // the longest such wait, and the longest that a receiver may ask for; 0: 1 minute
	Grace   time.Duration // how long the last records have when Run is told to end; 0: 2 seconds
}

func (c Config) withDefaults() Config {
	c.Logger = cmp.Or(c.Logger, slog.Default())
	c.Every = cmp.Or(c.Every, 200*time.Millisecond)
	c.Timeout = cmp.Or(c.Timeout, 30*time.Second)
	c.Retry = cmp.Or(c.Retry, time.Second)
	c.Ceiling = cmp.Or(c.Ceiling, time.Minute)
	c.Grace = cmp.Or(c.Grace, 2*time.Second)
	if c.Now == nil {
		c.Now = time.Now
	}
	return c
}

// Sinks deliver one log. Methods may be called concurrently, also while Run runs.
type Sinks struct {
	Config
	all []*sink
}

// New reads the cursors of the targets, and connects to none.
func New(c Config) (*Sinks, error) {
	s := &Sinks{Config: c.withDefaults()}
	for _, t := range c.Targets {
		if slices.ContainsFunc(s.all, func(one *sink) bool { return one.target.Name == t.Name }) {
			return nil, fmt.Errorf("audit sink %s is given twice", t.Name)
		}
		one := &sink{Config: &s.Config, target: t, limit: batchBytes}
		if err := one.resume(); err != nil {
			return nil, fmt.Errorf("audit sink %s: %w", t.Name, err)
		}
		s.all = append(s.all, one)
	}
	return s, nil
}

// Run delivers until ctx is done, then for Config.Grace what there still is.
func (s *Sinks) Run(ctx context.Context) {
	var all sync.WaitGroup
	for _, one := range s.all {
		all.Go(func() { one.run(ctx) })
	}
	all.Wait()
}

// Delivered is the place up to which every sink has delivered, and remembers it; false: there is no sink.
func (s *Sinks) Delivered() (least audit.Position, ok bool) {
	for i, one := range s.all {
		if at := one.remembered(); i == 0 || at.Behind(least) {
			least = at
		}
	}
	return least, len(s.all) > 0
}

// A Status is how a sink is doing.
type Status struct {
	Name        string    // the target, without its secrets
	Behind      uint64    // records on stable storage and not delivered yet
	Bytes       int64     // of them
	Oldest      time.Time // when the first of them was made; zero: there is none
	LastError   string    // of the last delivery; empty: it went well, or there was none
	LastSuccess time.Time // zero: none since the start
	Failures    uint64    // deliveries that failed since the start
}

// Status reports on every sink, in the order of the targets. It reads the log's directory.
func (s *Sinks) Status() []Status {
	out := make([]Status, len(s.all))
	for i, one := range s.all {
		out[i] = one.report()
	}
	return out
}
