package server_test

import (
	"testing"
	"time"

	"qkms/internal/key"
	"qkms/internal/kmstest"
	"qkms/internal/record/recordpb"
)

// The Regions of one key share its materials by id and nothing else: each imports, expires and loses its
// own copy (§10.7, §11; key-material.md §2.7).
func TestImportIntoReplicas(t *testing.T) {
	s := kmstest.New(t)
	primary := external(t, s.As(kmstest.Account), fields{"MultiRegion": true})
	one, two := random(32), random(32)
	first := primary.must(one, nil)
	r := primary.client.Must("ReplicateKey", fields{"KeyId": primary.id, "ReplicaRegion": "eu-west-1"})
	if got := r.String("ReplicaKeyMetadata.ExpirationModel"); got != "KEY_MATERIAL_DOES_NOT_EXPIRE" {
		t.Errorf("while Creating: got expiration model %q, want the primary's", got)
	}
	replica := primary.in("eu-west-1")
	if got := replica.state(); got != "PendingImport" {
		t.Fatalf("a new replica: got %s, want PendingImport", got)
	}
	replica.expect(replica.send(two, nil), "IncorrectKeyMaterialException", "Imported key material does not have the expected identifier ("+first+").")
	replica.expect(replica.send(one, fields{"ImportType": "NEW_KEY_MATERIAL"}), "ValidationException",
		"Input parameter ImportType NEW_KEY_MATERIAL cannot be used on replica Multi-Region keys")
	replica.expect(replica.send(one, fields{"KeyMaterialDescription": "x"}), "ValidationException",
		"Key material description can only be specified on primary Multi-Region keys")
	replica.expect(replica.send(one, fields{"ImportToken": primary.token}), "InvalidImportTokenException", "")
	if got := replica.must(one, within(s, time.Hour)); got != first {
		t.Errorf("the replica's material: got %s, want %s", got, first)
	}
	blob := primary.client.Must("Encrypt", fields{"KeyId": primary.id, "Plaintext": "aGk="}).String("CiphertextBlob")
	replica.client.Must("Decrypt", fields{"CiphertextBlob": blob})

	second := primary.must(two, fields{"ImportType": "NEW_KEY_MATERIAL", "KeyMaterialDescription": "second"})
	states := func(want string) {
		t.Helper()
		for _, region := range []string{kmstest.Region, "eu-west-1"} {
			v := versionOf(t, s, region, primary.id, second)
			if v == nil || v.State != want || v.Description != "second" {
				t.Errorf("%s: got %v, want it %s", region, v, want)
			}
		}
	}
	states(key.PendingMultiRegion)
	replica.must(two, nil)
	states(key.PendingRotation)
	replica.client.Must("DeleteImportedKeyMaterial", fields{"KeyId": replica.id, "KeyMaterialId": second})
	if got := replica.state(); got != "Enabled" {
		t.Errorf("the replica without the pending material: got %s, want Enabled", got)
	}
	states(key.PendingMultiRegion)
	primary.expect(primary.client.Call("RotateKeyOnDemand", fields{"KeyId": primary.id}), "KMSInvalidStateException",
		"Cannot perform key material rotation: Key material has not been imported for replicas of the Multi-Region key.")
	if v := versionOf(t, s, kmstest.Region, primary.id, second); v == nil || v.Missing {
		t.Errorf("the primary after a deletion in its replica: got %v, want it there", v)
	}
	replica.must(two, nil)
	states(key.PendingRotation)

	primary.client.Must("DeleteImportedKeyMaterial", fields{"KeyId": primary.id, "KeyMaterialId": second})
	for _, region := range []string{kmstest.Region, "eu-west-1"} {
		if v := versionOf(t, s, region, primary.id, second); v != nil {
			t.Errorf("%s: got %v, want the pending material gone", region, v)
		}
	}
	s.Clock.Advance(2 * time.Hour)
	s.Sweep()
	if got := replica.state(); got != "PendingImport" {
		t.Errorf("the replica's copy expired: got %s, want PendingImport", got)
	}
	if got := primary.state(); got != "Enabled" {
		t.Errorf("the primary after the replica's copy expired: got %s, want Enabled", got)
	}
}

// A Region that joins lacks the material that awaits its rotation, and one that leaves lacks nothing.
func TestReplicasComeAndGo(t *testing.T) {
	s := kmstest.New(t)
	primary := external(t, s.As(kmstest.Account), fields{"MultiRegion": true})
	one, two := random(32), random(32)
	primary.must(one, nil)
	second := primary.must(two, fields{"ImportType": "NEW_KEY_MATERIAL"})
	state := func(want string, regions ...string) {
		t.Helper()
		for _, region := range regions {
			if v := versionOf(t, s, region, primary.id, second); v == nil || v.State != want {
				t.Errorf("%s: got %v, want it %s", region, v, want)
			}
		}
	}
	state(key.PendingRotation, kmstest.Region)
	for _, region := range []string{"eu-west-1", "eu-west-2"} {
		primary.client.Must("ReplicateKey", fields{"KeyId": primary.id, "ReplicaRegion": region})
		state(key.PendingMultiRegion, kmstest.Region, region)
	}
	first := primary.in("eu-west-1")
	first.must(one, nil)
	first.must(two, nil)
	state(key.PendingMultiRegion, kmstest.Region, "eu-west-1", "eu-west-2")
	primary.in("eu-west-2").client.Must("ScheduleKeyDeletion", fields{"KeyId": primary.id, "PendingWindowInDays": 7})
	s.Clock.Advance(8 * 24 * time.Hour)
	s.Sweep()
	state(key.PendingRotation, kmstest.Region, "eu-west-1")

	first.client.Must("DeleteImportedKeyMaterial", fields{"KeyId": primary.id, "KeyMaterialId": second})
	state(key.PendingMultiRegion, kmstest.Region, "eu-west-1")
	first.client.Must("ScheduleKeyDeletion", fields{"KeyId": primary.id, "PendingWindowInDays": 7})
	s.Clock.Advance(8 * 24 * time.Hour)
	s.Sweep()
	state(key.PendingRotation, kmstest.Region)
	primary.client.Must("RotateKeyOnDemand", fields{"KeyId": primary.id})
	if got := primary.client.Must("DescribeKey", fields{"KeyId": primary.id}).String("KeyMetadata.CurrentKeyMaterialId"); got != second {
		t.Errorf("rotated: got %s, want %s", got, second)
	}
}

func versionOf(t *testing.T, s *kmstest.Server, region, id, material string) *recordpb.Version {
	t.Helper()
	k, err := s.Resolver.Load(t.Context(), kmstest.Account, region, id)
	if err != nil || k == nil {
		t.Fatalf("key in %s: %v, %v", region, k, err)
	}
	return k.Version(material)
}
