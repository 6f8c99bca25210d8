package storetest

import (
	"errors"
	"iter"
	"slices"

	"qkms/internal/store"
)

// loadTests are of store.Loader, which every engine is.
var loadTests = []subtest{
	{"IsWhatBackupWrites", func(f *fixture) {
		f.load(loadable(7))
		f.reopen()
		got, _ := f.backup()
		if want := []string{"a@3=A", "b@1=", "u@9=use"}; !slices.Equal(texts(got.records), want) {
			f.Errorf("got records %q, want %q", texts(got.records), want)
		}
		if want := []int{1, 2, store.Loose}; !slices.Equal(got.shards, want) {
			f.Errorf("got shards %v, want %v", got.shards, want)
		}
		if want := loadable(7).Heads; got.heads != want || f.heads() != want {
			f.Errorf("got heads %v in the stream and %v of Renew, want %v", got.heads, f.heads(), want)
		}
		if string(got.links[1]) != "link" {
			f.Errorf("got link %q, want %q", got.links[1], "link")
		}
	}},
	{"GoesOnFromTheHeads", func(f *fixture) {
		f.load(loadable(7))
		f.commit(store.Txn{
			Puts: []store.Put{put(1, "a", 4, "")}, Notes: map[int][]byte{1: []byte("n")},
			Link: func(_ int, _ uint64, _, previous []byte) []byte { return append([]byte("after "), previous...) },
		})
		after := loadable(7).Heads.Revs
		notes, _, err := f.Changes(f.ctx, after, 10)
		if err != nil || len(notes) != 1 || notes[0].Rev != 6 || string(notes[0].Link) != "after link" {
			f.Errorf("got %v, %v, want one note, of revision 6, linked to the one before", notes, err)
		}
	}},
	{"HasNoNotesFromBefore", func(f *fixture) {
		f.load(loadable(7))
		before := loadable(7).Heads.Revs
		before[1]--
		if _, _, err := f.Changes(f.ctx, before, 10); !errors.Is(err, store.ErrGone) {
			f.Errorf("got error %v, want %v", err, store.ErrGone)
		}
	}},
	{"IsRefusedByAStoreInUse", func(f *fixture) {
		f.commit(puts(put(3, "mine", 1, "")))
		if err := f.loader().Load(f.ctx, loadable(7)); !errors.Is(err, store.ErrNotEmpty) {
			f.Errorf("got error %v, want %v", err, store.ErrNotEmpty)
		}
		f.want("mine", "mine@1=")
		f.want("a", "a@0=")
	}},
	{"IsRefusedByAStoreThatWasEmptied", func(f *fixture) {
		f.commit(puts(put(3, "mine", 1, "")))
		f.commit(store.Txn{Deletes: []store.Delete{{Shard: 3, Key: []byte("mine")}}})
		if err := f.loader().Load(f.ctx, loadable(7)); !errors.Is(err, store.ErrNotEmpty) {
			f.Errorf("got error %v, want %v", err, store.ErrNotEmpty)
		}
	}},
	{"WritesNothingWhenTheSnapshotEndsInAnError", func(f *fixture) {
		for _, broken := range []error{errors.New("tape torn"), store.ErrFenced, &store.Conflict{}} { // the latter two of the engine it is read from
			if err := f.loader().Load(f.ctx, torn(loadable(7), broken)); !errors.Is(err, broken) {
				f.Errorf("got error %v, want %v", err, broken)
			}
			f.want("a", "a@0=")
		}
		f.reopen()
		f.want("a", "a@0=")
		if h := f.heads(); h.Revs != (store.Vector{}) {
			f.Errorf("got heads %v, want none moved", h)
		}
		f.load(loadable(8))
		f.want("a", "a@3=A")
	}},
}

// loader is the engine as what can be filled.
func (f *fixture) loader() store.Loader {
	f.Helper()
	l, is := f.Engine.(store.Loader)
	if !is {
		f.Fatal("the engine is no store.Loader")
	}
	return l
}

func (f *fixture) load(s store.Snapshot) {
	f.Helper()
	if err := f.loader().Load(f.ctx, s); err != nil {
		f.Fatalf("Load: %v", err)
	}
}

// loadable is a small snapshot.
func loadable(epoch uint64) store.Snapshot {
	s := store.Snapshot{Heads: store.Heads{Epoch: epoch}, Records: placed(
		store.Placed{Shard: 1, Record: store.Record{Key: []byte("a"), Ver: 3, Body: []byte("A")}},
		store.Placed{Shard: 2, Record: store.Record{Key: []byte("b"), Ver: 1}},
		store.Placed{Shard: store.Loose, Record: store.Record{Key: []byte("u"), Ver: 9, Body: []byte("use")}},
	)}
	s.Heads.Revs[1], s.Heads.Revs[2], s.Links[1] = 5, 1, []byte("link")
	return s
}

func placed(all ...store.Placed) iter.Seq2[store.Placed, error] {
	return func(yield func(store.Placed, error) bool) {
		for _, p := range all {
			if !yield(p, nil) {
				return
			}
		}
	}
}

// torn is s, whose records end in an error.
func torn(s store.Snapshot, broken error) store.Snapshot {
	whole := s.Records
	s.Records = func(yield func(store.Placed, error) bool) {
		for r, err := range whole {
			if !yield(r, err) {
				return
			}
		}
		yield(store.Placed{}, broken)
	}
	return s
}
