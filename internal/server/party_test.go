package server

import (
	"testing"
	"testing/synctest"
	"time"

	"qkms/internal/store"
)

// Who waits for another's change, which may be stuck in the store, is answered when its own time is over.
func TestWaitingForOthersEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, x := New(Config{}), &exchange{began: time.Now()}
		at := []byte("a record")
		s.turns.take(&exchange{began: time.Now(), turn: &turn{at: at}}) // another's, for ever
		tries := 0
		_, err := attempt(s, x, func() (int, error) {
			tries++
			x.lose(at, true)
			return 0, &store.Conflict{Key: at}
		})
		if err == nil || tries != 1 || time.Since(x.began) != patience {
			t.Errorf("got %v after %d tries in %v, want a conflict after 1 in %v", err, tries, time.Since(x.began), patience)
		}
	})
}
