package op

import (
	"context"
	"slices"

	"google.golang.org/protobuf/proto"

	"qkms/internal/key"
	"qkms/internal/record"
	"qkms/internal/record/recordpb"
	"qkms/internal/wire/shape"
)

// A set is what the keys with one mrk id share: where they are. The keys themselves are one record for
// each Region, in one store, so whatever they must agree on is changed in one commit (storage §12).
type set struct {
	*recordpb.MultiRegion
	ver uint64
}

// setOf returns the set k belongs to, or nil for a single-Region key.
func (d *Deps) setOf(ctx context.Context, k *key.Key) (*set, error) {
	if !k.MultiRegion {
		return nil, nil
	}
	m, ver, err := record.Load[recordpb.MultiRegion](ctx, d.Book, record.OfMultiRegion(k.Id))
	if err != nil || m == nil {
		return nil, err
	}
	return &set{m, ver}, nil
}

// edit returns a copy to change.
func (s *set) edit() *recordpb.MultiRegion { return proto.CloneOf(s.MultiRegion) }

// replace makes m the set, if it still is what it was.
func (s *set) replace(change *record.Change, id string, m *recordpb.MultiRegion) {
	change.Replace(record.OfMultiRegion(id), s.ver, m)
}

// IsPrimary reports whether k is the primary key of its set.
func (s *set) isPrimary(k *key.Key) bool { return s != nil && s.Primary == k.Region }

// configuration is MultiRegionConfiguration, the same from every member but for its own type.
func (d *Deps) configuration(s *set, k *key.Key) *shape.MultiRegionConfiguration {
	if s == nil {
		return nil
	}
	c := &shape.MultiRegionConfiguration{
		MultiRegionKeyType: shape.MultiRegionKeyTypeReplica,
		PrimaryKey:         &shape.MultiRegionKey{Arn: d.Naming.Key(k.Account, s.Primary, k.Id), Region: s.Primary},
		ReplicaKeys:        []shape.MultiRegionKey{},
	}
	if s.isPrimary(k) {
		c.MultiRegionKeyType = shape.MultiRegionKeyTypePrimary
	}
	for _, r := range s.Replicas {
		c.ReplicaKeys = append(c.ReplicaKeys, shape.MultiRegionKey{Arn: d.Naming.Key(k.Account, r, k.Id), Region: r})
	}
	return c
}

// with returns regions with one more, in order.
func with(regions []string, region string) []string {
	out := append(slices.Clone(regions), region)
	slices.Sort(out)
	return out
}

// without returns regions without one.
func without(regions []string, region string) []string {
	return slices.DeleteFunc(slices.Clone(regions), func(r string) bool { return r == region })
}
