package op

import (
	"context"
	"slices"
	"strings"

	"qkms/internal/audit"
	"qkms/internal/fault"
	"qkms/internal/key"
	"qkms/internal/record"
	"qkms/internal/record/recordpb"
	"qkms/internal/wire/shape"
)

var replicateKey = &Op[shape.ReplicateKeyRequest, shape.ReplicateKeyResponse]{
	Name: "ReplicateKey",
	Needs: func(in *shape.ReplicateKeyRequest) ([]key.Need, error) {
		made := append(anything("kms:CreateKey"), tagging(in.Tags)...)
		for i := range made {
			made[i].Region = in.ReplicaRegion // a policy that keeps its callers out of a Region keeps their replicas out
		}
		return append(manage("kms:ReplicateKey", in.KeyId), made...), nil
	},
	Says: func(c *Call, in *shape.ReplicateKeyRequest, name string) []string {
		switch name {
		case "kms:replicaregion":
			return said(in.ReplicaRegion)
		case "kms:bypasspolicylockoutsafetycheck":
			return bypassed(in.BypassPolicyLockoutSafetyCheck)
		}
		return c.replicaSays(in, name)
	},
	Check: func(c *Call, in *shape.ReplicateKeyRequest) error {
		s, err := c.setOf(context.Background(), c.Key())
		if err != nil {
			return err
		}
		if !s.isPrimary(c.Key()) {
			return fault.NotPrimary(c.Key().ARN)
		}
		return checkTags(in.Tags)
	},
	Counts: replicateTolls,
	Run: func(ctx context.Context, c *Call, in *shape.ReplicateKeyRequest) (*shape.ReplicateKeyResponse, *record.Change, error) {
		s, err := c.setOf(ctx, c.Key())
		if err != nil {
			return nil, nil, err
		}
		if !s.isPrimary(c.Key()) { // any more
			return nil, nil, record.OfMultiRegion(c.Key().Id).Conflict()
		}
		if err := c.replicaRegion(s, in.ReplicaRegion); err != nil {
			return nil, nil, err
		}
		replica, change, err := c.replica(ctx, s, in)
		if err != nil {
			return nil, nil, err
		}
		policy, err := c.replicaPolicy(ctx, change, replica, in)
		if err != nil {
			return nil, nil, err
		}
		out := &shape.ReplicateKeyResponse{ReplicaPolicy: policy, ReplicaTags: in.Tags}
		out.ReplicaKeyMetadata = metadata(replica)
		out.ReplicaKeyMetadata.MultiRegionConfiguration = c.configuration(&set{MultiRegion: joined(s, in.ReplicaRegion)}, replica)
		// Here the replica is whole at once; AWS answers while it still copies (operations.md §11).
		out.ReplicaKeyMetadata.KeyState, out.ReplicaKeyMetadata.Enabled = shape.KeyStateCreating, false
		out.ReplicaKeyMetadata.CurrentKeyMaterialId = ""
		model, validTo := c.Key().Expiration() // the primary's, before it turns out that nothing is imported here (§7.1 [R2])
		out.ReplicaKeyMetadata.ExpirationModel, out.ReplicaKeyMetadata.ValidTo = shape.ExpirationModelType(model), at(validTo)
		return out, change, nil
	},
	Audit: func(in *shape.ReplicateKeyRequest) audit.Detail {
		return audit.Detail{
			audit.String("keyId", in.KeyId),
			audit.String("replicaRegion", in.ReplicaRegion),
			audit.String("description", in.Description),
			audit.String("policy", in.Policy).If(in.Policy != ""),
			audit.Bool("bypassPolicyLockoutSafetyCheck", in.BypassPolicyLockoutSafetyCheck),
			audit.Objects("tags", tagDetails(in.Tags)),
		}
	},
	Result: func(_ *Call, out *shape.ReplicateKeyResponse) audit.Detail {
		return audit.Detail{
			audit.Object("replicaKeyMetadata", metadataDetail(out.ReplicaKeyMetadata)),
			audit.String("replicaPolicy", out.ReplicaPolicy),
			audit.Objects("replicaTags", tagDetails(out.ReplicaTags)),
		}
	},
	Differs: []string{"The replica is ready when the call returns; the answer says Creating, as AWS's does. There is one audit record, of the primary's Region."},
}

// otherPartitions are the first words of Regions that are not in the partition "aws".
var otherPartitions = []string{"cn-", "us-gov-", "us-iso", "eu-isoe-"}

// replicaRegion refuses a Region that cannot have a replica of the call's key.
func (c *Call) replicaRegion(s *set, region string) error {
	foreign := func(r string) string {
		for _, p := range otherPartitions {
			if strings.HasPrefix(r, p) {
				return p
			}
		}
		return ""
	}
	switch {
	case region == s.Primary:
		return fault.PrimaryRegion(region)
	case foreign(region) != foreign(s.Primary):
		return fault.OtherPartition()
	case !c.Serves(region):
		return fault.UnknownRegion(region)
	case slices.Contains(s.Replicas, region):
		return fault.ReplicaExists()
	}
	return nil
}

func joined(s *set, region string) *recordpb.MultiRegion {
	m := s.edit()
	m.Replicas = with(m.Replicas, region)
	return m
}

// replica makes the replica key and the change that stores it: everything that is shared is copied,
// the rest begins as with a new key (key-material.md §2.2).
func (c *Call) replica(ctx context.Context, s *set, in *shape.ReplicateKeyRequest) (*key.Key, *record.Change, error) {
	primary := c.Key()
	m := primary.Edit()
	m.Region, m.Description, m.Tags = in.ReplicaRegion, in.Description, storedTags(in.Tags)
	m.Created, m.State, m.Aliases = c.Now.UnixMilli(), key.Enabled, 0
	change := c.Book.Change()
	if m.Origin == string(shape.OriginTypeExternal) { // imported material is never copied: each Region imports the same bytes
		m.State = key.PendingImport
		for _, v := range m.Versions {
			v.Missing, v.ExpirationModel, v.ValidTo = true, "", 0
		}
	} else {
		for _, v := range m.Versions {
			put, err := c.Copier.Copy(ctx, primary.MaterialVersion(v.Id), m.Region)
			if err != nil {
				return nil, nil, sealFault(err)
			}
			change.Add(put)
		}
	}
	if err := c.joins(ctx, change, s, m); err != nil {
		return nil, nil, err
	}
	change.Insert(record.OfKey(m.Account, m.Region, m.Id), m)
	change.Insert(record.OfOwner(m.Id, m.Region), &recordpb.Owner{Account: m.Account})
	c.countKey(change, m)
	s.replace(change, m.Id, joined(s, m.Region))
	return c.Resolver.Of(m, 1), change, nil
}

// replicaPolicy stores the replica's own policy and returns it; without one it has the default.
func (c *Call) replicaPolicy(ctx context.Context, change *record.Change, replica *key.Key, in *shape.ReplicateKeyRequest) (string, error) {
	if in.Policy == "" {
		return defaultPolicyText(c.Deps, replica), nil
	}
	stored, err := c.policy(ctx, replica, in.Policy, in.BypassPolicyLockoutSafetyCheck)
	if err != nil {
		return "", err
	}
	change.Insert(record.OfPolicy(replica.Account, replica.Region, replica.Id), stored)
	return stored.Text, nil
}
