package authz

import (
	"context"
	"slices"
	"strings"

	"qkms/internal/authn"
	"qkms/internal/authz/policy"
	"qkms/internal/key"
	"qkms/internal/record/recordpb"
)

// granted returns what the caller's grants on k contribute.
func (r Rules) granted(ctx context.Context, req *Request, n *key.Need, k *key.Key) (best policy.Grant, err error) {
	if req.Caller.Kind != authn.KindRoot { // deny when unsure: whom else a grant means is not known here
		return policy.NoGrant, nil
	}
	grants, err := r.Book.Granted(ctx, k.Account, k.Region, k.Id, req.Caller.ARN)
	for _, g := range grants {
		switch {
		case g.Grantee != req.Caller.ARN || !permits(g, req, n):
		case g.IssuingAccount == req.Caller.Account:
			return policy.GrantedOwn, nil
		default:
			best = policy.Granted
		}
	}
	return best, err
}

// permits is access.md §6.4, for a grant to the caller on the key. A grant's SourceArn is about calls that
// services make, and there are none.
func permits(g *recordpb.Grant, req *Request, n *key.Need) bool {
	operation := strings.TrimPrefix(n.Action, "kms:")
	if !slices.Contains(g.Operations, operation) {
		return false
	}
	switch operation {
	case "DescribeKey", "RetireGrant":
		return true
	case "CreateGrant":
		return narrows(g, req, n.Context)
	}
	return satisfies(g, n.Context)
}

// satisfies says whether an encryption context is one that the grant's constraint lets through.
func satisfies(g *recordpb.Grant, context map[string]string) bool {
	if len(g.ContextEquals) > 0 {
		return same(g.ContextEquals, context)
	}
	return within(g.ContextSubset, context)
}

// narrows says whether a grant that is asked for gives no more than g, through which alone its creator may
// create it (access.md §6.5): otherwise one could give oneself what one was not given.
func narrows(g *recordpb.Grant, req *Request, pairs map[string]string) bool {
	for _, operation := range req.Says("kms:grantoperations") {
		if !slices.Contains(g.Operations, operation) {
			return false
		}
	}
	if g.SourceArn != "" && !slices.Contains(req.Says("kms:grantconstraintsourcearn"), g.SourceArn) {
		return false
	}
	if len(g.ContextEquals) > 0 {
		return slices.Contains(req.Says("kms:grantconstrainttype"), "EncryptionContextEquals") && same(g.ContextEquals, pairs)
	}
	return within(g.ContextSubset, pairs)
}

// within says whether every pair of small is one of large. The names of pairs compare without case, their
// values with it (access.md §6.4, §10 row 2).
func within(small, large map[string]string) bool {
	for name, v := range small {
		if large[name] != v || !has(large, name) {
			if !slices.Contains(folded(large, policy.Fold(name)), v) {
				return false
			}
		}
	}
	return true
}

func has(m map[string]string, name string) bool { _, ok := m[name]; return ok }

func same(a, b map[string]string) bool { return len(a) == len(b) && within(a, b) && within(b, a) }

// folded returns the values in m of all names that are name, apart from their case.
func folded(m map[string]string, name string) (values []string) {
	for k, v := range m {
		if policy.Fold(k) == name {
			values = append(values, v)
		}
	}
	return values
}

// retire lets a grant be retired by its retiring principal, by its grantee when RetireGrant is among
// its operations, and by the accounts that issued it and that own its key (access.md §6.6). Key policies
// have no say in it. Whoever may not learns as little as about any key of another account.
func retire(caller *authn.Caller, n *key.Need, k *key.Key) error {
	g := n.Grant.Found
	if k == nil || g == nil || caller.Kind != authn.KindRoot {
		return elsewhere(caller, n)
	}
	switch {
	case caller.Account == k.Account, caller.Account == g.IssuingAccount, caller.ARN == g.Retiring:
		return nil
	case caller.ARN == g.Grantee && slices.Contains(g.Operations, "RetireGrant"):
		return nil
	}
	return elsewhere(caller, n)
}
