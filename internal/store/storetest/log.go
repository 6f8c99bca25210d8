package storetest

import (
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"

	"qkms/internal/store"
)

var logTests = []subtest{
	{"NotesTellTheirCommit", func(f *fixture) {
		f.commit(store.Txn{Puts: []store.Put{put(5, "a", 1, "")}, Notes: map[int][]byte{5: []byte("five"), 6: []byte("six")}})
		f.commit(puts(put(5, "a", 2, "")))
		notes, v := f.changes(store.Vector{}, 100)
		got := fmt.Sprintf("%v", asText(notes))
		if want := "[5/1=five 5/2= 6/1=six]"; got != want {
			f.Errorf("got %s, want %s", got, want)
		}
		if want := (store.Vector{5: 2, 6: 1}); v != want {
			f.Errorf("got vector %v, want %v", v, want)
		}
	}},
	{"AtTheHeadsIsNothing", func(f *fixture) {
		f.commit(puts(put(5, "a", 1, "")))
		heads := f.heads()
		notes, v, err := f.Changes(f.ctx, heads.Revs, 10)
		if err != nil || len(notes) != 0 || v != heads.Revs {
			f.Errorf("got %v, %v, %v, want nothing new", notes, v, err)
		}
	}},
	{"PagesMeetWithoutGapOrOverlap", func(f *fixture) {
		for i := range 60 {
			f.commit(store.Txn{Puts: []store.Put{put(i%7, "k", 1, "")}, Notes: map[int][]byte{i % 7: fmt.Append(nil, i)}})
		}
		whole, _ := f.changes(store.Vector{}, 1000)
		if len(whole) != 60 {
			f.Errorf("got %d notes, want 60", len(whole))
		}
		for _, page := range []int{1, 7, 59, 60} {
			got, _ := f.changes(store.Vector{}, page)
			if fmt.Sprint(asText(got)) != fmt.Sprint(asText(whole)) {
				f.Errorf("pages of %d: got %v, want %v", page, asText(got), asText(whole))
			}
		}
	}},
	{"NoMoreThanAsked", func(f *fixture) {
		for range 10 {
			f.commit(puts(put(5, "a", 1, ""), put(6, "b", 1, "")))
		}
		for _, limit := range []int{0, 1, 10, 11, 19} {
			notes, v, err := f.Changes(f.ctx, store.Vector{}, limit)
			if err != nil || len(notes) != limit || v[5]+v[6] != uint64(limit) {
				f.Errorf("max %d: got %d notes, vector at %d and %d, %v", limit, len(notes), v[5], v[6], err)
			}
		}
	}},
	{"NoGapUnder32Writers", noGap},
	{"LinksChain", func(f *fixture) {
		together(8, func(i int) {
			for n := range 10 {
				f.commit(store.Txn{Puts: []store.Put{put(i%3, "k", 1, "")}, Notes: map[int][]byte{i % 3: fmt.Append(nil, i, n)}, Link: chain})
			}
		})
		notes, _ := f.changes(store.Vector{}, 1000)
		var previous [store.Shards][]byte
		for _, n := range notes {
			if want := chain(n.Shard, n.Rev, n.Body, previous[n.Shard]); string(n.Link) != string(want) {
				f.Errorf("shard %d revision %d: got link %x, want %x", n.Shard, n.Rev, n.Link, want)
			}
			previous[n.Shard] = n.Link
		}
	}},
	{"LinkGoesOnAfterReopening", func(f *fixture) {
		var got [][]byte
		link := func(_ int, rev uint64, _, previous []byte) []byte {
			got = append(got, previous)
			return fmt.Append(nil, "link", rev)
		}
		f.commit(store.Txn{Puts: []store.Put{put(1, "k", 1, "")}, Link: link})
		f.reopen()
		f.commit(store.Txn{Puts: []store.Put{put(1, "k", 2, "")}, Link: link})
		if len(got) != 2 || got[0] != nil || string(got[1]) != "link1" {
			f.Errorf("got previous links %q, want none and %q", got, "link1")
		}
	}},
	{"KeepsTheWindow", keepsTheWindow},
	{"AheadOfTheHeadIsRolledBack", func(f *fixture) {
		f.commit(puts(put(5, "a", 1, "")))
		if _, _, err := f.Changes(f.ctx, store.Vector{5: 2}, 10); !errors.Is(err, store.ErrRolledBack) {
			f.Errorf("got error %v, want ErrRolledBack", err)
		}
	}},
}

// noGap has one reader follow the log while 32 writers commit to few shards, some to two at once.
// Whatever order the commits finish in, no revision may become visible after a later one.
func noGap(f *fixture) {
	const writers, each, shards = 32, 15, 4
	var mu sync.Mutex
	told := map[store.Position]string{}
	var writing atomic.Int32
	writing.Store(writers)
	together(writers+1, func(i int) {
		if i == writers {
			f.follow(func() bool { return writing.Load() == 0 }, func(n store.Note) {
				mu.Lock()
				defer mu.Unlock()
				told[store.Position{Shard: n.Shard, Rev: n.Rev}] = string(n.Body)
			})
			return
		}
		defer writing.Add(-1)
		for n := range each {
			a, b := (i+n)%shards, (i*7+n*3)%shards
			body := fmt.Append(nil, i, "/", n)
			at := f.commit(store.Txn{Puts: []store.Put{put(a, fmt.Sprint("w", i), uint64(n+1), "")}, Notes: map[int][]byte{a: body, b: body}})
			mu.Lock()
			for _, p := range at {
				if early, ok := told[p]; ok && early != string(body) {
					f.Errorf("%v: the reader saw %q, the writer wrote %q", p, early, body)
				}
			}
			mu.Unlock()
		}
	})
	var total uint64
	for _, rev := range f.heads().Revs {
		total += rev
	}
	if uint64(len(told)) != total {
		f.Errorf("the reader saw %d notes of %d", len(told), total)
	}
}

// follow reads the log until done was true before a read that brought nothing.
func (f *fixture) follow(done func() bool, each func(store.Note)) {
	var v store.Vector
	for !f.Failed() {
		last := done()
		notes, next, err := f.Changes(f.ctx, v, 50)
		if err != nil {
			f.Errorf("Changes: %v", err)
			return
		}
		for _, n := range notes {
			if v[n.Shard]++; n.Rev != v[n.Shard] {
				f.Errorf("shard %d: got revision %d, want %d", n.Shard, n.Rev, v[n.Shard])
			}
			each(n)
		}
		if v != next {
			f.Errorf("got vector %v, want %v", next, v)
		}
		if last && len(notes) == 0 {
			return
		}
	}
}

// keepsTheWindow writes more notes than a shard must keep. The newest NoteWindow are there; from
// further back either all are, or the answer is ErrGone: never a gap.
func keepsTheWindow(f *fixture) {
	const writers, notes = 64, store.NoteWindow + 1024
	together(writers, func(int) {
		for range notes / writers {
			f.commit(store.Txn{Notes: map[int][]byte{3: []byte("n")}})
		}
	})
	heads := f.heads()
	v := heads.Revs
	v[3] -= store.NoteWindow
	if got, _ := f.changes(v, 1000); len(got) != store.NoteWindow {
		f.Errorf("got %d notes of the window, want %d", len(got), store.NoteWindow)
	}
	for _, from := range []uint64{0, 1, 500} {
		got, _, err := f.Changes(f.ctx, store.Vector{3: from}, 1000)
		if err == nil && len(got) > 0 && got[0].Rev == from+1 {
			continue
		}
		if !errors.Is(err, store.ErrGone) {
			f.Errorf("after %d: got %d notes, error %v, want all or ErrGone", from, len(got), err)
		}
	}
}

// chain is a Link function.
func chain(shard int, rev uint64, note, previous []byte) []byte {
	h := sha256.New()
	h.Write(binary.BigEndian.AppendUint64([]byte{byte(shard)}, rev))
	h.Write(previous)
	h.Write(note)
	return h.Sum(nil)
}

func asText(notes []store.Note) (out []string) {
	for _, n := range notes {
		out = append(out, fmt.Sprintf("%d/%d=%s", n.Shard, n.Rev, n.Body))
	}
	return out
}
