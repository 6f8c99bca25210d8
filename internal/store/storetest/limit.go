package storetest

import (
	"errors"
	"fmt"
	"slices"

	"qkms/internal/store"
)

var limitTests = []subtest{
	{"LongestKey", func(f *fixture) {
		key := string(fill(store.MaxKey))
		f.commit(puts(put(1, key, 1, "")))
		f.want(key, key+"@1=")
	}},
	{"KeyTooLong", func(f *fixture) {
		key := string(fill(store.MaxKey + 1))
		f.refuse(puts(put(1, key, 1, "")), store.ErrTooLarge)
		f.refuse(store.Txn{Deletes: []store.Delete{del(1, key)}}, store.ErrTooLarge)
		f.refuse(store.Txn{Checks: []store.Check{check(1, key, 0)}}, store.ErrTooLarge)
		f.want(key, key+"@0=")
	}},
	{"MostOperations", func(f *fixture) { f.commit(operations(store.MaxOps)) }},
	{"TooManyOperations", func(f *fixture) {
		f.refuse(operations(store.MaxOps+1), store.ErrTooLarge)
		f.want("op1", "op1@0=")
	}},
	{"MostBytes", func(f *fixture) {
		f.commit(heavy(store.MaxTxn))
		if got, err := f.Get(f.ctx, []byte("heavy")); err != nil || len(got[0].Body) != len(heavy(store.MaxTxn).Puts[0].Body) {
			f.Errorf("got a body of %d bytes, %v", len(got[0].Body), err)
		}
	}},
	{"TooManyBytes", func(f *fixture) {
		f.refuse(heavy(store.MaxTxn+1), store.ErrTooLarge)
		f.want("heavy", "heavy@0=")
	}},
	{"MistakesAreRefused", func(f *fixture) {
		before := f.heads()
		for name, t := range map[string]store.Txn{
			"shard too high":         puts(put(store.Shards, "k", 1, "")),
			"shard below Loose":      puts(put(-2, "k", 1, "")),
			"note of no shard":       {Puts: []store.Put{put(1, "k", 1, "")}, Notes: map[int][]byte{store.Shards: nil}},
			"note outside shards":    {Puts: []store.Put{put(1, "k", 1, "")}, Notes: map[int][]byte{store.Loose: nil}},
			"check outside shards":   {Puts: []store.Put{put(1, "k", 1, "")}, Checks: []store.Check{check(store.Loose, "k", 0)}},
			"put of version 0":       puts(put(1, "k", 0, "")),
			"version above 63 bits":  puts(put(1, "k", 1<<63, "")),
			"empty key":              puts(put(1, "k", 1, ""), put(1, "", 1, "")),
			"delete of an empty key": {Puts: []store.Put{put(1, "k", 1, "")}, Deletes: []store.Delete{del(1, "")}},
		} {
			if _, err := f.Commit(f.ctx, t); err == nil || slices.ContainsFunc(closedSet, func(e error) bool { return errors.Is(err, e) }) {
				f.Errorf("%s: got error %v, want one outside the closed set", name, err)
			}
		}
		f.want("k", "k@0=")
		if f.heads() != before {
			f.Error("a head moved")
		}
	}},
}

var closedSet = []error{
	store.ErrUnknown, store.ErrUnavailable, store.ErrTooLarge, store.ErrGone,
	store.ErrRolledBack, store.ErrFenced, store.ErrClaimed, store.ErrLocked,
}

// operations returns a Txn of n operations of all kinds.
func operations(n int) (t store.Txn) {
	for i := range n {
		key := fmt.Sprint("op", i)
		switch i % 3 {
		case 0:
			t.Checks = append(t.Checks, check(i%store.Shards, key, 0))
		case 1:
			t.Puts = append(t.Puts, put(i%store.Shards, key, 1, ""))
		case 2:
			t.Deletes = append(t.Deletes, del(i%store.Shards, key))
		}
	}
	return t
}

// heavy returns a Txn whose keys, bodies and notes add up to size bytes.
func heavy(size int) store.Txn {
	t := store.Txn{
		Checks:  []store.Check{check(1, "check", 0)},
		Deletes: []store.Delete{del(1, "delete")},
		Notes:   map[int][]byte{1: fill(100), 2: fill(1000)},
	}
	size -= len("check") + len("delete") + 1100 + len("heavy")
	t.Puts = []store.Put{put(1, "heavy", 1, string(fill(size)))}
	return t
}

var looseTests = []subtest{
	{"NoHeadNoPosition", func(f *fixture) {
		before := f.heads()
		at := f.commit(store.Txn{Puts: []store.Put{put(store.Loose, "out/1", 1, "row")}, Deletes: []store.Delete{del(store.Loose, "out/0")}})
		if len(at) != 0 {
			f.Errorf("got positions %v, want none", at)
		}
		if f.heads() != before {
			f.Error("a head moved")
		}
		f.want("out/1", "out/1@1=row")
	}},
	{"StandsOrFallsWithTheCommit", func(f *fixture) {
		f.conflict(store.Txn{
			Checks: []store.Check{check(1, "k", 9)},
			Puts:   []store.Put{put(1, "k", 1, ""), put(store.Loose, "out/2", 1, "")},
		}, "k")
		f.want("out/2", "out/2@0=")
		at := f.commit(puts(put(1, "k", 1, ""), put(store.Loose, "out/2", 1, "")))
		if want := []store.Position{{Shard: 1, Rev: 1}}; !slices.Equal(at, want) {
			f.Errorf("got %v, want %v", at, want)
		}
		f.want("out/2", "out/2@1=")
	}},
	{"IsListed", func(f *fixture) {
		f.commit(puts(put(store.Loose, "out/3", 1, ""), put(1, "out/4", 1, "")))
		page, _, err := f.List(f.ctx, []byte("out/"), []byte("out0"), 10)
		if got, want := texts(page), []string{"out/3@1=", "out/4@1="}; err != nil || !slices.Equal(got, want) {
			f.Errorf("got %q, %v, want %q", got, err, want)
		}
	}},
}
