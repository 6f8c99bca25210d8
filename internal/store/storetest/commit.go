package storetest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync/atomic"

	"qkms/internal/store"
)

var commitTests = []subtest{
	{"PositionsInShardOrderFromOne", func(f *fixture) {
		first := f.commit(puts(put(9, "x", 1, ""), put(2, "y", 1, ""), put(2, "z", 1, "")))
		second := f.commit(puts(put(2, "y", 2, "")))
		if want := []store.Position{{Shard: 2, Rev: 1}, {Shard: 9, Rev: 1}}; !slices.Equal(first, want) {
			f.Errorf("first: got %v, want %v", first, want)
		}
		if want := []store.Position{{Shard: 2, Rev: 2}}; !slices.Equal(second, want) {
			f.Errorf("second: got %v, want %v", second, want)
		}
	}},
	{"EveryShardNamedAdvances", func(f *fixture) {
		got := f.commit(store.Txn{
			Checks:  []store.Check{check(4, "c", 0)},
			Puts:    []store.Put{put(3, "p", 1, "")},
			Deletes: []store.Delete{del(2, "d")},
			Notes:   map[int][]byte{1: []byte("n")},
		})
		want := []store.Position{{Shard: 1, Rev: 1}, {Shard: 2, Rev: 1}, {Shard: 3, Rev: 1}, {Shard: 4, Rev: 1}}
		if !slices.Equal(got, want) {
			f.Errorf("got %v, want %v", got, want)
		}
	}},
	{"EmptyIsNoChange", func(f *fixture) {
		if at := f.commit(store.Txn{}); len(at) != 0 {
			f.Errorf("got %v, want no position", at)
		}
	}},
	{"PutReplacesWhateverWasThere", func(f *fixture) {
		f.commit(puts(put(1, "k", 7, "old")))
		f.commit(puts(put(1, "k", 3, "new")))
		f.want("k", "k@3=new")
	}},
	{"LargestVersion", func(f *fixture) {
		f.commit(puts(put(1, "k", 1<<63-1, "")))
		f.commit(store.Txn{Checks: []store.Check{check(1, "k", 1<<63-1)}, Puts: []store.Put{put(1, "k", 1, "")}})
		f.want("k", "k@1=")
	}},
	{"DeletingWhatIsAbsentIsNoError", func(f *fixture) {
		f.commit(store.Txn{Deletes: []store.Delete{del(1, "k")}})
		f.want("k", "k@0=")
	}},
	{"DeletesComeBeforePuts", func(f *fixture) {
		f.commit(store.Txn{Puts: []store.Put{put(1, "k", 1, "first"), put(1, "k", 2, "last")}, Deletes: []store.Delete{del(1, "k")}})
		f.want("k", "k@2=last")
	}},
	{"FailedCheckWritesNothing", func(f *fixture) {
		f.commit(puts(put(1, "a", 1, "A"), put(1, "b", 1, "B")))
		f.conflict(store.Txn{
			Checks:  []store.Check{check(1, "a", 1), check(1, "b", 2)},
			Puts:    []store.Put{put(1, "a", 2, "changed"), put(5, "new", 1, "")},
			Deletes: []store.Delete{del(1, "b")},
			Notes:   map[int][]byte{7: []byte("never")},
		}, "b")
		if got, want := f.get("a", "b", "new"), []string{"a@1=A", "b@1=B", "new@0="}; !slices.Equal(got, want) {
			f.Errorf("got %q, want %q", got, want)
		}
	}},
	{"ConflictNamesTheFirst", func(f *fixture) {
		f.conflict(store.Txn{Checks: []store.Check{check(1, "fine", 0), check(9, "x", 1), check(2, "y", 1)}}, "x")
	}},
	{"CheckOfAbsence", func(f *fixture) {
		create := store.Txn{Checks: []store.Check{check(1, "k", 0)}, Puts: []store.Put{put(1, "k", 1, "")}}
		f.commit(create)
		f.conflict(create, "k")
		f.commit(store.Txn{Deletes: []store.Delete{del(1, "k")}})
		f.commit(create)
	}},
	{"CreateHasOneWinner", func(f *fixture) {
		for name := range 20 {
			key := fmt.Sprint("race", name)
			var winners atomic.Int32
			together(16, func(i int) {
				_, err := f.Commit(f.ctx, store.Txn{Checks: []store.Check{check(name, key, 0)}, Puts: []store.Put{put(name, key, 1, fmt.Sprint(i))}})
				var c *store.Conflict
				switch {
				case err == nil:
					winners.Add(1)
				case !errors.As(err, &c):
					f.Errorf("Commit: got error %v, want a conflict", err)
				}
			})
			if n := winners.Load(); n != 1 {
				f.Errorf("%s: got %d winners, want 1", key, n)
			}
		}
	}},
	{"CountersLoseNoUpdate", func(f *fixture) {
		const writers, each = 8, 10
		together(writers, func(int) {
			for done := 0; done < each && !f.Failed(); {
				if f.increment("counter") {
					done++
				}
			}
		})
		if got, err := f.Get(f.ctx, []byte("counter")); err != nil || got[0].Ver != writers*each {
			f.Errorf("got %v, %v, want version %d", got, err, writers*each)
		}
	}},
	{"NoWriteSkewWithinAShard", func(f *fixture) {
		// Each of two commits checks what the other writes; under snapshot isolation both would stand.
		for i := range 20 {
			a, b := fmt.Sprint("skew-a", i), fmt.Sprint("skew-b", i)
			var winners atomic.Int32
			together(2, func(side int) {
				mine, other := a, b
				if side == 1 {
					mine, other = b, a
				}
				if _, err := f.Commit(f.ctx, store.Txn{Checks: []store.Check{check(3, other, 0)}, Puts: []store.Put{put(3, mine, 1, "")}}); err == nil {
					winners.Add(1)
				}
			})
			if n := winners.Load(); n != 1 {
				f.Errorf("round %d: got %d winners, want 1", i, n)
			}
		}
	}},
	{"RefusalLeavesNeighboursAlone", func(f *fixture) {
		f.commit(puts(put(1, "there", 1, "")))
		together(32, func(i int) {
			if i%2 == 0 {
				f.commit(puts(put(i, fmt.Sprint("good", i), 1, "")))
				return
			}
			var c *store.Conflict
			_, err := f.Commit(f.ctx, store.Txn{Checks: []store.Check{check(1, "there", 0)}, Puts: []store.Put{put(i, fmt.Sprint("bad", i), 1, "")}})
			if !errors.As(err, &c) {
				f.Errorf("got error %v, want a conflict", err)
			}
		})
		for i := range 32 {
			if i%2 == 0 {
				f.want(fmt.Sprint("good", i), fmt.Sprintf("good%d@1=", i))
			} else {
				f.want(fmt.Sprint("bad", i), fmt.Sprintf("bad%d@0=", i))
			}
		}
	}},
	{"OpposedShardOrdersDoNotDeadlock", func(f *fixture) {
		together(8, func(i int) {
			for n := range 20 {
				p := []store.Put{put(10, fmt.Sprint("p", i), uint64(n+1), ""), put(20, fmt.Sprint("q", i), uint64(n+1), "")}
				if i%2 == 0 {
					slices.Reverse(p)
				}
				f.commit(puts(p...))
			}
		})
	}},
	{"CancelledBeforeItBegan", func(f *fixture) {
		ctx, cancel := context.WithCancel(f.ctx)
		cancel()
		if _, err := f.Commit(ctx, puts(put(1, "k", 1, ""))); !errors.Is(err, store.ErrUnavailable) {
			f.Errorf("got error %v, want ErrUnavailable", err)
		}
		f.want("k", "k@0=")
	}},
	{"CancelledAtAnyMomentIsAllOrNothing", func(f *fixture) {
		together(32, func(i int) {
			ctx, cancel := context.WithCancel(f.ctx)
			go cancel()
			key := fmt.Sprint("cancel", i)
			_, err := f.Commit(ctx, puts(put(i, key, 1, "")))
			switch {
			case err == nil:
				f.want(key, key+"@1=")
			case errors.Is(err, store.ErrUnavailable):
				f.want(key, key+"@0=")
			case !errors.Is(err, store.ErrUnknown):
				f.Errorf("got error %v, want none, ErrUnavailable or ErrUnknown", err)
			}
		})
	}},
	{"SurvivesReopening", func(f *fixture) {
		f.commit(puts(put(1, "a", 1, "A"), put(2, "b", 2, "B"), put(store.Loose, "c", 3, "C")))
		f.commit(store.Txn{Deletes: []store.Delete{del(1, "a")}, Notes: map[int][]byte{1: []byte("gone")}})
		before := f.heads()
		notes, _ := f.changes(store.Vector{}, 10)
		f.reopen()
		if got, want := f.get("a", "b", "c"), []string{"a@0=", "b@2=B", "c@3=C"}; !slices.Equal(got, want) {
			f.Errorf("got %q, want %q", got, want)
		}
		if after := f.heads(); after != before {
			f.Errorf("got heads %v, want %v", after, before)
		}
		if again, _ := f.changes(store.Vector{}, 10); len(again) != len(notes) {
			f.Errorf("got %d notes, want %d", len(again), len(notes))
		}
	}},
}

// increment writes the counter's next version and reports whether nobody else did.
func (f *fixture) increment(key string) bool {
	now, err := f.Get(f.ctx, []byte(key))
	if err != nil {
		f.Errorf("Get: %v", err)
		return false
	}
	ver := now[0].Ver
	_, err = f.Commit(f.ctx, store.Txn{Checks: []store.Check{check(1, key, ver)}, Puts: []store.Put{put(1, key, ver+1, "")}})
	var c *store.Conflict
	if err != nil && !errors.As(err, &c) {
		f.Errorf("Commit: %v", err)
	}
	return err == nil
}
