package iam

import (
	"context"

	"qkms/internal/authz/policy"
	"qkms/internal/fault"
	"qkms/internal/query"
	"qkms/internal/record"
	"qkms/internal/record/recordpb"
)

type updateAssumeRolePolicyIn struct {
	theRole
	PolicyDocument string `is:"required,policyDocument"`
}

var updateAssumeRolePolicy = on("UpdateAssumeRolePolicy", func(ctx context.Context, c *query.Call, e *entity, in *updateAssumeRolePolicyIn) (*query.None, *record.Change, error) {
	if err := setTrust(ctx, c, e.msg.(*recordpb.Role), in.PolicyDocument); err != nil {
		return nil, nil, err
	}
	return nil, e.saved(c), nil
})

// setTrust gives a role its trust policy, with the users and roles it names bound to the unique ids they have
// now: who is given the name of one that was deleted is not trusted (access.md §2.2).
func setTrust(ctx context.Context, c *query.Call, m *recordpb.Role, text string) error {
	if weight(text) > maxTrustPolicy {
		return fault.IAMQuota("ACLSizePerRole", maxTrustPolicy)
	}
	doc, err := policy.ParseTrust(text, c.Identities.Partition)
	if err != nil {
		return err
	}
	ids, unknown, err := c.Identities.BindAll(ctx, doc.Principals())
	switch {
	case err != nil:
		return err
	case unknown != "":
		return fault.TrustPrincipal("AWS", unknown)
	}
	m.Trust, m.TrustBound = text, ids
	return nil
}

// shownTrust is the trust policy as it was saved, but for principals that are no more: those are shown by
// their unique ids.
func shownTrust(ctx context.Context, c *query.Call, m *recordpb.Role) (string, error) {
	gone := map[string]string{}
	for arn, id := range m.TrustBound {
		now, _, err := c.Identities.Bind(ctx, arn)
		if err != nil {
			return "", err
		}
		if now != id {
			gone[arn] = id
		}
	}
	if len(gone) == 0 {
		return m.Trust, nil
	}
	doc, err := policy.ParseTrust(m.Trust, c.Identities.Partition)
	if err != nil {
		return "", err
	}
	return doc.Replace(gone).Format(), nil
}
