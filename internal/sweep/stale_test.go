package sweep_test

import (
	"testing"
	"time"

	"qkms/internal/coherence"
	"qkms/internal/kmstest"
	"qkms/internal/op"
	"qkms/internal/record"
	"qkms/internal/record/recordpb"
)

// stored is the version of a key in the store, 0 when there is none.
func stored(t *testing.T, s *kmstest.Server, id string) uint64 {
	t.Helper()
	_, ver, err := s.Book.Take(t.Context(), record.OfKey(kmstest.Account, kmstest.Region, id))
	if err != nil {
		t.Fatal(err)
	}
	return ver
}

// A node that was frozen may come back in the middle of anything, and its sweep with it: before the first renewal it
// does nothing.
func TestNoSweepWithoutALease(t *testing.T) {
	s := kmstest.New(t)
	root := s.As(kmstest.Account)
	id := root.Must("CreateKey", `{}`).String("KeyMetadata.KeyId")
	root.Must("ScheduleKeyDeletion", fields{"KeyId": id, "PendingWindowInDays": 7})
	s.Clock.Advance(8 * 24 * time.Hour)
	own := s.Sweeper.Lease
	lapsed, err := coherence.New(coherence.Config{Engine: s.Engine})
	if err != nil {
		t.Fatal(err)
	}
	s.Sweeper.Lease = lapsed
	s.Sweep()
	if stored(t, s, id) == 0 {
		t.Error("without a lease: the key is deleted, want no sweep")
	}
	s.Sweeper.Lease = own
	s.Sweep()
	if stored(t, s, id) != 0 {
		t.Error("with a lease: the key is still there, want a sweep")
	}
}

// What a node remembers of a key may be old, and the dates that others have set look overtaken then. None is
// discarded for that.
func TestDatesOutliveAnOldIdeaOfTheKey(t *testing.T) {
	s := kmstest.New(t)
	root := s.As(kmstest.Account)
	deleted := root.Must("CreateKey", `{}`).String("KeyMetadata.KeyId")
	_, _, expired := dated(t, s, 90)

	other := record.Open(s.Engine, s.Book.Ring(), 100) // of a node that this one does not hear of
	change := func(id string, edit func(*record.Change, *recordpb.Key)) {
		t.Helper()
		k, err := s.Resolver.Stored(t.Context(), kmstest.Account, kmstest.Region, id)
		if err != nil {
			t.Fatal(err)
		}
		c, next := other.Change(), k.Edit()
		edit(c, next)
		c.Replace(k.Record(), k.Ver, next)
		if err := other.Commit(t.Context(), c, "", nil); err != nil {
			t.Fatal(err)
		}
	}
	change(deleted, func(c *record.Change, k *recordpb.Key) { op.ScheduleDeletion(c, k, s.Clock.Now(), 7) })
	change(expired[0], func(c *record.Change, k *recordpb.Key) {
		sooner := s.Clock.Now().Add(8 * 24 * time.Hour).Truncate(time.Second)
		k.Versions[0].ValidTo = sooner.UnixMilli()
		c.Insert(record.OfDue(sooner, op.DueExpiry, k.Account, k.Region, k.Id, k.Versions[0].Id), &recordpb.Due{})
	})

	s.Clock.Advance(10 * 24 * time.Hour)
	for range 3 { // the first learns that it was wrong
		s.Sweep()
	}
	wantOnce(t, "DeleteKey", []string{deleted}, s)
	wantOnce(t, "DeleteExpiredKeyMaterial", expired[:1], s)
}
