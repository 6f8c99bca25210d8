package soft

import (
	"context"
	"errors"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
)

// TestOneCoreStaysFree: however many RSA keys are asked for.
func TestOneCoreStaysFree(t *testing.T) {
	if got, most := slowAtOnce(), runtime.GOMAXPROCS(0); got < 1 || got > 1 && got >= most {
		t.Errorf("got %d at once of %d cores", got, most)
	}
	synctest.Test(t, func(t *testing.T) {
		s := New(nil, secretBytes, 1)
		var running, most atomic.Int32
		gate := make(chan struct{})
		var wg sync.WaitGroup
		for range 10 {
			wg.Go(func() {
				_, err := s.slowly(t.Context(), func() ([]byte, error) {
					most.Store(max(most.Load(), running.Add(1)))
					<-gate
					running.Add(-1)
					return nil, nil
				})
				if err != nil {
					t.Errorf("got %v", err)
				}
			})
		}
		synctest.Wait()
		if got := int(running.Load()); got != slowAtOnce() {
			t.Errorf("running: got %d, want %d", got, slowAtOnce())
		}
		ctx, cancel := context.WithCancel(t.Context())
		impatient := make(chan error, 1)
		go func() {
			_, err := s.slowly(ctx, func() ([]byte, error) { t.Error("the impatient one ran"); return nil, nil })
			impatient <- err
		}()
		synctest.Wait()
		cancel()
		if err := <-impatient; !errors.Is(err, context.Canceled) {
			t.Errorf("impatient: got %v, want context.Canceled", err)
		}
		close(gate)
		wg.Wait()
		if got := int(most.Load()); got > slowAtOnce() {
			t.Errorf("at once: got %d, want %d at most", got, slowAtOnce())
		}
	})
}
