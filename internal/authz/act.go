package authz

import (
	"context"
	"strings"

	"qkms/internal/authz/policy"
	"qkms/internal/fault"
	"qkms/internal/key"
)

// An Act is an action on what is no key: on an identity, or on nothing in particular.
type Act struct {
	Action   string            // with its service: iam:CreateUser
	Resource string            // an ARN, or *
	Tags     map[string]string // of the resource, for aws:ResourceTag
}

// Allow returns nil when the caller's own policies let it do all of acts, and AccessDeniedException
// otherwise; any other error is that it could not be decided.
func (r Rules) Allow(ctx context.Context, req *Request, acts ...Act) error {
	for i := range acts {
		if err := r.byIdentity(ctx, req, &key.Need{Action: acts[i].Action}, &acts[i]); err != nil {
			return err
		}
	}
	return nil
}

// byIdentity asks the policies of the caller alone.
func (r Rules) byIdentity(ctx context.Context, req *Request, n *key.Need, act *Act) error {
	s, err := r.sideOf(ctx, req)
	if err != nil {
		return err
	}
	q, a := req.ask(ctx, r, n, s)
	a.act, q.Resource = act, act.Resource
	found := policy.Consult(q, &s.sources)
	d := found.Decide(policy.NoGrant)
	req.note(Verdict{Action: act.Action, Resource: act.Resource, Decision: d}).trace(req, &found, &s.sources)
	switch {
	case a.err != nil: // not knowing is no reason to allow
		return a.err
	case d.Allowed:
		return nil
	}
	return s.refusal(req.Caller.ARN, act.Action, fault.OnResource(act.Resource), d)
}

// tagged answers about the tags of what is acted on; IAM has a name of its own for them.
func (act *Act) tagged(name string) (values []string, asked bool) {
	tag, asked := strings.CutPrefix(name, resourceTag)
	if !asked {
		tag, asked = strings.CutPrefix(name, "iam:resourcetag/")
	}
	if !asked {
		return nil, false
	}
	for k, v := range act.Tags {
		if policy.Fold(k) == tag {
			values = append(values, v)
		}
	}
	return values, true
}
