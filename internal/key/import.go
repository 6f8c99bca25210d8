package key

import (
	"time"

	"google.golang.org/protobuf/proto"

	"qkms/internal/record/recordpb"
)

// External is the origin of keys whose material is imported, in the words of the model.
const External = "EXTERNAL"

// The states of a material, in the words of the model (operations.md §10.3).
const (
	Current                  = "CURRENT"
	NonCurrent               = "NON_CURRENT"
	PendingRotation          = "PENDING_ROTATION"
	PendingMultiRegion       = "PENDING_MULTI_REGION_IMPORT_AND_ROTATION"
	doesNotExpire            = "KEY_MATERIAL_DOES_NOT_EXPIRE"
	keyMaterialExpires       = "KEY_MATERIAL_EXPIRES"
	neverExpires       int64 = 0
)

// Awaits reports whether v was imported as new and is not rotated in yet. The others belong to their key
// for good: without any one of them nothing works (operations.md §10.4 [R2]).
func Awaits(v *recordpb.Version) bool {
	return v.State == PendingRotation || v.State == PendingMultiRegion
}

// Imported reports whether a material counts as imported (ImportState). One that expired while it was
// awaiting its rotation does, although its bytes are gone: the rotation is still accepted (§10.4 [R2]).
func Imported(v *recordpb.Version) bool { return !v.Missing || Awaits(v) && v.ValidTo != neverExpires }

// usable reports whether v is there and has not expired, swept or not.
func usable(v *recordpb.Version, now time.Time) bool {
	return !v.Missing && (v.ValidTo == neverExpires || now.UnixMilli() < v.ValidTo)
}

// Complete reports whether m has every material it needs to be used, the first included. Only imported
// materials can be missing.
func Complete(m *recordpb.Key, now time.Time) bool {
	some := false
	for _, v := range m.Versions {
		if Awaits(v) {
			continue
		}
		if some = true; !usable(v, now) {
			return false
		}
	}
	return some
}

// Lose puts into m that v, one of its materials, is no longer there.
func Lose(m *recordpb.Key, v *recordpb.Version) {
	v.Missing, v.ExpirationModel, v.ValidTo = true, "", neverExpires
	if !Awaits(v) {
		suspend(m)
	}
}

// Expire is Lose of what has reached its date. What awaits its rotation keeps the date (see Imported).
func Expire(m *recordpb.Key, v *recordpb.Version) {
	if Awaits(v) {
		v.Missing = true
		return
	}
	Lose(m, v)
}

// suspend makes m wait for material, unless it is in a state that is stronger.
func suspend(m *recordpb.Key) {
	if m.State == Enabled || m.State == Disabled {
		m.State = PendingImport
	}
}

// asOf returns k as it stands at now: a material is of no use from the instant on at which it expires, and
// a key from the instant on at which it lacks one, whether or not the sweep has come by. What is stored
// stays in Edit, or the sweep would find that there is nothing left for it to do.
func (k *Key) asOf(now time.Time) *Key {
	if k.Origin != External || Complete(k.Key, now) {
		return k
	}
	view := proto.CloneOf(k.Key)
	suspend(view)
	for _, v := range view.Versions {
		if !Awaits(v) && !usable(v, now) {
			Lose(view, v)
		}
	}
	return &Key{Key: view, Ver: k.Ver, ARN: k.ARN, policy: k.policy, stored: k.Key}
}

// Expiration returns what KeyMetadata tells of the expiry of imported material: nothing while one is
// missing, otherwise the earliest date among those that belong to the key for good, 0 for none (§7.1).
func (k *Key) Expiration() (model string, validTo int64) {
	if k.Origin != External {
		return "", 0
	}
	for _, v := range k.Versions {
		switch {
		case Awaits(v):
		case v.Missing:
			return "", 0
		case v.ValidTo == neverExpires && model == "":
			model = doesNotExpire
		case v.ValidTo != neverExpires && (validTo == 0 || v.ValidTo < validTo):
			model, validTo = keyMaterialExpires, v.ValidTo
		}
	}
	return model, validTo
}
