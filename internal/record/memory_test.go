package record_test

import (
	"errors"
	"slices"
	"testing"

	"qkms/internal/custody"
	"qkms/internal/record"
	"qkms/internal/record/recordpb"
	"qkms/internal/store"
)

// forgotten is what custody was told to forget; the zero Ref stands for all.
type forgotten []custody.Ref

func (f *forgotten) Forget(ref custody.Ref) { *f = append(*f, ref) }
func (f *forgotten) ForgetAll()             { *f = append(*f, custody.Ref{}) }

// log returns the notes of the store so far.
func (f *fixture) log() []store.Note {
	f.t.Helper()
	notes, _, err := f.engine.Changes(f.t.Context(), store.Vector{}, 1000)
	if err != nil {
		f.t.Fatal(err)
	}
	return notes
}

// What one node commits, another one with the same store forgets.
func TestMemoryFollowsOthers(t *testing.T) {
	f := open(t)
	other := record.Open(f.engine, f.Ring(), 1<<20)
	material := custody.Ref{Account: account, Region: region, KeyID: "a", MaterialID: "m"}
	var gone forgotten
	memory := &record.Memory{Book: other, Materials: &gone}
	k := f.insert("a")
	before := f.log()
	if got, _, err := record.Load[recordpb.Key](t.Context(), other, k); err != nil || got.GetDescription() != "" {
		t.Fatalf("got %v, %v", got, err)
	}
	c := f.Change()
	c.Replace(k, 1, &recordpb.Key{Id: "a", Description: "newer"})
	c.Add(f.PutMaterial(material, []byte("body")))
	f.commit(c)
	if p := c.Positions(); len(p) != 1 || p[0].Shard != k.Shard() || p[0].Rev == 0 {
		t.Errorf("got positions %v, want one in shard %d", p, k.Shard())
	}
	description := func() string {
		got, _, err := record.Load[recordpb.Key](t.Context(), other, k)
		if err != nil {
			t.Fatal(err)
		}
		return got.GetDescription()
	}
	if got := description(); got != "" {
		t.Fatalf("got %q before the note, want what was remembered", got)
	}
	for _, n := range f.log() {
		if slices.ContainsFunc(before, func(b store.Note) bool { return b.Shard == n.Shard && b.Rev == n.Rev }) {
			continue
		}
		if err := memory.Drop(t.Context(), n); err != nil {
			t.Fatal(err)
		}
	}
	if got := description(); got != "newer" {
		t.Errorf("got %q after the note, want %q", got, "newer")
	}
	if !slices.Contains(gone, material) {
		t.Errorf("custody forgot %v, want %v", gone, material)
	}
	if err := memory.DropAll(t.Context()); err != nil {
		t.Fatal(err)
	}
	if entries := other.CacheStats().Entries; entries != 0 || gone[len(gone)-1] != (custody.Ref{}) {
		t.Errorf("%d entries are left, custody forgot %v, want all gone", entries, gone)
	}
}

// Who can write the database rewrites the note that tells of a change.
func TestMemoryRefusesForgedNotes(t *testing.T) {
	f := open(t)
	k := f.insert("a")
	for ver := range uint64(3) {
		c := f.Change()
		c.Replace(k, ver+1, &recordpb.Key{Id: "a"})
		f.commit(c)
	}
	var notes []store.Note
	for _, n := range f.log() {
		if n.Shard == k.Shard() && len(n.Link) > 0 {
			notes = append(notes, n)
		}
	}
	for name, forge := range map[string]func(n []store.Note) []store.Note{
		"emptied":      func(n []store.Note) []store.Note { n[1].Body = nil; return n },
		"left out":     func(n []store.Note) []store.Note { return slices.Delete(n, 1, 2) },
		"twice":        func(n []store.Note) []store.Note { return slices.Insert(n, 1, n[0]) },
		"another link": func(n []store.Note) []store.Note { n[1].Link = n[0].Link; return n },
		"not a note":   func(n []store.Note) []store.Note { n[0].Body = []byte{0xff}; return n },
		"no shard":     func(n []store.Note) []store.Note { n[1].Shard = store.Shards; return n },
	} {
		t.Run(name, func(t *testing.T) {
			memory := &record.Memory{Book: f.Book}
			drop := func(notes []store.Note) (err error) {
				for _, n := range notes {
					err = errors.Join(err, memory.Drop(t.Context(), n))
				}
				return err
			}
			if err := drop(notes); err != nil {
				t.Fatalf("as they are: %v", err)
			}
			if err := memory.DropAll(t.Context()); err != nil {
				t.Fatal(err)
			}
			if err := drop(forge(slices.Clone(notes))); !errors.Is(err, record.ErrDamaged) {
				t.Errorf("got %v, want ErrDamaged", err)
			}
		})
	}
}
