package authz

import (
	"context"

	"qkms/internal/authz/policy"
	"qkms/internal/fault"
)

// An Act is an action on what is no key: on an identity, or on nothing in particular.
type Act struct {
	Action   string            // with its service: iam:CreateUser
	Resource string            // an ARN, or *
	Tags     map[string]string // of the resource, for aws:ResourceTag
}

// Allow returns nil when the caller's own policies let it do all of acts, and AccessDeniedException
// otherwise; any other error is that it could not be decided.
func (r Rules) Allow(_ context.Context, req *Request, acts ...Act) error {
	for _, a := range acts {
		q := policy.Question{Principal: principal(req.Caller), Action: a.Action, Resource: a.Resource}
		found := policy.Consult(&q, &policy.Sources{})
		if !found.Decide(policy.NoGrant).Allowed {
			return fault.DeniedByIdentity(req.Caller.ARN, a.Action, a.Resource)
		}
	}
	return nil
}
