package server_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"qkms/internal/kmstest"
	"qkms/internal/record"
)

// A material is of no use from the instant on at which it expires; the sweep removes it and says so.
func TestExpiry(t *testing.T) {
	s := kmstest.New(t)
	root := s.As(kmstest.Account)
	i := external(t, root, fields{})
	material := random(32)
	id := i.must(material, within(s, time.Hour))
	blob := i.client.Must("Encrypt", fields{"KeyId": i.id, "Plaintext": "aGk="}).String("CiphertextBlob")
	m := i.client.Must("DescribeKey", fields{"KeyId": i.id})
	if m.String("KeyMetadata.ExpirationModel") != "KEY_MATERIAL_EXPIRES" ||
		m.String("KeyMetadata.ValidTo") != jsonNumber(t, s.Clock.Now().Add(time.Hour).Unix()) {
		t.Errorf("got %s", m.Raw)
	}
	lapsed := func(when string) {
		t.Helper()
		m := i.client.Must("DescribeKey", fields{"KeyId": i.id})
		if m.String("KeyMetadata.KeyState") != "PendingImport" || m.String("KeyMetadata.Enabled") != "false" ||
			m.String("KeyMetadata.ExpirationModel") != "" || m.String("KeyMetadata.ValidTo") != "" || m.String("KeyMetadata.CurrentKeyMaterialId") != id {
			t.Errorf("%s: got %s", when, m.Raw)
		}
		i.expect(i.client.Call("Decrypt", fields{"CiphertextBlob": blob}), "KMSInvalidStateException", i.arn+" is pending import.")
	}
	s.Clock.Advance(time.Hour - time.Second)
	i.client.Must("Decrypt", fields{"CiphertextBlob": blob})
	s.Clock.Advance(time.Second)
	lapsed("at the date")
	i.client.Must("UpdateKeyDescription", fields{"KeyId": i.id, "Description": "changed before the sweep comes"})
	lapsed("after a change")
	s.Restart()
	s.Sweep()
	lapsed("swept")
	if n := expiredEvents(t, s, id); n != 1 {
		t.Errorf("got %d records of DeleteExpiredKeyMaterial, want 1", n)
	}
	if _, ver, err := s.Book.Take(t.Context(), record.OfMaterial(kmstest.Account, kmstest.Region, i.id, id)); err != nil || ver != 0 {
		t.Errorf("swept material: got version %d, %v, want none", ver, err)
	}
	s.Sweep()
	i.must(material, nil)
	i.client.Must("Decrypt", fields{"CiphertextBlob": blob})

	// A date that was put off is the only one that counts, whether or not the former has come.
	i.must(material, within(s, time.Hour))
	s.Clock.Advance(2 * time.Hour)
	lapsed("again")
	i.must(material, within(s, time.Hour)) // its bytes were not swept yet
	i.client.Must("Decrypt", fields{"CiphertextBlob": blob})
	s.Sweep()
	i.client.Must("Decrypt", fields{"CiphertextBlob": blob})
	i.must(material, nil)
	s.Clock.Advance(48 * time.Hour)
	s.Sweep()
	i.token = ""
	i.client.Must("Decrypt", fields{"CiphertextBlob": blob})
	if n := expiredEvents(t, s, id); n != 1 {
		t.Errorf("got %d records of DeleteExpiredKeyMaterial, want 1", n)
	}

	// Deleted before its date: nothing happens at it.
	i.must(material, within(s, time.Hour))
	i.client.Must("DeleteImportedKeyMaterial", fields{"KeyId": i.id})
	s.Clock.Advance(2 * time.Hour)
	s.Sweep()
	if n := expiredEvents(t, s, id); n != 1 {
		t.Errorf("got %d records of DeleteExpiredKeyMaterial, want 1", n)
	}
}

func jsonNumber(t *testing.T, n int64) string {
	t.Helper()
	b, err := json.Marshal(float64(n))
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func expiredEvents(t *testing.T, s *kmstest.Server, id string) (n int) {
	t.Helper()
	for _, e := range s.Records() {
		var m map[string]any
		if err := json.Unmarshal(e.Line, &m); err != nil {
			t.Fatal(err)
		}
		r := kmstest.Reply{Fields: m}
		if r.String("eventName") == "DeleteExpiredKeyMaterial" && r.String("serviceEventDetails.keyMaterialId") == id {
			n++
		}
	}
	return n
}

// What expires while it awaits its rotation disables nothing until it is rotated in (§10.4 [R2]); the
// earliest date among the others is the key's.
func TestExpiryOfSeveralMaterials(t *testing.T) {
	s := kmstest.New(t)
	i := external(t, s.As(kmstest.Account), fields{})
	one, two := random(32), random(32)
	i.must(one, within(s, 100*24*time.Hour))
	isNew := within(s, time.Hour)
	isNew["ImportType"] = "NEW_KEY_MATERIAL"
	i.must(two, isNew)
	earliest := s.Clock.Now().Add(100 * 24 * time.Hour).Unix()
	if got := i.client.Must("DescribeKey", fields{"KeyId": i.id}).String("KeyMetadata.ValidTo"); got != jsonNumber(t, earliest) {
		t.Errorf("ValidTo: got %s, want that of the current material, %d", got, earliest)
	}
	s.Clock.Advance(2 * time.Hour)
	s.Sweep()
	if got := i.state(); got != "Enabled" {
		t.Errorf("a pending material expired: got %s, want Enabled", got)
	}
	listed := func() string {
		return i.client.Must("ListKeyRotations", fields{"KeyId": i.id, "IncludeKeyMaterial": "ALL_KEY_MATERIAL"}).String("Rotations")
	}
	if got := listed(); strings.Count(got, `"ImportState":"IMPORTED"`) != 2 {
		t.Errorf("the expired pending material: got %s, want it listed as imported", got)
	}
	i.client.Must("RotateKeyOnDemand", fields{"KeyId": i.id})
	if got := listed(); strings.Count(got, `"ImportState":"PENDING_IMPORT"`) != 1 {
		t.Errorf("rotated in after it expired: got %s, want it pending import", got)
	}
	if got := i.state(); got != "PendingImport" {
		t.Errorf("rotated in after it expired: got %s, want PendingImport", got)
	}
	i.must(two, within(s, 24*time.Hour))
	m := i.client.Must("DescribeKey", fields{"KeyId": i.id})
	if m.String("KeyMetadata.KeyState") != "Enabled" || m.String("KeyMetadata.ValidTo") != jsonNumber(t, s.Clock.Now().Add(24*time.Hour).Unix()) {
		t.Errorf("re-imported: got %s", m.Raw)
	}
}
