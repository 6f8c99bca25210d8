package authz

import (
	"context"
	"slices"

	"qkms/internal/authn"
	"qkms/internal/authz/policy"
	"qkms/internal/key"
	"qkms/internal/record/recordpb"
)

// retire lets a grant be retired by its retiring principal, by its grantee when RetireGrant is among its
// operations, and by the accounts that issued it, that own its key or that may retire it, as their own
// policies say (access.md §6.6). Key policies have no say in it, but for what the policies of identities
// deny. Whoever may not learns as little as about any key of another account.
func (r Rules) retire(ctx context.Context, req *Request, n *key.Need, k *key.Key) error {
	g, caller := n.Grant.Found, req.Caller
	if k == nil || g == nil {
		return r.elsewhere(ctx, req, n, nil)
	}
	s, err := r.sideOf(ctx, req)
	if err != nil {
		return err
	}
	// The caller's own side alone, asked as if the key were its own: a grant is then worth what it lets a
	// boundary and a session policy limit.
	asked := *n
	asked.Context = pairsOf(g) // the conditions about the request's are about the grant's here (§5.1)
	q, a := r.question(ctx, req, &asked, k, s)
	q.Owner = caller.Account
	found := policy.Consult(q, &s.sources)
	right := r.right(g, k, caller)
	v := req.note(Verdict{Action: n.Action, Resource: q.Resource, Owner: k.Account, Decision: found.Decide(right)})
	if v.By.Source == policy.AGrant {
		v.Grant = g.Id
	}
	if v.Trace != nil {
		v.Trace.worth = right
	}
	v.trace(req, &found, &s.sources)
	switch {
	case a.err != nil:
		return a.err
	case !v.Allowed:
		return r.elsewhere(ctx, req, n, v)
	case k.Account != caller.Account:
		v.Told = req.ownSide(&found)
	}
	return nil
}

// right is what entitles the caller to retire g. Whom a grant on another account's key names needs the word of
// their own account too (operations.md §5.2 [R2]).
func (r Rules) right(g *recordpb.Grant, k *key.Key, c *authn.Caller) policy.Grant {
	retiring := r.partyOf(g.Retiring, g.RetiringId, g.RetiringService, c)
	grantee := nobody
	if slices.Contains(g.Operations, "RetireGrant") {
		grantee = r.partyOf(g.Grantee, g.GranteeId, g.GranteeService, c)
	}
	switch {
	case (retiring == itself || grantee == itself) && (c.Account == k.Account || c.Kind == authn.KindService):
		return policy.Granted
	case retiring != nobody, grantee != nobody, c.Account != "" && (c.Account == k.Account || c.Account == g.IssuingAccount):
		return policy.GrantedAccount
	}
	return policy.NoGrant
}

// pairsOf are those that the grant's constraint is about.
func pairsOf(g *recordpb.Grant) map[string]string {
	if len(g.ContextEquals) > 0 {
		return g.ContextEquals
	}
	return g.ContextSubset
}

// constraintType is kms:GrantConstraintType; a SourceArn does not count.
func constraintType(g *recordpb.Grant) []string {
	switch {
	case g == nil:
		return nil
	case len(g.ContextEquals) > 0:
		return is("EncryptionContextEquals")
	case len(g.ContextSubset) > 0:
		return is("EncryptionContextSubset")
	}
	return nil
}
