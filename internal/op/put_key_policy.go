package op

import (
	"context"

	"qkms/internal/audit"
	"qkms/internal/authz/policy"
	"qkms/internal/fault"
	"qkms/internal/key"
	"qkms/internal/record"
	"qkms/internal/record/recordpb"
	"qkms/internal/wire/shape"
)

var putKeyPolicy = &Op[shape.PutKeyPolicyRequest, None]{
	Name:      "PutKeyPolicy",
	Restricts: true,
	Needs: func(in *shape.PutKeyPolicyRequest) ([]key.Need, error) {
		return manage("kms:PutKeyPolicy", in.KeyId), nil
	},
	Says: func(_ *Call, in *shape.PutKeyPolicyRequest, name string) []string {
		switch name {
		case "kms:bypasspolicylockoutsafetycheck":
			return bypassed(in.BypassPolicyLockoutSafetyCheck)
		}
		return nil
	},
	Check: func(_ *Call, in *shape.PutKeyPolicyRequest) error { return policyName(in.PolicyName) },
	// Every state, also while deletion is pending (operations.md §12.2 [R2]).
	States: key.InAnyState,
	Run: func(ctx context.Context, c *Call, in *shape.PutKeyPolicyRequest) (*None, *record.Change, error) {
		stored, err := c.policy(ctx, c.Key(), in.Policy, in.BypassPolicyLockoutSafetyCheck)
		if err != nil {
			return nil, nil, err
		}
		_, ver, err := c.Authz.KeyPolicy(ctx, c.Key())
		if err != nil {
			return nil, nil, err
		}
		change := c.Book.Change()
		change.Require(c.Key().Record(), c.Key().Ver) // the key must still exist when the policy does
		change.Replace(record.OfPolicy(c.Key().Account, c.Key().Region, c.Key().Id), ver, stored)
		return nil, change, nil
	},
	Audit: func(in *shape.PutKeyPolicyRequest) audit.Detail {
		return audit.Detail{
			audit.String("keyId", in.KeyId),
			audit.String("policyName", orDefault(in.PolicyName, defaultPolicy)),
			audit.String("policy", in.Policy),
			audit.Bool("bypassPolicyLockoutSafetyCheck", in.BypassPolicyLockoutSafetyCheck),
		}
	},
}

// defaultPolicy is the name of the one policy a key has.
const defaultPolicy = "default"

func policyName(name string) error {
	if name != "" && name != defaultPolicy {
		return fault.NoSuchPolicy()
	}
	return nil
}

// policy is a policy for k as it is stored: checked, printed anew, its principals bound to who they are now,
// and such that the caller can change it again unless they say that they do not mind.
func (c *Call) policy(ctx context.Context, k *key.Key, text string, bypass bool) (*recordpb.Policy, error) {
	d, err := policy.Parse(text, c.Naming.Partition)
	if err != nil {
		return nil, err
	}
	bound, unknown, err := c.Identities.BindAll(ctx, d.Principals())
	switch {
	case err != nil:
		return nil, err
	case unknown != "":
		return nil, fault.PolicyPrincipal()
	case bypass:
		return &recordpb.Policy{Text: d.Format(), Bound: bound}, nil
	}
	keeps, err := c.Authz.Keeps(ctx, c.Request, k, d.Bind(bound))
	if err == nil && !keeps {
		err = fault.PolicyLockout()
	}
	return &recordpb.Policy{Text: d.Format(), Bound: bound}, err
}
