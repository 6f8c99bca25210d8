package op

import (
	"context"
	"fmt"
	"time"

	"qkms/internal/audit"
	"qkms/internal/custody"
	"qkms/internal/fault"
	"qkms/internal/key"
	"qkms/internal/record"
	"qkms/internal/record/recordpb"
	"qkms/internal/wire/shape"
)

// Rotation (operations.md §10). All keys that share one material carry the same settings; the date in
// record.OfDue is the primary's. It only wakes the sweep: whether anything is due is said by the key.

const (
	defaultPeriod     = 365 // days
	onDemandRotations = 25  // per key, for ever
	rotationNotice    = 20 * time.Minute
)

// ownMaterial refuses keys whose material was not made here. It comes before the key's state (§4.2 [R2]).
func ownMaterial(c *Call) error {
	if k := c.Key(); k.Origin != string(shape.OriginTypeAwsKms) {
		return fault.WrongOrigin(k.ARN, k.Origin)
	}
	return nil
}

// A family is the keys that share one material: the primary first, which may be alone. ver is that of
// the record that says so, 0 for a key of one Region.
type family struct {
	keys []*key.Key
	ver  uint64
}

func (f family) primary() *key.Key { return f.keys[0] }

// edit changes every key of the family, if it is the same family still.
func (f family) edit(change *record.Change, edit func(next *recordpb.Key)) {
	if f.ver != 0 {
		change.Require(record.OfMultiRegion(f.primary().Id), f.ver)
	}
	for _, k := range f.keys {
		next := k.Edit()
		edit(next)
		change.Replace(k.Record(), k.Ver, next)
	}
}

// schedule moves the date of automatic rotation in the index, 0 being never. It is for a change that
// edits the family as well, which keeps two of them from crossing.
func (f family) schedule(change *record.Change, date int64) {
	if k := f.primary(); k.NextRotation != 0 && k.NextRotation != date {
		change.Discard(rotationDue(k, k.NextRotation))
	}
	if date != 0 {
		change.Ensure(rotationDue(f.primary(), date))
	}
}

func rotationDue(k *key.Key, date int64) record.Key {
	return record.OfDue(at(date), DueRotation, k.Account, k.Region, k.Id, "")
}

// inDays is the date so many days from now.
func inDays(now time.Time, days int) int64 {
	return now.Add(time.Duration(days) * 24 * time.Hour).UnixMilli()
}

func (d *Deps) family(ctx context.Context, k *key.Key) (family, error) {
	shared, err := d.setOf(ctx, k)
	if err != nil || shared == nil {
		return family{keys: []*key.Key{k}}, err
	}
	f := family{ver: shared.ver}
	for _, region := range append([]string{shared.Primary}, shared.Replicas...) {
		member, err := d.Resolver.Stored(ctx, k.Account, region, k.Id)
		if err != nil {
			return family{}, err
		}
		if member == nil {
			return family{}, d.missing(ctx, k.Id, region, shared.ver)
		}
		f.keys = append(f.keys, member)
	}
	return f, nil
}

// missing is why there is no key with this id in a Region that version ver of its set names: it was deleted since that was
// read, or the store is damaged.
func (d *Deps) missing(ctx context.Context, id, region string, ver uint64) error {
	at := record.OfMultiRegion(id)
	_, now, err := record.Read[recordpb.MultiRegion](ctx, d.Book, at)
	switch {
	case err != nil:
		return err
	case now != ver:
		return at.Conflict()
	}
	return fmt.Errorf("%w: multi-Region key %s has no key in %q", record.ErrDamaged, id, region)
}

// primaryOnly returns the family of the call's key, which may be no replica.
func (c *Call) primaryOnly(ctx context.Context, operation string) (family, error) {
	f, err := c.family(ctx, c.Key())
	if err == nil && f.primary().Region != c.Key().Region {
		err = fault.ReplicaKey(c.Key().ARN, operation)
	}
	return f, err
}

// awaken has the sweep look at a key that can rotate again, on its date or at once when that has
// passed: the sweep drops the dates of keys that cannot.
func (c *Call) awaken(ctx context.Context, change *record.Change) error {
	k := c.Key()
	if k.NextRotation == 0 {
		return nil
	}
	f, err := c.family(ctx, k)
	if err != nil || f.primary().Region != k.Region {
		return err
	}
	if f.ver != 0 {
		change.Require(record.OfMultiRegion(k.Id), f.ver)
	}
	change.Ensure(rotationDue(k, k.NextRotation))
	return nil
}

// Rotate returns the change that gives k, which is no replica, another current material, and the event
// that tells of it: new material, or for a key with imported material the one that waits. Replicas
// get it in the same commit, so no Region encrypts what another cannot open.
func (d *Deps) Rotate(ctx context.Context, k *key.Key, why shape.RotationType, now time.Time) (*record.Change, *audit.Record, error) {
	f, err := d.family(ctx, k)
	if err != nil {
		return nil, nil, err
	}
	change := d.Book.Change()
	id := pending(k)
	if id == "" {
		if id, err = d.newMaterial(ctx, change, f); err != nil {
			return nil, nil, err
		}
	}
	date, asked := k.NextRotation, k.OnDemandRotations
	if why == shape.RotationTypeAutomatic {
		date = inDays(now, int(k.RotationDays))
		f.schedule(change, date)
	} else {
		asked++ // and the schedule stays (§10.2 [M])
	}
	f.edit(change, func(next *recordpb.Key) {
		promote(next, id, why, now.UnixMilli())
		next.NextRotation, next.OnDemandRotations = date, asked
	})
	return change, rotationEvent(k, why, id), nil
}

// pending is the imported material that waits to be rotated in, or "".
func pending(k *key.Key) string {
	for _, v := range k.Versions {
		if v.State == key.PendingRotation {
			return v.Id
		}
	}
	return ""
}

// promote makes a material current, adding it when it is new.
func promote(next *recordpb.Key, id string, why shape.RotationType, now int64) {
	for _, v := range next.Versions {
		if v.State == key.Current {
			v.State = key.NonCurrent
		}
	}
	v := material(next, id)
	if v == nil {
		v = &recordpb.Version{Id: id, Made: now}
		next.Versions = append(next.Versions, v)
	}
	v.State, v.Rotation, v.Rotated = key.Current, string(why), now
	next.CurrentMaterial = id
	if v.Missing { // it expired while it waited, or is not imported in this Region (§10.4)
		key.Lose(next, v)
	}
}

// newMaterial makes one random material for all of a family.
func (d *Deps) newMaterial(ctx context.Context, change *record.Change, f family) (string, error) {
	k := f.primary()
	var regions []string
	for _, member := range f.keys {
		regions = append(regions, member.Region)
	}
	id, records, err := d.Maker.MakeShared(ctx, custody.Ref{Account: k.Account, KeyID: k.Id}, k.Spec, regions)
	for _, put := range records {
		change.Add(put)
	}
	return id, err
}

// rotationEvent is the record of the rotation itself, besides that of who asked (access.md §7.3).
func rotationEvent(k *key.Key, why shape.RotationType, current string) *audit.Record {
	return &audit.Record{
		EventName: "RotateKey", EventType: audit.TypeServiceEvent, Region: k.Region, RecipientAccount: k.Account,
		Identity: audit.Identity{AccountID: k.Account, InvokedBy: "AWS Internal"},
		ServiceDetails: audit.Detail{
			audit.String("keyId", k.Id),
			audit.String("rotationType", why),
			audit.String("keyOrigin", k.Origin),
			audit.String("previousKeyMaterialId", k.CurrentMaterial),
			audit.String("currentKeyMaterialId", current),
		},
		Resources: []audit.Resource{{AccountID: k.Account, ARN: k.ARN}},
	}
}
