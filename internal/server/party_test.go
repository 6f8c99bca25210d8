package server

import (
	"testing"
	"testing/synctest"
	"time"

	"qkms/internal/coherence"
)

// Who waits for another's change, which may be stuck in the store, is answered when its own time is over.
func TestWaitingForOthersEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, x := New(Config{}), &exchange{began: time.Now()}
		s.losers <- struct{}{} // another's, for ever
		tries := 0
		_, err := attempt(s, x, func() (int, error) {
			tries++
			return 0, coherence.ErrChanged
		})
		if err != coherence.ErrChanged || tries != 1 || time.Since(x.began) != patience {
			t.Errorf("got %v after %d tries in %v, want ErrChanged after 1 in %v", err, tries, time.Since(x.began), patience)
		}
	})
}
