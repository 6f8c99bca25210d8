// Package authz decides whether a caller may do what a request needs.
//
// It is the one place where that is decided, by access.md §4.3 and §6: Rules.Check brings together who
// asks, the policy of the key, the grants on it and what the request says; package policy decides. The only
// callers yet are root users of accounts. Theirs is no right of its own: what the key policy gives to
// nobody, nobody has.
package authz

import (
	"context"
	"time"

	"qkms/internal/authn"
	"qkms/internal/authz/policy"
	"qkms/internal/fault"
	"qkms/internal/key"
	"qkms/internal/record"
)

// Rules decides. Its methods may be called concurrently.
type Rules struct {
	Naming key.Naming
	Book   *record.Book // of key policies and grants
}

// A Request is one call, as far as policies may ask about it.
type Request struct {
	Caller    *authn.Caller
	Now       time.Time
	SourceIP  string // empty if unknown
	UserAgent string
	TLS       bool

	// Says returns the values of a condition key (its name folded) that only the operation knows; none
	// when the request has none.
	Says func(name string) []string
}

// Check returns nil when the caller may do all of needs, keys being what they resolved to, and
// AccessDeniedException otherwise; any other error is that it could not be decided. It runs before any state
// or usage is looked at, so that a refused caller learns nothing; a key of another account is refused in the
// same words whether it exists or not.
func (r Rules) Check(ctx context.Context, req *Request, needs []key.Need, keys []*key.Key) error {
	for i := range needs {
		if err := r.check(ctx, req, &needs[i], keys[i]); err != nil {
			return err
		}
	}
	return nil
}

func (r Rules) check(ctx context.Context, req *Request, n *key.Need, k *key.Key) error {
	caller := req.Caller
	switch {
	case n.Grant != nil:
		return retire(caller, n, k)
	case n.Principal != "" && !r.own(caller, n.Principal):
		return fault.DeniedByIdentity(caller.ARN, n.Action, n.Principal)
	case n.OnKey() && (k == nil || k.Account != caller.Account && (!n.CrossAccount || n.Listing)):
		return elsewhere(caller, n)
	case n.OnKey() && !n.Listing:
		return r.onKey(ctx, req, n, k)
	}
	q := policy.Question{Principal: principal(caller), Action: n.Action, Resource: r.resource(caller, n)}
	found := policy.Consult(&q, &policy.Sources{})
	if !found.Decide(policy.NoGrant).Allowed {
		return fault.DeniedByIdentity(caller.ARN, n.Action, q.Resource)
	}
	return nil
}

// onKey asks the key policy, and then, unless that settles it, the grants.
func (r Rules) onKey(ctx context.Context, req *Request, n *key.Need, k *key.Key) error {
	p, _, err := r.KeyPolicy(ctx, k)
	if err != nil {
		return err
	}
	found, a := r.consult(ctx, req, n, k, p.Policy)
	d := found.Decide(policy.NoGrant)
	if a.err == nil && !d.Allowed && d.Reason != policy.ExplicitDeny {
		var g policy.Grant
		if g, a.err = r.granted(ctx, req, n, k); a.err == nil {
			d = found.Decide(g)
		}
	}
	switch {
	case a.err != nil: // not knowing is no reason to allow
		return a.err
	case d.Allowed:
		return nil
	}
	return refusal(req.Caller, n, k, d)
}

func (r Rules) consult(ctx context.Context, req *Request, n *key.Need, k *key.Key, p *policy.Policy) (policy.Findings, *asking) {
	a := &asking{rules: r, ctx: ctx, req: req, need: n, key: k}
	q := policy.Question{
		Principal: principal(req.Caller), Action: n.Action, Resource: r.arn(k), Context: a,
		Key: true, Owner: k.Account, CrossAccount: n.CrossAccount,
	}
	return policy.Consult(&q, &policy.Sources{Key: p}), a
}

// Keeps reports whether the caller of req could change the policy of k again if it were p: the lockout
// safety check (access.md §3.7), under the conditions of the present request.
func (r Rules) Keeps(ctx context.Context, req *Request, k *key.Key, p *policy.Policy) (bool, error) {
	found, a := r.consult(ctx, req, &key.Need{Action: "kms:PutKeyPolicy"}, k, p)
	return found.Decide(policy.NoGrant).Allowed, a.err
}

// principal is the caller as policies know callers. A kind that is not known here may do nothing.
func principal(c *authn.Caller) *policy.Principal {
	p := &policy.Principal{Account: c.Account, ARN: c.ARN}
	if c.Kind == authn.KindRoot {
		p.Kind = policy.Root
	}
	return p
}

// arn is how policies name a key, however the deployment prints it.
func (r Rules) arn(k *key.Key) string {
	if r.Naming.Style == key.StyleVerenc {
		return key.Naming{Partition: r.Naming.Partition, Style: key.StyleAWS}.Key(k.Account, k.Region, k.Id)
	}
	return k.ARN
}

// own reports whether a principal is of the caller's account. What names no principal at all passes: it
// is refused as that, and tells nobody anything.
func (r Rules) own(caller *authn.Caller, principal string) bool {
	p, err := authn.ParsePrincipal(r.Naming.Partition, principal)
	return err != nil || p.Account == caller.Account
}

// resource is what a need is about that is not about a key.
func (r Rules) resource(caller *authn.Caller, n *key.Need) string {
	switch {
	case n.Alias != "":
		return r.Naming.Alias(caller.Account, caller.Region, n.Alias)
	case n.Principal != "":
		return n.Principal
	}
	return "*"
}

// refusal says no as access.md §4.4 does.
func refusal(caller *authn.Caller, n *key.Need, k *key.Key, d policy.Decision) error {
	on := fault.OnResource(k.ARN)
	if n.Cipher != "" {
		on = fault.OnCiphertext
	}
	switch {
	case k.Account != caller.Account:
		return elsewhere(caller, n)
	case d.Reason == policy.ExplicitDeny:
		return fault.DeniedExplicitly(caller.ARN, n.Action, on)
	}
	return fault.DeniedByResource(caller.ARN, n.Action, on)
}

func elsewhere(caller *authn.Caller, n *key.Need) error {
	if n.Cipher != "" {
		return fault.DeniedCiphertext(caller.ARN, n.Action)
	}
	return fault.DeniedElsewhere(caller.ARN, n.Action)
}
