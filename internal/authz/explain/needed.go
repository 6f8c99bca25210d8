package explain

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"slices"
	"strings"

	"qkms/internal/authz"
	"qkms/internal/authz/policy"
	"qkms/internal/record/recordpb"
)

// inlines are the inline policies of "user/alice", a group or a role of the caller's account.
func (t *trial) inlines(ctx context.Context, of string) ([]*recordpb.NamedPolicy, error) {
	kind, name, _ := strings.Cut(of, "/")
	account, who := t.req.Caller.Account, t.Ops.Authz.Identities
	switch kind {
	case "user":
		if u, err := who.User(ctx, account, name); u != nil {
			return u.Inline, err
		}
	case "group":
		if g, err := who.Group(ctx, account, name); g != nil {
			return g.Inline, err
		}
	case "role":
		if r, err := who.Role(ctx, account, name); r != nil {
			return r.Inline, err
		}
	}
	return nil, nil
}

// ways are what would have been enough, the nearest first: the fewest changes, and of these those for which
// a statement lacks the least.
func (t *trial) ways(d *Decision, v *authz.Verdict) []Way {
	var all []Way
	for _, r := range v.Trace.Remedies {
		if slices.Contains(r, policy.AGrantAllows) && !slices.Contains(grantable, strings.TrimPrefix(v.Action, "kms:")) {
			continue
		}
		var w Way
		for _, c := range r {
			text, misses := t.change(c, d)
			w.Changes, w.misses = append(w.Changes, text), w.misses+misses
		}
		all = append(all, w)
	}
	slices.SortStableFunc(all, func(a, b Way) int {
		return cmp.Or(cmp.Compare(len(a.Changes), len(b.Changes)), cmp.Compare(a.misses, b.misses))
	})
	return all
}

// unlike is what a change costs that no statement comes near to.
const unlike = math.MaxInt16

// change words one, and says how much the statement that comes nearest lacks.
func (t *trial) change(c policy.Change, d *Decision) (text string, misses int) {
	at := d.Action + " on " + d.Resource
	owner := "the key policy"
	if t.role != nil {
		owner = "the trust policy"
	}
	caller := t.req.Caller
	near := func(format string, sources []string, reach policy.Reach) (string, int) {
		s, where := d.nearest(sources, reach)
		if s == nil {
			return format, unlike
		}
		return fmt.Sprintf("%s (%s would, but %s)", format, s.in(where), strings.Join(s.Misses, "; ")), len(s.Misses)
	}
	switch c {
	case policy.NoDeny:
		return "nothing denies it: " + d.denials(), 0
	case policy.IdentityAllows:
		return near("a policy of the caller allows "+at, []string{policy.IdentityPolicy.String()}, policy.AsItself)
	case policy.BoundaryAllows:
		return near("its permissions boundary allows "+at, []string{policy.Boundary.String()}, policy.AsItself)
	case policy.SessionAllows:
		return near("a session policy of its allows "+at, []string{policy.SessionPolicy.String()}, policy.AsItself)
	case policy.AGrantAllows:
		return "a grant on the key gives " + strings.TrimPrefix(d.Action, "kms:") + " to " + caller.ARN, unlike
	}
	owners := []string{policy.KeyPolicy.String(), policy.TrustPolicy.String()}
	switch c {
	case policy.OwnerNamesCaller:
		return near(owner+" allows it to "+caller.ARN, owners, policy.AsItself|policy.AsEveryone)
	case policy.OwnerNamesRole:
		return near(owner+" allows it to "+caller.PrincipalARN(), owners, policy.AsRole)
	}
	return near(owner+" allows it to account "+caller.Account, owners, policy.AsAccount)
}

// nearest is the statement that lacks the least to allow it in some ways: one about the action, of which
// something else misses.
func (d *Decision) nearest(sources []string, reach policy.Reach) (best *Statement, where *Policy) {
	for i := range d.Policies {
		p := &d.Policies[i]
		if !slices.Contains(sources, p.Source) {
			continue
		}
		for j := range p.Statements {
			s := &p.Statements[j]
			if s.Deny || s.Applies || !s.step.Action || s.step.Means&reach == 0 {
				continue
			}
			if best == nil || len(s.Misses) < len(best.Misses) {
				best, where = s, p
			}
		}
	}
	return best, where
}

// denials names the statements that deny.
func (d *Decision) denials() string {
	var all []string
	for i := range d.Policies {
		for j := range d.Policies[i].Statements {
			if s := &d.Policies[i].Statements[j]; s.Deny && s.Applies {
				all = append(all, s.in(&d.Policies[i]))
			}
		}
	}
	return strings.Join(all, ", ") + " must not"
}

// in names a statement: statement 2 (AllowApp) of the key policy.
func (s *Statement) in(p *Policy) string { return s.name() + " of " + p.Name }

func (s *Statement) name() string {
	if s.Sid == "" {
		return fmt.Sprintf("statement %d", s.Number)
	}
	return fmt.Sprintf("statement %d (%s)", s.Number, s.Sid)
}
