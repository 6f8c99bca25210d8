package workload

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"

	"qkms/bench/load"
	"qkms/bench/target"
)

// A Fleet is a server and the actors who use it. One goroutine at a time may use it.
type Fleet struct {
	Server     *target.Target
	deployment *target.QKMS
	actors     []*actor
	before     map[string]int // keys that nobody here made
}

// Start makes a deployment and starts its server, with so many actors, each with a key of every kind.
func Start(q *target.QKMS, actors int, seed uint64) (f *Fleet, err error) {
	f = &Fleet{deployment: q}
	if err := q.Init(); err != nil {
		return nil, err
	}
	for n := range actors {
		f.actors = append(f.actors, &actor{
			n: n, rand: rand.New(rand.NewPCG(seed, uint64(n))), aliases: map[string]*fact{}, kinds: map[string]int{},
		})
	}
	if err := f.serve(); err != nil {
		return nil, err
	}
	first := f.actors[0]
	if f.before, err = first.all("ListKeys", "Keys", "KeyId", fields{}); err != nil {
		return nil, err
	}
	common, err := first.make("SYMMETRIC_DEFAULT", "AWS_KMS")
	if err != nil {
		return nil, err
	}
	f.before[common.id]++
	first.keys = nil
	return f, f.each(func(a *actor) error {
		a.common = common
		for spec := range usages {
			if _, err := a.make(spec, "AWS_KMS"); err != nil {
				return err
			}
		}
		return nil
	})
}

// serve starts the server and connects everybody.
func (f *Fleet) serve() (err error) {
	if f.Server, err = f.deployment.Serve("qkms"); err != nil {
		return err
	}
	for _, a := range f.actors {
		a.server, a.client = f.Server, load.Open(f.Server.Site, 1, false)
	}
	return nil
}

// leave closes all connections. They are opened again when they are needed.
func (f *Fleet) leave() {
	for _, a := range f.actors {
		a.client.Close()
	}
}

// each has all actors do something at once.
func (f *Fleet) each(do func(*actor) error) error {
	errs := make([]error, len(f.actors))
	var wg sync.WaitGroup
	for i, a := range f.actors {
		wg.Go(func() { errs[i] = do(a) })
	}
	wg.Wait()
	return errors.Join(errs...)
}

// Run has every actor do so many things.
func (f *Fleet) Run(times int) error {
	return f.each(func(a *actor) error { return a.run(times, func() {}) })
}

// RunAndKill is Run, but kills the server as soon as so many things were done by all together.
func (f *Fleet) RunAndKill(times, after int) error {
	var done atomic.Int64
	var kill sync.Once
	err := f.each(func(a *actor) error {
		return a.run(times, func() {
			if done.Add(1) >= int64(after) {
				kill.Do(func() { _ = f.Server.Kill() })
			}
		})
	})
	kill.Do(func() { _ = f.Server.Kill() })
	f.leave()
	return err
}

// Stop has the server end as operators end it.
func (f *Fleet) Stop() error {
	f.leave()
	return f.Server.Stop()
}

// Restart starts the server again, and checks that all that was acknowledged is there, and that the audit log is whole.
func (f *Fleet) Restart() error {
	if err := f.serve(); err != nil {
		return err
	}
	return f.Check()
}

// Check compares all that was acknowledged with what there is, and the list of keys with everybody's.
func (f *Fleet) Check() error {
	err := f.each((*actor).check)
	return errors.Join(err, f.checkList(), f.deployment.Verify())
}

func (f *Fleet) checkList() error {
	there, err := f.actors[0].all("ListKeys", "Keys", "KeyId", fields{"Limit": 1000})
	if err != nil {
		return err
	}
	var errs []error
	known, unborn := len(f.before), 0
	for _, a := range f.actors {
		known, unborn = known+len(a.keys)+len(a.dead), unborn+a.unborn
		for _, k := range append(a.keys, a.dead...) {
			if there[k.id] != 1 {
				errs = append(errs, fmt.Errorf("ListKeys: key %s is there %d times, want once", k.id, there[k.id]))
			}
		}
	}
	if n := len(there); n < known || n > known+unborn {
		errs = append(errs, fmt.Errorf("ListKeys: got %d keys, want %d, and %d more at most", n, known, unborn))
	}
	return errors.Join(errs...)
}

// Settle has the actors go on with the keys that they have: a server remembers the keys that it has used, and with ever more of them
// its memory is never flat.
func (f *Fleet) Settle() {
	for _, a := range f.actors {
		a.settled = true
	}
}

// Requests is how many were answered, of each operation.
func (f *Fleet) Requests() (n int, kinds map[string]int) {
	kinds = map[string]int{}
	for _, a := range f.actors {
		n += len(a.ids)
		for name, times := range a.kinds {
			kinds[name] += times
		}
	}
	return n, kinds
}
