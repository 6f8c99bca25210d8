package op

import (
	"context"
	"slices"

	"qkms/internal/key"
	"qkms/internal/record"
	"qkms/internal/record/recordpb"
)

// What the keys of a multi-Region set share of an imported material is its id, its description and
// whether it can be rotated in. Each has its own copy, or none yet (key-material.md §2.7).

// A relative is another key of the set, as it is to be once the change is made.
type relative struct {
	*key.Key
	next    *recordpb.Key
	changed bool
}

func relativeOf(k *key.Key) *relative { return &relative{Key: k, next: k.Edit()} }

// relatives returns the other keys of k's set. The change that counts on them requires the set, so that
// none is added meanwhile.
func (c *Call) relatives(ctx context.Context, s *set, k *key.Key) ([]*relative, error) {
	if s == nil {
		return nil, nil
	}
	all, err := c.members(ctx, s.MultiRegion, k)
	return slices.DeleteFunc(all, func(r *relative) bool { return r.Region == k.Region }), err
}

// members returns the keys of m, which has k or had it until now.
func (d *Deps) members(ctx context.Context, m *recordpb.MultiRegion, k *key.Key) ([]*relative, error) {
	var all []*relative
	for _, region := range append([]string{m.Primary}, m.Replicas...) {
		r, err := d.Resolver.Stored(ctx, k.Account, region, k.Id)
		if err != nil {
			return nil, err
		}
		if r != nil {
			all = append(all, relativeOf(r))
		}
	}
	return all, nil
}

// each changes one version in every relative that has it.
func each(relatives []*relative, id string, change func(*recordpb.Version)) {
	for _, r := range relatives {
		if v := material(r.next, id); v != nil {
			change(v)
			r.changed = true
		}
	}
}

// ready settles whether v, which awaits its rotation, can be rotated in: once every Region has it.
func ready(v *recordpb.Version, relatives []*relative) {
	all := []*recordpb.Version{v}
	each(relatives, v.Id, func(other *recordpb.Version) { all = append(all, other) })
	state := key.PendingRotation
	if slices.ContainsFunc(all, func(v *recordpb.Version) bool { return !key.Imported(v) }) {
		state = key.PendingMultiRegion
	}
	for _, v := range all {
		v.State = state
	}
}

// replace puts into the change what became of the relatives.
func replace(change *record.Change, relatives []*relative) {
	for _, r := range relatives {
		if r.changed {
			change.Replace(r.Record(), r.Ver, r.next)
		}
	}
}

// save puts into the change what became of the call's key, of its set and of the relatives.
func (c *Call) save(change *record.Change, s *set, next *recordpb.Key, relatives []*relative) {
	k := c.Key()
	change.Replace(k.Record(), k.Ver, next)
	if s != nil {
		change.Require(record.OfMultiRegion(k.Id), s.ver)
	}
	replace(change, relatives)
}

// joins puts into the change that a new replica lacks the material that awaits its rotation, so that no
// key of the set can rotate until it is imported there as well.
func (c *Call) joins(ctx context.Context, change *record.Change, s *set, replica *recordpb.Key) error {
	primary, v := c.Key(), awaited(replica)
	if v == nil { // what was copied is still what the primary has: below, replacing it says so
		change.Require(primary.Record(), primary.Ver)
		return nil
	}
	others, err := c.relatives(ctx, s, primary)
	if err != nil {
		return err
	}
	others = append(others, relativeOf(primary))
	ready(v, others)
	replace(change, others)
	return nil
}

// Left puts into the change that k is no longer in the set m: it may have been the last that lacked the
// material that awaits its rotation.
func (d *Deps) Left(ctx context.Context, change *record.Change, k *key.Key, m *recordpb.MultiRegion) error {
	if k.Origin != key.External {
		return nil
	}
	members, err := d.members(ctx, m, k)
	if err != nil || len(members) == 0 {
		return err
	}
	if v := awaited(members[0].next); v != nil {
		ready(v, members)
		replace(change, members)
	}
	return nil
}
