package op

import (
	"context"
	"fmt"

	"qkms/internal/audit"
	"qkms/internal/authz/policy"
	"qkms/internal/key"
	"qkms/internal/record"
	"qkms/internal/wire/shape"
)

var getKeyPolicy = &Op[shape.GetKeyPolicyRequest, shape.GetKeyPolicyResponse]{
	Name: "GetKeyPolicy",
	Needs: func(in *shape.GetKeyPolicyRequest) ([]key.Need, error) {
		return manage("kms:GetKeyPolicy", in.KeyId), nil
	},
	Check:  func(_ *Call, in *shape.GetKeyPolicyRequest) error { return policyName(in.PolicyName) },
	States: key.InAnyState,
	Run: func(ctx context.Context, c *Call, _ *shape.GetKeyPolicyRequest) (*shape.GetKeyPolicyResponse, *record.Change, error) {
		text, err := PolicyOf(ctx, c.Deps, c.Key())
		if err != nil {
			return nil, nil, err
		}
		return &shape.GetKeyPolicyResponse{Policy: text, PolicyName: defaultPolicy}, nil, nil
	},
	Audit: func(in *shape.GetKeyPolicyRequest) audit.Detail {
		return audit.Detail{audit.String("keyId", in.KeyId), audit.String("policyName", in.PolicyName).If(in.PolicyName != "")}
	},
	ReadOnly: true,
}

// PolicyOf is the key policy of k. A key that was given none has the default one, and no record of it. Users
// and roles that were deleted since are shown by their unique ids, which no other will ever have.
func PolicyOf(ctx context.Context, d *Deps, k *key.Key) (string, error) {
	p, ver, err := d.Authz.KeyPolicy(ctx, k)
	if err != nil {
		return "", err
	}
	if ver == 0 {
		return defaultPolicyText(d, k), nil
	}
	gone := map[string]string{}
	for arn, id := range p.Bound {
		switch now, _, err := d.Identities.Bind(ctx, arn); {
		case err != nil:
			return "", err
		case now != id:
			gone[arn] = id
		}
	}
	if len(gone) == 0 {
		return p.Text, nil
	}
	doc, err := policy.Parse(p.Text, d.Naming.Partition)
	if err != nil {
		return "", fmt.Errorf("%w: key policy: %s", record.ErrDamaged, err) // not as a mistake of the caller's
	}
	return doc.Replace(gone).Format(), nil
}

func defaultPolicyText(d *Deps, k *key.Key) string {
	return policy.Default(d.Naming.Partition, k.Account).Format()
}
