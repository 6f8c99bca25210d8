package authz

import (
	"context"

	"qkms/internal/authz/policy"
	"qkms/internal/identity"
	"qkms/internal/key"
	"qkms/internal/record"
	"qkms/internal/record/recordpb"
)

// A Verdict is one decision about a request.
type Verdict struct {
	Action   string
	Resource string // as policies name it
	Owner    string // the account whose key or role it is; empty of anything else, and of what is not known
	policy.Decision
	Grant string // the id of the grant that allows, if one does

	// Told is as much of it as the account of the caller may know. It differs where the key or role is of
	// another account: of whose policy it then says nothing, nor whether there is such a key. Without a
	// reason nothing may be told at all.
	Told policy.Decision

	Trace *Trace // with Request.Explain

	key    *key.Key // that it is about; nil of anything else
	policy uint64   // the version of the key's policy, 0 if it has none
}

// Rely makes a change depend on what allowed it: that the keys it was decided about, their policies and the grants
// are still what they were. Otherwise a change that was allowed, and held up on its way, could arrive after
// whoever asked for it had lost the right and its loss was known everywhere. The records of a key share a shard, so it
// costs no further lock; whose credentials signed is not held so (docs/coherence.md).
func (r Rules) Rely(ctx context.Context, req *Request, change *record.Change) error {
	for i := range req.Verdicts {
		v := &req.Verdicts[i]
		if v.key == nil {
			continue
		}
		change.Require(v.key.Record(), v.key.Ver)
		change.Require(v.key.Policy(), v.policy)
		if v.Grant == "" {
			continue
		}
		grant := record.OfGrant(v.key.Account, v.key.Region, v.key.Id, v.Grant)
		g, ver, err := record.Load[recordpb.Grant](ctx, r.Book, grant)
		if err != nil {
			return err
		}
		if g == nil {
			return grant.Conflict()
		}
		change.Require(grant, ver)
	}
	return nil
}

// A Trace is all that a decision looked at.
type Trace struct {
	Steps    []policy.Step
	Grants   []GrantStep     // those to the caller, unless the policies settled it
	Remedies []policy.Remedy // of a refusal
	worth    policy.Grant    // of the grants that permit it and do not suffice
}

// A GrantStep is what a grant to the caller has to do with a request. The grant is shared: never change it.
type GrantStep struct {
	Grant      *recordpb.Grant
	Operation  bool // it has the operation
	Permits    bool // and its constraints let the request through
	ForAccount bool // it is to the caller's account, whose own policies say who of it may use it
}

// note adds a verdict, of which all may be told until something else is said.
func (req *Request) note(v Verdict) *Verdict {
	if req.Verdicts == nil {
		req.Verdicts = req.first[:0]
	}
	v.Told = v.Decision
	if req.Explain {
		v.Trace = new(Trace)
	}
	req.Verdicts = append(req.Verdicts, v)
	return &req.Verdicts[len(req.Verdicts)-1]
}

// trace looks at everything once more, for who wants to see it.
func (v *Verdict) trace(req *Request, found *policy.Findings, s *policy.Sources) {
	if v.Trace == nil {
		return
	}
	q := req.asked
	v.Trace.Steps = policy.Trace(&q, s)
	v.Trace.Remedies = found.Remedies(v.Trace.worth)
}

// ownSide is what the caller's own policies have to do with somebody else's key or role being allowed.
func (req *Request) ownSide(found *policy.Findings) policy.Decision {
	key, trust := req.asked.Key, req.asked.Trust
	req.asked.Key, req.asked.Trust = false, false
	own := found.Decide(policy.NoGrant)
	req.asked.Key, req.asked.Trust = key, trust
	if own.Allowed {
		return own
	}
	return policy.Decision{Allowed: true, Reason: policy.Allowed} // by what is the other side's to know
}

// Of returns the verdicts that an account may know, that of the caller or one that owns what was asked for:
// each i from 0 until ok is false. tell is false of one that it may not.
func (req *Request) Of(account string, i int) (v *Verdict, d policy.Decision, tell, ok bool) {
	if i >= len(req.Verdicts) {
		return nil, d, false, false
	}
	v = &req.Verdicts[i]
	switch {
	case v.Owner != "" && v.Owner == account:
		return v, v.Decision, true, true
	case req.Caller != nil && req.Caller.Account == account:
		return v, v.Told, v.Told.Reason != 0, true
	}
	return v, d, false, true
}

// Origin tells where a policy of the caller's own side comes from that a verdict speaks of: nil of any other,
// and of a session policy that was given as a text.
func (req *Request) Origin(by policy.Ref) *identity.Policy {
	s := &req.side
	switch {
	case s.policies != nil && by.Source == policy.IdentityPolicy:
		return s.policies.Origins[by.Policy]
	case s.policies != nil && by.Source == policy.Boundary:
		return &identity.Policy{ARN: s.policies.BoundaryARN}
	case by.Source == policy.SessionPolicy && s.session[by.Policy] != "":
		return &identity.Policy{ARN: s.session[by.Policy]}
	}
	return nil
}
