package key

import (
	"crypto/rand"
	"encoding/hex"
	"time"

	"qkms/internal/custody"
	"qkms/internal/footprint"
	"qkms/internal/record"
	"qkms/internal/record/recordpb"
)

// A Key is one KMS key as it stood when it was read. It is shared between requests: never change it;
// Edit returns a copy to change.
type Key struct {
	*recordpb.Key
	Ver uint64 // of the record
	ARN string // as this deployment prints it

	policy record.Key    // where its policy is stored
	stored *recordpb.Key // the record, where time has made Key something else; otherwise nil
}

// MemorySize implements record.Sized: without what it shares with others.
func (k *Key) MemorySize() int64 {
	shared := footprint.Room(len(k.Account)) + footprint.Room(len(k.Region)) + footprint.Room(len(k.Spec)) + footprint.Room(len(k.Usage)) +
		footprint.Room(len(k.Origin)) + footprint.Room(len(k.State)) + footprint.Room(len(k.CurrentMaterial)) + footprint.Room(len(k.Id))
	return footprint.Object[Key]() + record.MessageSize(k.Key) - shared + footprint.Room(len(k.ARN)) + k.policy.MemorySize()
}

// Record is where the key is stored.
func (k *Key) Record() record.Key { return record.OfKey(k.Account, k.Region, k.Id) }

// Policy is where the key's policy is stored.
func (k *Key) Policy() record.Key {
	if k.policy == (record.Key{}) { // of a key that is being made
		return record.OfPolicy(k.Account, k.Region, k.Id)
	}
	return k.policy
}

// Material names the material that encrypts now.
func (k *Key) Material() custody.Ref { return k.MaterialVersion(k.CurrentMaterial) }

// MaterialVersion names one version of the key's material, by KeyMaterialId.
func (k *Key) MaterialVersion(id string) custody.Ref {
	return custody.Ref{Account: k.Account, Region: k.Region, KeyID: k.Id, MaterialID: id}
}

// Version returns one version of the key's material by KeyMaterialId, or nil.
func (k *Key) Version(id string) *recordpb.Version {
	for _, v := range k.Versions {
		if v.Id == id {
			return v
		}
	}
	return nil
}

// Gone reports whether the key no longer exists for any caller: its deletion date has passed, whether
// or not the sweep has come by (operations.md §2.3).
func (k *Key) Gone(now time.Time) bool {
	return k.Key.Gone || k.State == PendingDeletion && k.Deletion != 0 && now.UnixMilli() >= k.Deletion
}

// NewID returns a fresh key id: a random UUID (RFC 9562 version 4), or for a multi-Region key "mrk-"
// and 32 random hex digits.
func NewID(multiRegion bool) string {
	var b [16]byte
	_, _ = rand.Read(b[:]) // never fails: crypto/rand ends the process rather than return weak bytes
	if multiRegion {
		return "mrk-" + hex.EncodeToString(b[:])
	}
	b[6] = b[6]&0x0f | 0x40
	b[8] = b[8]&0x3f | 0x80
	s := hex.EncodeToString(b[:])
	return s[:8] + "-" + s[8:12] + "-" + s[12:16] + "-" + s[16:20] + "-" + s[20:]
}
