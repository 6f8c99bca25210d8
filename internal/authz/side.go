package authz

import (
	"context"
	"strings"

	"qkms/internal/authn"
	"qkms/internal/authz/policy"
	"qkms/internal/fault"
	"qkms/internal/identity"
	"qkms/internal/key"
)

// A side is the caller's: who it is to policies, and its own policies.
type side struct {
	principal policy.Principal
	sources   policy.Sources // without that of the resource
	policies  *identity.Policies
	session   []string // where each session policy comes from: the ARN of a managed one, or empty
}

// sideOf looks the caller's side up, once for all needs of a request: they are judged by one state of its
// policies.
func (r Rules) sideOf(ctx context.Context, req *Request) (*side, error) {
	s := &req.side
	if req.sided {
		return s, nil
	}
	*s = side{principal: principalOf(req.Caller)}
	if err := r.policiesOf(ctx, req.Caller, s); err != nil {
		return nil, err
	}
	req.sided = true
	return s, nil
}

// principalOf is the caller as policies know callers. A kind that is not known here may do nothing.
func principalOf(c *authn.Caller) policy.Principal {
	p := policy.Principal{Account: c.Account, ARN: c.ARN}
	switch {
	case c.Kind == authn.KindRoot:
		p.Kind = policy.Root
	case c.Kind == authn.KindUser && c.User != nil:
		p.Kind, p.ID = policy.User, c.User.Id
	case c.Kind == authn.KindSession && c.Role != nil:
		p.Kind, p.ID, p.Role = policy.Session, c.Role.Id, c.Role.ARN
	case c.Kind == authn.KindService:
		p.Kind = policy.Service
	}
	return p
}

// policiesOf reads the caller's policies as they are now: the identity that was authenticated is looked up
// again, since a try that lost a race against a change of it must not be judged by what it was before.
func (r Rules) policiesOf(ctx context.Context, c *authn.Caller, s *side) (err error) {
	switch {
	case c.User != nil:
		u, err := r.Identities.UserNow(ctx, c.User)
		if err != nil {
			return err
		}
		if u == nil {
			return fault.UnknownClient()
		}
		s.policies, err = r.Identities.PoliciesOf(ctx, u)
		if err != nil {
			return err
		}
	case c.Role != nil:
		role, err := r.Identities.RoleNow(ctx, c.Role)
		if err != nil {
			return err
		}
		if role == nil {
			return fault.UnknownClient()
		}
		s.policies, err = r.Identities.PoliciesOfRole(ctx, role)
		if err != nil {
			return err
		}
	}
	if s.policies != nil {
		s.sources.Identity, s.sources.Boundary = s.policies.Identity, s.policies.Boundary
	}
	return r.sessionPolicies(ctx, c, s)
}

// nothing is the session policy of a session that was limited by a managed policy which is no more. What
// that policy denied cannot be known any longer, so nothing is allowed.
var nothing = new(policy.Policy)

func (r Rules) sessionPolicies(ctx context.Context, c *authn.Caller, s *side) error {
	if c.Session == nil {
		return nil
	}
	if c.Session.Policy != nil {
		s.sources.Session, s.session = append(s.sources.Session, c.Session.Policy), append(s.session, "")
	}
	for _, arn := range c.Session.PolicyArns {
		m, err := r.Identities.Managed(ctx, arn)
		if err != nil {
			return err
		}
		if m == nil {
			s.sources.Session, s.session = []*policy.Policy{nothing}, []string{arn}
			return nil
		}
		s.sources.Session, s.session = append(s.sources.Session, m.Policy.Policy), append(s.session, arn)
	}
	return nil
}

// kinds are the policies as a refusal names them (access.md §4.4).
var kinds = map[policy.Source]string{
	policy.KeyPolicy:      "resource-based policy",
	policy.TrustPolicy:    "resource-based policy",
	policy.IdentityPolicy: "identity-based policy",
	policy.Boundary:       "permissions boundary",
	policy.SessionPolicy:  "session policy",
}

// refusal says no as access.md §4.4 does.
func (s *side) refusal(caller, action, on string, d policy.Decision) error {
	switch d.Reason {
	case policy.ExplicitDeny:
		return fault.DeniedExplicitly(caller, action, on, kinds[d.By.Source], s.arn(d.By))
	case policy.NoIdentityPolicy, policy.UnknownPrincipal:
		return fault.DeniedByIdentity(caller, action, on)
	case policy.NoBoundary:
		return fault.Denied(caller, action, on, kinds[policy.Boundary])
	case policy.NoSessionPolicy:
		return fault.Denied(caller, action, on, kinds[policy.SessionPolicy])
	}
	return fault.DeniedByResource(caller, action, on)
}

// arn is that of the managed policy which a statement is in, or empty.
func (s *side) arn(by policy.Ref) string {
	switch {
	case s.policies != nil && by.Source == policy.IdentityPolicy:
		return s.policies.Origins[by.Policy].ARN
	case s.policies != nil && by.Source == policy.Boundary:
		return s.policies.BoundaryARN
	case by.Source == policy.SessionPolicy:
		return s.session[by.Policy]
	}
	return ""
}

// elsewhere is the refusal about a key of another account. It says whether it is the caller's own side that
// does not allow (operations.md §5.3 [R2]), which is judged by the name the caller gave and by nothing that
// is known of the key: else these words would tell whether there is one, and how it is tagged. v is the
// verdict, nil when there is none yet.
func (r Rules) elsewhere(ctx context.Context, req *Request, n *key.Need, v *Verdict) error {
	outside := policy.Decision{Reason: policy.OutsideTheAccount}
	if v == nil {
		v = req.note(Verdict{Action: n.Action, Resource: n.KeyID, Decision: outside})
	}
	v.Told = outside
	caller := req.Caller
	switch {
	case n.Cipher != "":
		return fault.DeniedCiphertext(caller.ARN, n.Action)
	case !strings.Contains(n.KeyID, ":key/"), caller.Kind == authn.KindService: // which has no policies of its own
		return fault.DeniedElsewhere(caller.ARN, n.Action)
	}
	s, err := r.sideOf(ctx, req)
	if err != nil {
		return err
	}
	q, _ := req.ask(ctx, r, n, s)
	q.Resource = n.KeyID
	found := policy.Consult(q, &s.sources)
	if d := found.Decide(policy.NoGrant); !d.Allowed {
		v.Told = d
		return s.refusal(caller.ARN, n.Action, fault.OnThisResource, d)
	}
	return fault.DeniedElsewhere(caller.ARN, n.Action)
}
