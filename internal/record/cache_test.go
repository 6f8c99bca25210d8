package record_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"

	"qkms/internal/record"
	"qkms/internal/record/recordpb"
	"qkms/internal/store"
)

// A gate is an engine whose reads, when they have read, stop until they are let go.
type gate struct {
	store.Engine
	inside, most atomic.Int32
	calls, keys  atomic.Int32
	arrived      chan struct{} // told of each read that has read
	open         chan struct{} // each receives one when it may go on
}

func newGate(e store.Engine) *gate {
	return &gate{Engine: e, arrived: make(chan struct{}, 1000), open: make(chan struct{})}
}

func (g *gate) Get(ctx context.Context, keys ...[]byte) ([]store.Record, error) {
	if bytes.Equal(keys[0], record.Raw(record.StateKey())) {
		return g.Engine.Get(ctx, keys...)
	}
	g.calls.Add(1)
	g.keys.Add(int32(len(keys)))
	n := g.inside.Add(1)
	defer g.inside.Add(-1)
	for m := g.most.Load(); n > m && !g.most.CompareAndSwap(m, n); m = g.most.Load() {
	}
	got, err := g.Engine.Get(ctx, keys...)
	g.arrived <- struct{}{}
	select {
	case <-g.open:
		return got, err
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// Whoever asks for a record after it was dropped is not given what somebody began to read before.
func TestFillsDoNotOutliveADrop(t *testing.T) {
	for name, drop := range map[string]func(t *testing.T, f *fixture, m *record.Memory){
		"of the record": func(t *testing.T, f *fixture, m *record.Memory) {
			notes := f.log()
			if err := m.Drop(t.Context(), notes[len(notes)-1]); err != nil {
				t.Fatal(err)
			}
		},
		"of everything": func(t *testing.T, _ *fixture, m *record.Memory) {
			if err := m.DropAll(t.Context()); err != nil {
				t.Fatal(err)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			f := open(t)
			k := f.insert("a")
			g := newGate(f.engine)
			other := record.Open(g, f.Ring(), 1<<20)
			version := func() (ver uint64) {
				_, ver, err := record.Load[recordpb.Key](t.Context(), other, k)
				if err != nil {
					t.Errorf("Load: %v", err)
				}
				return ver
			}
			var wg sync.WaitGroup
			var early, late uint64
			wg.Go(func() { early = version() })
			<-g.arrived
			c := f.Change()
			c.Replace(k, 1, &recordpb.Key{Id: "a"})
			f.commit(c)
			drop(t, f, &record.Memory{Book: other})
			wg.Go(func() { late = version() })
			<-g.arrived // it reads for itself
			close(g.open)
			wg.Wait()
			if early != 1 || late != 2 {
				t.Errorf("got version %d for who asked before, %d for who asked after, want 1 and 2", early, late)
			}
			if got := version(); got != 2 || len(g.arrived) != 0 {
				t.Errorf("got version %d after %d more reads, want 2 from memory", got, len(g.arrived))
			}
		})
	}
}

// Everything was dropped and everybody asks at once: most of them wait outside the engine, and whoever
// writes finds it free. Each record is read once, and those who waited are read for together.
func TestReadsAtATime(t *testing.T) {
	f := open(t)
	const records, each = 40, 5
	for i := range records {
		f.insert(fmt.Sprint(i))
	}
	g := newGate(f.engine)
	b := record.Open(g, f.Ring(), 1<<20)
	var wg sync.WaitGroup
	for i := range records * each {
		wg.Go(func() {
			if m, _, err := record.Load[recordpb.Key](t.Context(), b, record.OfKey(account, region, fmt.Sprint(i%records))); err != nil || m.GetId() != fmt.Sprint(i%records) {
				t.Errorf("Load %d: got %v, %v", i%records, m, err)
			}
		})
	}
	for range record.MaxReads {
		<-g.arrived
	}
	for b.Waiting() < records-record.MaxReads {
		runtime.Gosched()
	}
	c := b.Change()
	c.Insert(record.OfKey(account, region, "new"), &recordpb.Key{})
	if err := b.Commit(t.Context(), c, "", nil); err != nil {
		t.Errorf("Commit: %v", err)
	}
	waiting, leave := context.WithCancel(t.Context())
	leave()
	if _, _, err := b.Take(waiting, record.OfKey(account, region, "0")); !errors.Is(err, store.ErrUnavailable) {
		t.Errorf("who waited and left: got %v, want ErrUnavailable", err)
	}
	close(g.open)
	wg.Wait()
	if most, keys, calls := g.most.Load(), g.keys.Load(), g.calls.Load(); most != record.MaxReads || keys != records || calls > 2*record.MaxReads {
		t.Errorf("got %d records by %d reads, %d at a time, want %d by at most %d, %d at a time", keys, calls, most, records, 2*record.MaxReads, record.MaxReads)
	}
}

// Who reads for others gives up: they are read for all the same, and who gave up while he waited is no hole in the queue.
func TestWhoIsReadForOutlivesTheReader(t *testing.T) {
	f := open(t)
	const records = 3 * record.MaxReads
	for i := range records {
		f.insert(fmt.Sprint(i))
	}
	g := newGate(f.engine)
	b := record.Open(g, f.Ring(), 1<<20)
	ctx, giveUp := context.WithCancel(t.Context())
	var gave, got atomic.Int32
	var wg sync.WaitGroup
	ask := func(ctx context.Context, i int) {
		wg.Go(func() {
			m, _, err := record.Load[recordpb.Key](ctx, b, record.OfKey(account, region, fmt.Sprint(i)))
			switch {
			case err == nil && m.GetId() == fmt.Sprint(i):
				got.Add(1)
			case errors.Is(err, context.Canceled):
				gave.Add(1)
			default:
				t.Errorf("Load %d: got %v, %v", i, m, err)
			}
		})
	}
	for i := range record.MaxReads { // these read, each for itself
		ask(ctx, i)
		<-g.arrived
	}
	for i := record.MaxReads; i < records; i++ { // of these one reads for the others when his turn comes
		who := ctx
		if i%2 == 1 {
			who = t.Context()
		}
		ask(who, i)
		for b.Waiting() < i+1-record.MaxReads {
			runtime.Gosched()
		}
	}
	g.open <- struct{}{}
	<-g.arrived // he who has waited longest
	giveUp()
	for gave.Load() < 2*record.MaxReads-1 { // all but one of those who read, and half of the others
		runtime.Gosched()
	}
	close(g.open)
	wg.Wait()
	if got.Load() != record.MaxReads+1 {
		t.Errorf("got %d records, want %d", got.Load(), record.MaxReads+1)
	}
	if _, _, err := record.Load[recordpb.Key](t.Context(), b, record.OfKey(account, region, "1")); err != nil {
		t.Errorf("afterwards: %v", err)
	}
}
