package sweep_test

import (
	"encoding/base64"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"qkms/internal/kmstest"
	"qkms/internal/store"
)

type fields = map[string]any

// dated makes keys of each kind that something is due for in about so many days.
func dated(t *testing.T, s *kmstest.Server, days int) (rotated, deleted, expired []string) {
	t.Helper()
	c := s.As(kmstest.Account)
	made := func(body fields) string { return c.Must("CreateKey", body).String("KeyMetadata.KeyId") }
	for range 4 {
		id := made(fields{})
		c.Must("EnableKeyRotation", fields{"KeyId": id, "RotationPeriodInDays": days})
		rotated = append(rotated, id)
		id = made(fields{})
		c.Must("ScheduleKeyDeletion", fields{"KeyId": id, "PendingWindowInDays": 30})
		deleted = append(deleted, id)
		id = made(fields{"Origin": "EXTERNAL"})
		p := c.Must("GetParametersForImport", fields{"KeyId": id, "WrappingAlgorithm": "RSAES_OAEP_SHA_256", "WrappingKeySpec": "RSA_2048"})
		public, err := base64.StdEncoding.DecodeString(p.String("PublicKey"))
		if err != nil {
			t.Fatal(err)
		}
		c.Must("ImportKeyMaterial", fields{
			"KeyId": id, "ImportToken": p.String("ImportToken"), "ExpirationModel": "KEY_MATERIAL_EXPIRES", "ValidTo": s.Clock.Now().Add(time.Duration(days) * 24 * time.Hour).Unix(),
			"EncryptedKeyMaterial": kmstest.Wrap(t, public, "RSAES_OAEP_SHA_256", []byte(strings.Repeat("m", 32))),
		})
		expired = append(expired, id)
	}
	return rotated, deleted, expired
}

// wantOnce wants one record of an event for each key, in whichever log.
func wantOnce(t *testing.T, event string, ids []string, nodes ...*kmstest.Server) {
	t.Helper()
	times := map[string]int{}
	for _, e := range events(t, event, nodes...) {
		said, _ := e["serviceEventDetails"].(fields)
		id, _ := said["keyId"].(string)
		times[id]++
	}
	for _, id := range ids {
		if times[id] != 1 {
			t.Errorf("%s of key %s: got %d records, want 1", event, id, times[id])
		}
	}
	if len(times) != len(ids) {
		t.Errorf("%s: got records of %d keys, want %d", event, len(times), len(ids))
	}
}

// Two nodes sweep at the same time, and claims end while sweeps are on their way: what is due happens all the same,
// once, and is recorded once, by whichever node did it.
func TestWhatIsDueHappensOnceWhoeverSweeps(t *testing.T) {
	a, b := two(t)
	rotated, deleted, expired := dated(t, a, 90)
	a.Clock.Advance(91 * 24 * time.Hour)
	var wait sync.WaitGroup
	for _, s := range []*kmstest.Server{a, b} {
		wait.Go(func() {
			for range 20 {
				err := s.Sweeper.Once(t.Context())
				if conflict := (*store.Conflict)(nil); err != nil && !errors.Is(err, store.ErrFenced) && !errors.As(err, &conflict) {
					t.Errorf("got error %v", err)
				}
				s.Clock.Advance(6 * time.Minute) // past any claim
			}
		})
	}
	wait.Wait()
	a.Sweep()
	b.Sweep()
	wantOnce(t, "RotateKey", rotated, a, b)
	wantOnce(t, "DeleteKey", deleted, a, b)
	wantOnce(t, "DeleteExpiredKeyMaterial", expired, a, b)
	for _, id := range rotated {
		if got := b.As(kmstest.Account).Must("ListKeyRotations", fields{"KeyId": id}).Fields["Rotations"].([]any); len(got) != 1 {
			t.Errorf("key %s: got rotations %v, want one", id, got)
		}
	}
}
