package sweep_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"qkms/internal/kmstest"
	"qkms/internal/record"
	"qkms/internal/record/recordpb"
	"qkms/internal/store"
)

// A process that ended in the middle of a deletion left the key marked gone, and its date; the next
// sweep goes on from there and leaves nothing.
func TestInterruptedDeletionIsFinished(t *testing.T) {
	s := kmstest.New(t)
	root := s.As(kmstest.Account)
	id := root.Must("CreateKey", `{}`).String("KeyMetadata.KeyId")
	for i := range 40 {
		root.Must("CreateAlias", fmt.Sprintf(`{"AliasName":"alias/%d","TargetKeyId":"%s"}`, i, id))
	}
	root.Must("ScheduleKeyDeletion", fmt.Sprintf(`{"KeyId":"%s","PendingWindowInDays":7}`, id))
	s.Clock.Advance(8 * 24 * time.Hour)

	k, err := s.Resolver.Stored(context.Background(), kmstest.Account, kmstest.Region, id)
	if err != nil {
		t.Fatal(err)
	}
	half := k.Edit()
	half.Gone = true
	c := s.Book.Change()
	c.Replace(k.Record(), k.Ver, half)
	c.Discard(record.OfMaterial(k.Account, k.Region, k.Id, k.CurrentMaterial))
	c.Discard(record.OfAlias(k.Account, k.Region, "alias/0"))
	c.Discard(record.OfAliasOf(k.Account, k.Region, k.Id, "alias/0"))
	if err := s.Book.Commit(context.Background(), c, "", nil); err != nil {
		t.Fatal(err)
	}
	s.Restart()
	s.Sweep()

	for name, k := range map[string]record.Key{
		"the key":      record.OfKey(kmstest.Account, kmstest.Region, id),
		"its owner":    record.OfOwner(id, kmstest.Region),
		"its material": record.OfMaterial(kmstest.Account, kmstest.Region, id, k.CurrentMaterial),
		"an alias":     record.OfAlias(kmstest.Account, kmstest.Region, "alias/39"),
	} {
		if _, ver, err := s.Book.Take(context.Background(), k); err != nil || ver != 0 {
			t.Errorf("%s: got version %d, %v, want nothing", name, ver, err)
		}
	}
	dues, _, err := record.Scan[recordpb.Due](context.Background(), s.Book, record.Dues(), record.Key{}, 10)
	if err != nil || len(dues) != 0 {
		t.Errorf("got %d dates, %v, want none", len(dues), err)
	}
}

// A key whose deletion was cancelled and set again goes on the later date, not on the earlier.
func TestRescheduledDeletionKeepsItsDate(t *testing.T) {
	s := kmstest.New(t)
	root := s.As(kmstest.Account)
	id := root.Must("CreateKey", `{}`).String("KeyMetadata.KeyId")
	body := fmt.Sprintf(`{"KeyId":"%s"}`, id)
	root.Must("ScheduleKeyDeletion", fmt.Sprintf(`{"KeyId":"%s","PendingWindowInDays":7}`, id))
	root.Must("CancelKeyDeletion", body)
	root.Must("ScheduleKeyDeletion", body) // 30 days
	s.Clock.Advance(8 * 24 * time.Hour)
	s.Sweep()
	if got := root.Must("DescribeKey", body).String("KeyMetadata.KeyState"); got != "PendingDeletion" {
		t.Errorf("after the earlier date: got %s, want PendingDeletion", got)
	}
	s.Clock.Advance(23 * 24 * time.Hour)
	s.Sweep()
	if got := root.Call("DescribeKey", body); got.Code() != "NotFoundException" {
		t.Errorf("after the later date: got %s, want NotFoundException", got.Raw)
	}
}

// A key whose record does not open, altered by somebody who can write the database, must not keep the
// others alive.
func TestDamagedKeyDoesNotHoldUpTheOthers(t *testing.T) {
	s := kmstest.New(t)
	root := s.As(kmstest.Account)
	var ids []string
	for range 2 {
		id := root.Must("CreateKey", `{}`).String("KeyMetadata.KeyId")
		root.Must("ScheduleKeyDeletion", fmt.Sprintf(`{"KeyId":"%s","PendingWindowInDays":7}`, id))
		ids = append(ids, id)
		s.Clock.Advance(time.Minute)
	}
	rows, _, err := s.Engine.List(t.Context(), nil, nil, store.MaxList)
	if err != nil {
		t.Fatal(err)
	}
	var whole store.Record
	for _, r := range rows {
		if bytes.HasPrefix(r.Key, []byte("k\x00\x01")) && bytes.Contains(r.Key, []byte(ids[0])) {
			whole = r
		}
	}
	damage := func(body []byte) {
		put := store.Put{Shard: store.Loose, Key: whole.Key, Ver: whole.Ver, Body: body}
		if _, err := s.Engine.Commit(t.Context(), store.Txn{Puts: []store.Put{put}}); err != nil {
			t.Fatal(err)
		}
	}
	flipped := bytes.Clone(whole.Body)
	flipped[len(flipped)/2] ^= 1
	damage(flipped)
	s.Restart() // nothing of it in memory
	s.Clock.Advance(8 * 24 * time.Hour)
	if err := s.Sweeper.Once(t.Context()); !errors.Is(err, record.ErrDamaged) {
		t.Errorf("got %v, want ErrDamaged", err)
	}
	if _, ver, err := s.Book.Take(t.Context(), record.OfKey(kmstest.Account, kmstest.Region, ids[1])); err != nil || ver != 0 {
		t.Errorf("the other key: got version %d, %v, want nothing", ver, err)
	}
	damage(whole.Body) // mended, so that the store can be judged
	s.Sweep()
}
