package postgres_test

import (
	"errors"
	"fmt"
	"sync"
	"testing"

	"qkms/internal/store"
	"qkms/internal/store/postgres"
	"qkms/internal/store/postgres/pgtest"
)

const (
	kills   = 3
	writers = 8
	between = 60 // commits of all writers from one kill to the next
)

// TestKilledServerLosesNothing kills the server while commits run. What was acknowledged is there, what was
// refused as unavailable is not, once each; of what is unknown both may be.
func TestKilledServerLosesNothing(t *testing.T) {
	server := pgtest.New(t, "fsync=off") // the machine does not crash, only the server
	db := open(t, server.Database(t), postgres.Options{})
	outcomes := map[string]error{}
	for run := range kills {
		writeAndKill(t, server, db, run, outcomes)
		if err := server.Await(); err != nil {
			t.Fatal(err)
		}
		for key, err := range outcomes {
			got := version(t, db, key)
			switch {
			case err == nil && got != 1:
				t.Errorf("acknowledged commit %s is missing", key)
			case errors.Is(err, store.ErrUnavailable) && got != 0:
				t.Errorf("commit %s is there, and was refused: %v", key, err)
			case err != nil && !errors.Is(err, store.ErrUnavailable) && !errors.Is(err, store.ErrUnknown):
				t.Errorf("commit %s: got error %v, want ErrUnavailable or ErrUnknown", key, err)
			}
		}
		if err := db.Check(t.Context()); err != nil {
			t.Errorf("Check: %v", err)
		}
	}
}

// writeAndKill commits from many goroutines, kills the server in the middle, and notes what each commit came to.
func writeAndKill(t *testing.T, server *pgtest.Server, db *postgres.DB, run int, outcomes map[string]error) {
	t.Helper()
	var mu sync.Mutex
	var wg sync.WaitGroup
	done := 0
	for w := range writers {
		wg.Go(func() {
			for n, failed := 0, false; !failed; n++ {
				key := fmt.Sprintf("%d/%d/%d", run, w, n)
				_, err := db.Commit(t.Context(), put(w, key, 1, make([]byte, 300)))
				mu.Lock()
				outcomes[key] = err
				if done++; done == between {
					server.Kill(t)
				}
				failed = err != nil || done > 20*between
				mu.Unlock()
			}
		})
	}
	wg.Wait()
}
