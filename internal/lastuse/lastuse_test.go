package lastuse_test

import (
	"fmt"
	"log/slog"
	"sync"
	"testing"

	"qkms/internal/kmstest"
	"qkms/internal/lastuse"
)

func tracker(s *kmstest.Server) *lastuse.Tracker {
	return lastuse.New(s.Book, slog.New(slog.DiscardHandler))
}

func use(at int64) lastuse.Use {
	return lastuse.Use{Operation: "Encrypt", At: at, EventID: fmt.Sprint("event ", at), RequestID: "request"}
}

func key(n int) lastuse.Key {
	return lastuse.Key{Account: kmstest.Account, Region: kmstest.Region, ID: fmt.Sprint("key ", n)}
}

func last(t *testing.T, tr *lastuse.Tracker, k lastuse.Key) (lastuse.Use, bool) {
	t.Helper()
	u, known, err := tr.Last(t.Context(), k)
	if err != nil {
		t.Fatal(err)
	}
	return u, known
}

// The newest use counts, whichever node noted it and whether or not it was written.
func TestNewestUseWins(t *testing.T) {
	s := kmstest.New(t)
	here, there := tracker(s), tracker(s)
	if u, known := last(t, here, key(1)); known {
		t.Errorf("unused: got %v", u)
	}
	here.Note(key(1), use(100))
	here.Note(key(1), use(300))
	here.Note(key(1), use(200)) // finished earlier, came later
	if u, _ := last(t, here, key(1)); u != use(300) {
		t.Errorf("in memory: got %v, want that at 300", u)
	}
	if _, known := last(t, there, key(1)); known {
		t.Error("on another node before it is written: got a use")
	}
	for range 2 { // what was written is not written again
		if err := here.Flush(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	there.Note(key(1), use(250))
	if u, _ := last(t, there, key(1)); u != use(300) {
		t.Errorf("older here than in the store: got %v, want that at 300", u)
	}
	if err := there.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	if u, _ := last(t, here, key(1)); u != use(300) {
		t.Errorf("after an older one was written: got %v, want that at 300", u)
	}
	there.Note(key(1), use(400))
	if u, _ := last(t, there, key(1)); u != use(400) {
		t.Errorf("newer here than in the store: got %v, want that at 400", u)
	}
}

// More keys than fit one transaction, noted while others are written: none is lost.
func TestNoUseIsLost(t *testing.T) {
	s := kmstest.New(t)
	tr := tracker(s)
	const keys, rounds = 1200, 5
	var wg sync.WaitGroup
	for round := range rounds {
		wg.Go(func() {
			for n := range keys {
				tr.Note(key(n), use(int64(round+1)))
			}
		})
		wg.Go(func() {
			if err := tr.Flush(t.Context()); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if err := tr.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	fresh := tracker(s)
	for n := range keys {
		if u, _ := last(t, fresh, key(n)); u != use(rounds) {
			t.Fatalf("key %d: got %v, want that at %d", n, u, rounds)
		}
	}
}

// What cannot be written stays, and is told.
func TestFailedFlushForgetsNothing(t *testing.T) {
	s := kmstest.New(t)
	tr := tracker(s)
	tr.Note(key(1), use(0)) // before the first moment the store knows
	if err := tr.Flush(t.Context()); err == nil {
		t.Fatal("got no error")
	}
	if u, known := last(t, tr, key(1)); !known || u != use(0) {
		t.Errorf("got %v, %v, want it still", u, known)
	}
}

func BenchmarkNote(b *testing.B) {
	tr := tracker(kmstest.New(b))
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		for n := 0; pb.Next(); n++ {
			tr.Note(lastuse.Key{Account: kmstest.Account, Region: kmstest.Region, ID: "1234abcd-12ab-34cd-56ef-1234567890ab"}, lastuse.Use{Operation: "Encrypt", At: int64(n)})
		}
	})
}
