// Package authz decides whether a caller may do what a request needs.
//
// It is the one place where that is decided, by access.md §4.3 and §6: Rules.Check brings together who
// asks, the policies of the key and of the caller, the grants on the key and what the request says; package
// policy decides. Nobody has a right of their own, not the root user of an account either: what the key
// policy gives to nobody, nobody has.
package authz

import (
	"context"
	"time"

	"qkms/internal/authn"
	"qkms/internal/authz/policy"
	"qkms/internal/fault"
	"qkms/internal/identity"
	"qkms/internal/key"
	"qkms/internal/lastuse"
	"qkms/internal/record"
)

// Rules decides. Its methods may be called concurrently.
type Rules struct {
	Naming     key.Naming
	Book       *record.Book // of key policies, grants and aliases
	Identities *identity.Directory
	LastUses   *lastuse.Tracker // for kms:TrailingDaysWithoutKeyUsage
	Aliases    int              // that a key may have, for kms:ResourceAliases; 0: any number
	Defaults   *Defaults        // of the partition of Naming
}

// A Request is one call, as far as policies may ask about it. It is for one goroutine, and decisions about it
// are made one after the other.
type Request struct {
	Caller    *authn.Caller // nil of a web identity, which has no policies of its own
	Now       time.Time
	SourceIP  string // empty if unknown
	UserAgent string
	TLS       bool

	Says Sayer // of what only the operation knows; nil: it says nothing

	// Explain makes each verdict come with a Trace. The decisions are the same, and take longer.
	Explain bool

	// Verdicts are what was decided so far, in the order of the needs.
	Verdicts []Verdict

	side   side // of the caller, once it was looked up
	sided  bool
	grants bool            // permit whatever they have the operation for: see Foresight
	asking asking          // what is being decided: here, so that deciding allocates nothing
	asked  policy.Question // of asking
	first  [1]Verdict      // Verdicts of most requests
}

// A Sayer knows what a request says.
type Sayer interface {
	// Says returns the values of a condition key, its name folded; none when the request has none.
	Says(name string) []string
}

// A SayerFunc is a Sayer.
type SayerFunc func(name string) []string

// Says implements Sayer.
func (f SayerFunc) Says(name string) []string { return f(name) }

func (req *Request) says(name string) []string {
	if req.Says == nil {
		return nil
	}
	return req.Says.Says(name)
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
		return r.retire(ctx, req, n, k)
	case n.Principal != "" && !r.own(caller, n.Principal):
		req.note(Verdict{Action: n.Action, Resource: n.Principal, Decision: policy.Decision{Reason: policy.OutsideTheAccount}})
		return fault.DeniedByIdentity(caller.ARN, n.Action, fault.OnResource(n.Principal))
	case n.OnKey() && (k == nil || k.Account != caller.Account && (!n.CrossAccount || n.Listing)):
		return r.elsewhere(ctx, req, n, nil)
	case n.OnKey() && !n.Listing:
		return r.onKey(ctx, req, n, k)
	}
	return r.byIdentity(ctx, req, n, &Act{Action: n.Action, Resource: r.resource(caller, n)})
}

// Assumes decides whether a role may be assumed by the caller, or by who, a web identity without policies of
// its own, when it is not nil: by the role's trust policy, and as far as that leaves it to an account, by the
// caller's policies (access.md §2.4). action is sts:AssumeRole, one of its kin, or what must be allowed
// besides: sts:TagSession, sts:SetSourceIdentity.
func (r Rules) Assumes(ctx context.Context, req *Request, who *policy.Principal, role *identity.Role, action string) (bool, error) {
	s := &side{}
	if who != nil {
		s.principal = *who
	} else {
		var err error
		if s, err = r.sideOf(ctx, req); err != nil {
			return false, err
		}
	}
	q, a := req.ask(ctx, r, &key.Need{Action: action}, s)
	q.Resource, q.Trust, q.Owner = role.ARN, true, role.Account
	a.act = &Act{Tags: role.Tags}
	sources := s.sources
	sources.Trust = role.Trust
	found := policy.Consult(q, &sources)
	d := found.Decide(policy.NoGrant)
	v := req.note(Verdict{Action: action, Resource: role.ARN, Owner: role.Account, Decision: d})
	v.trace(req, &found, &sources)
	switch {
	case req.Caller == nil || req.Caller.Account == role.Account:
	case d.Allowed:
		v.Told = req.ownSide(&found)
	default:
		v.Told = policy.Decision{} // about a role that is not there nothing is decided
	}
	return a.err == nil && d.Allowed, a.err
}

// onKey asks the key policy and the caller's own, and then, unless that settles it, the grants.
func (r Rules) onKey(ctx context.Context, req *Request, n *key.Need, k *key.Key) error {
	s, err := r.sideOf(ctx, req)
	if err != nil {
		return err
	}
	p, ver, err := r.KeyPolicy(ctx, k)
	if err != nil {
		return err
	}
	q, a := r.question(ctx, req, n, k, s)
	sources := s.sources
	sources.Key = p.Policy
	found := policy.Consult(q, &sources)
	v := req.note(Verdict{Action: n.Action, Resource: q.Resource, Owner: k.Account, Decision: found.Decide(policy.NoGrant), key: k, policy: ver})
	if a.err == nil && !v.Allowed && v.Reason != policy.ExplicitDeny {
		a.err = r.byGrant(ctx, a, &found, v)
	}
	v.trace(req, &found, &sources)
	switch own := k.Account == req.Caller.Account; {
	case a.err != nil: // not knowing is no reason to allow
		return a.err
	case v.Allowed && own:
		return nil
	case v.Allowed:
		v.Told = req.ownSide(&found)
		return nil
	case !own:
		return r.elsewhere(ctx, req, n, v)
	}
	on := fault.OnResource(k.ARN)
	if n.Cipher != "" {
		on = fault.OnCiphertext
	}
	return s.refusal(req.Caller.ARN, n.Action, on, v.Decision)
}

// ask readies what is asked about a need, and what answers the conditions.
func (req *Request) ask(ctx context.Context, r Rules, n *key.Need, s *side) (*policy.Question, *asking) {
	req.asking = asking{rules: r, ctx: ctx, req: req, need: n}
	req.asked = policy.Question{Principal: &s.principal, Action: n.Action, Context: &req.asking}
	return &req.asked, &req.asking
}

// question is ask about a key.
func (r Rules) question(ctx context.Context, req *Request, n *key.Need, k *key.Key, s *side) (*policy.Question, *asking) {
	q, a := req.ask(ctx, r, n, s)
	a.key = k
	q.Resource, q.Identity, q.Key, q.Owner, q.CrossAccount = r.arn(k), (*ofIdentity)(a), true, k.Account, n.CrossAccount
	return q, a
}

// Keeps reports whether the caller of req could change the policy of k again if it were p: the lockout
// safety check (access.md §3.7), under the conditions of the present request.
func (r Rules) Keeps(ctx context.Context, req *Request, k *key.Key, p *policy.Policy) (bool, error) {
	s, err := r.sideOf(ctx, req)
	if err != nil {
		return false, err
	}
	q, a := r.question(ctx, req, &key.Need{Action: "kms:PutKeyPolicy"}, k, s)
	sources := s.sources
	sources.Key = p
	found := policy.Consult(q, &sources)
	return found.Decide(policy.NoGrant).Allowed, a.err
}

// aws is how policies name things, however the deployment prints them.
func (r Rules) aws() key.Naming {
	return key.Naming{Partition: r.Naming.Partition, Style: key.StyleAWS}
}

func (r Rules) arn(k *key.Key) string {
	if r.Naming.Style == key.StyleVerenc {
		return r.aws().Key(k.Account, k.Region, k.Id)
	}
	return k.ARN
}

// own reports whether a principal is of the caller's account. What names no principal at all passes: it
// is refused as that, and tells nobody anything.
func (r Rules) own(caller *authn.Caller, principal string) bool {
	p, err := authn.ParsePrincipal(r.Naming.Partition, principal)
	return err != nil || p.Account == caller.Account
}

// resource is what a need is about that is not about a key (access.md §4.2).
func (r Rules) resource(caller *authn.Caller, n *key.Need) string {
	if n.Alias != "" {
		return r.aws().Alias(caller.Account, caller.Region, n.Alias)
	}
	return "*"
}
