package server_test

import (
	"fmt"
	"sync"
	"testing"
	"time"

	"qkms/internal/kmstest"
	"qkms/internal/op"
	"qkms/internal/record"
	"qkms/internal/record/recordpb"
)

// The quota of keys is exact however many come at once, each account and Region has its own, and a
// key counts until it is deleted. Nobody is told to come again because somebody else made a key.
func TestKeyQuota(t *testing.T) {
	s := kmstest.With(t, kmstest.Options{Quota: op.Quota{Keys: 10}})
	root := s.As(kmstest.Account)
	var mu sync.Mutex
	var wg sync.WaitGroup
	var made []string
	for range 24 {
		wg.Go(func() {
			got := root.Call("CreateKey", `{}`)
			mu.Lock()
			defer mu.Unlock()
			if got.Status == 200 {
				made = append(made, got.String("KeyMetadata.KeyId"))
				return
			}
			refused(t, got, "LimitExceededException", "Key quota for this account in this region is 10 but the current usage is 10.")
		})
	}
	wg.Wait()
	if len(made) != 10 {
		t.Fatalf("got %d keys, want 10", len(made))
	}
	keysCounted(t, s, 10)
	root.In("eu-west-1").Must("CreateKey", `{}`)
	s.As("444455556666").Must("CreateKey", `{}`)

	root.Must("DisableKey", fmt.Sprintf(`{"KeyId":"%s"}`, made[0]))
	root.Must("ScheduleKeyDeletion", fmt.Sprintf(`{"KeyId":"%s","PendingWindowInDays":7}`, made[1]))
	refused(t, root.Call("CreateKey", `{}`), "LimitExceededException", "Key quota for this account in this region is 10 but the current usage is 10.")
	s.Clock.Advance(8 * 24 * time.Hour)
	s.Sweep()
	s.Sweep()
	keysCounted(t, s, 9)
	s.Restart()
	root.Must("CreateKey", `{}`)
	refused(t, root.Call("CreateKey", `{}`), "LimitExceededException", "Key quota for this account in this region is 10 but the current usage is 10.")
	keysCounted(t, s, 10)
}

// keysCounted checks the count against the records there are.
func keysCounted(t *testing.T, s *kmstest.Server, want int) {
	t.Helper()
	count, _, err := record.Load[recordpb.KeyCount](t.Context(), s.Book, record.OfKeyCount(kmstest.Account, kmstest.Region))
	if err != nil {
		t.Fatal(err)
	}
	keys, _, err := record.Scan[recordpb.Key](t.Context(), s.Book, record.KeysOf(kmstest.Account, kmstest.Region), record.Key{}, 1000)
	if err != nil || len(keys) != want || count.GetKeys() != uint64(want) {
		t.Errorf("got a count of %d and %d records, %v, want %d", count.GetKeys(), len(keys), err, want)
	}
}

// A replica is a key of its own Region.
func TestReplicaCountsInItsRegion(t *testing.T) {
	s := kmstest.With(t, kmstest.Options{Quota: op.Quota{Keys: 1}})
	root := s.As(kmstest.Account)
	id := root.Must("CreateKey", `{"MultiRegion":true}`).String("KeyMetadata.KeyId")
	replicate := fmt.Sprintf(`{"KeyId":"%s","ReplicaRegion":"eu-west-1"}`, id)
	other := root.In("eu-west-1").Must("CreateKey", `{}`).String("KeyMetadata.KeyId")
	refused(t, root.Call("ReplicateKey", replicate), "LimitExceededException", "Key quota for this account in this region is 1 but the current usage is 1.")
	root.In("eu-west-1").Must("ScheduleKeyDeletion", fmt.Sprintf(`{"KeyId":"%s","PendingWindowInDays":7}`, other))
	s.Clock.Advance(8 * 24 * time.Hour)
	s.Sweep()
	root.Must("ReplicateKey", replicate)
}
