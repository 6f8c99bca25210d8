package op

import (
	"context"
	"slices"

	"qkms/internal/audit"
	"qkms/internal/fault"
	"qkms/internal/key"
	"qkms/internal/record"
	"qkms/internal/record/recordpb"
	"qkms/internal/wire/shape"
)

var updatePrimaryRegion = &Op[shape.UpdatePrimaryRegionRequest, None]{
	Name: "UpdatePrimaryRegion",
	Needs: func(in *shape.UpdatePrimaryRegionRequest) ([]key.Need, error) {
		return manage("kms:UpdatePrimaryRegion", in.KeyId), nil
	},
	Says: func(_ *Call, in *shape.UpdatePrimaryRegionRequest, name string) []string {
		switch name {
		case "kms:primaryregion":
			return said(in.PrimaryRegion)
		}
		return nil
	},
	Check: func(c *Call, _ *shape.UpdatePrimaryRegionRequest) error {
		s, err := c.setOf(context.Background(), c.Key())
		if err == nil && !s.isPrimary(c.Key()) {
			err = fault.NotThePrimary(c.Key().ARN)
		}
		return err
	},
	Counts: primaryTolls,
	States: key.WhileUpdating,
	Run: func(ctx context.Context, c *Call, in *shape.UpdatePrimaryRegionRequest) (*None, *record.Change, error) {
		from := c.Key()
		s, err := c.setOf(ctx, from)
		if err != nil {
			return nil, nil, err
		}
		if !s.isPrimary(from) { // any more: it would be listed twice, and the primary not at all
			return nil, nil, record.OfMultiRegion(from.Id).Conflict()
		}
		if in.PrimaryRegion == s.Primary {
			return nil, nil, nil
		}
		if !slices.Contains(s.Replicas, in.PrimaryRegion) {
			return nil, nil, fault.NoReplicaThere(from.Id)
		}
		if !c.Serves(in.PrimaryRegion) { // any more: from there nobody could bring it back
			return nil, nil, fault.UnknownRegion(in.PrimaryRegion)
		}
		to, err := c.Resolver.Load(ctx, from.Account, in.PrimaryRegion, from.Id)
		if err != nil {
			return nil, nil, err
		}
		if to == nil { // its deletion date has passed
			return nil, nil, fault.NoReplicaThere(from.Id)
		}
		// The new primary has a policy of its own, which must allow it too (access.md §4.2).
		there := manage("kms:UpdatePrimaryRegion", to.ARN)
		there[0].Region = to.Region
		if err := c.Authz.Check(ctx, c.Request, there, []*key.Key{to}); err != nil {
			return nil, nil, err
		}
		if err := key.Ready(to, "UpdatePrimaryRegion", "", key.WhileUpdating); err != nil {
			return nil, nil, err
		}
		return nil, c.handOver(s, from, to), nil
	},
	Audit: func(in *shape.UpdatePrimaryRegionRequest) audit.Detail {
		return audit.Detail{audit.String("keyId", in.KeyId), audit.String("primaryRegion", in.PrimaryRegion)}
	},
	Result: keyResult,
	Differs: []string{
		"The change is complete when the call returns; no key is ever Updating. There is one audit record.",
		"The primary does not move to a Region that the server serves no more: ValidationException, as when a replica is to be made there.",
	},
}

// handOver makes to the primary in one commit, so there are never two, nor none. The date of the next
// automatic rotation goes along: it is the primary's to keep.
func (c *Call) handOver(s *set, from, to *key.Key) *record.Change {
	m := s.edit()
	m.Primary = to.Region
	m.Replicas = with(without(m.Replicas, to.Region), from.Region)
	change := c.Book.Change()
	s.replace(change, from.Id, m)
	change.Require(from.Record(), from.Ver)
	change.Require(to.Record(), to.Ver)
	if from.NextRotation != 0 {
		due := at(from.NextRotation)
		change.Discard(record.OfDue(due, DueRotation, from.Account, from.Region, from.Id, ""))
		change.Insert(record.OfDue(due, DueRotation, to.Account, to.Region, to.Id, ""), &recordpb.Due{})
	}
	return change
}
