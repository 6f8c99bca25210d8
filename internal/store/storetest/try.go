package storetest

import (
	"context"
	"fmt"
	"runtime"
	"slices"
	"sync"
)

// Try is Run where there is no package testing. It returns what failed, one line each; nothing if the engine does
// what the case says. A ctx that ends fails the case.
func (c Case) Try(ctx context.Context, place Place) []string {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	a := &attempt{ctx: ctx}
	ended := make(chan struct{})
	go func() { // of its own, which Fatal can end
		defer close(ended)
		defer a.clean()
		defer a.rescue()
		c.Run(a, place)
	}()
	<-ended
	return a.failures
}

// An attempt is the T of Try.
type attempt struct {
	ctx context.Context

	mu       sync.Mutex
	failures []string // guarded by mu
	cleanups []func() // guarded by mu
}

func (a *attempt) Helper()                  {}
func (a *attempt) Context() context.Context { return a.ctx }

func (a *attempt) Error(args ...any)                 { a.fail(fmt.Sprint(args...)) }
func (a *attempt) Errorf(format string, args ...any) { a.fail(fmt.Sprintf(format, args...)) }
func (a *attempt) Fatal(args ...any)                 { a.Error(args...); runtime.Goexit() }
func (a *attempt) Fatalf(format string, args ...any) { a.Errorf(format, args...); runtime.Goexit() }

func (a *attempt) Failed() bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return len(a.failures) > 0
}

func (a *attempt) Cleanup(f func()) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.cleanups = append(a.cleanups, f)
}

func (a *attempt) fail(text string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.failures = append(a.failures, text)
}

// rescue makes a failure of a panic: an engine that answers what it must not may lead the case astray.
func (a *attempt) rescue() {
	if r := recover(); r != nil {
		a.fail(fmt.Sprint("panic: ", r))
	}
}

func (a *attempt) clean() {
	for _, f := range slices.Backward(a.cleanups) {
		f()
	}
}
