package explain

import (
	"context"
	"fmt"
	"strings"

	"qkms/internal/authn"
	"qkms/internal/authz"
	"qkms/internal/authz/policy"
	"qkms/internal/key"
)

// explain makes a Decision of a verdict.
func (t *trial) explain(ctx context.Context, v *authz.Verdict) (Decision, error) {
	d := Decision{Action: v.Action, Resource: v.Resource, Account: v.Owner, Allowed: v.Allowed, Reason: v.Reason.String(), Policies: []Policy{}}
	if err := t.policies(ctx, &d, v); err != nil {
		return d, err
	}
	for _, g := range v.Trace.Grants {
		d.Grants = append(d.Grants, t.grant(g))
	}
	if d.By = d.reference(v); d.By == nil {
		d.Why = because[d.Reason]
	}
	d.Note = t.note(v)
	if !d.Allowed { // of what policies refused and a grant allows, nothing is needed
		d.Needed = t.ways(&d, v)
	}
	return d, nil
}

// policies groups the steps of the trace by policy.
func (t *trial) policies(ctx context.Context, d *Decision, v *authz.Verdict) error {
	var texts []written
	for i, step := range v.Trace.Steps {
		if t.foreign(step.Ref) {
			continue
		}
		if last := i - 1; i == 0 || step.Source != v.Trace.Steps[last].Source || step.Policy != v.Trace.Steps[last].Policy {
			p, text, err := t.policy(ctx, step.Ref)
			if err != nil {
				return err
			}
			d.Policies, texts = append(d.Policies, p), statements(text)
		}
		s := Statement{Number: step.Statement + 1, Sid: step.Sid, Deny: step.Deny, Applies: step.Applies(), Misses: t.misses(&step, v), step: step}
		if step.Statement < len(texts) {
			s.Text, s.Line = texts[step.Statement].text, texts[step.Statement].line
		}
		p := &d.Policies[len(d.Policies)-1]
		if s.Applies {
			s.Effect = s.effect(p)
		}
		p.Statements = append(p.Statements, s)
	}
	return nil
}

// foreign reports whether a policy is of an account that is not told of. Nobody can attach such a one; if somebody has it all the
// same, it is its account's to show.
func (t *trial) foreign(by policy.Ref) bool {
	origin := t.req.Origin(by)
	if t.Within == "" || origin == nil || origin.ARN == "" {
		return false
	}
	owner := key.AccountOf(origin.ARN)
	return owner != t.Within && owner != "aws"
}

// policy names the policy of a statement, and returns its text.
func (t *trial) policy(ctx context.Context, by policy.Ref) (p Policy, text string, err error) {
	p.Source = by.Source.String()
	switch by.Source {
	case policy.KeyPolicy:
		p.Name = "the key policy"
		own, _, err := t.Ops.Authz.KeyPolicy(ctx, t.key)
		if err != nil {
			return p, "", err
		}
		if own.Text == "" {
			p.Name = "the key policy, the default one"
			return p, policy.Default(t.Ops.Authz.Naming.Partition, t.key.Account).Format(), nil
		}
		return p, own.Text, nil
	case policy.TrustPolicy:
		p.Name = "the trust policy of role " + t.role.Name
		return p, t.role.Role.Trust, nil
	}
	origin := t.req.Origin(by)
	switch {
	case origin == nil:
		p.Name = "the session policy"
		return p, t.req.Caller.Session.Session.Policy, nil
	case origin.ARN == "":
		p.Name = "policy " + origin.Name + " of " + strings.Replace(origin.Of, "/", " ", 1)
		text, err = t.inline(ctx, origin.Of, origin.Name)
		return p, text, err
	}
	p.ARN, p.Name = origin.ARN, map[policy.Source]string{
		policy.IdentityPolicy: "policy ", policy.Boundary: "the permissions boundary ", policy.SessionPolicy: "the session policy ",
	}[by.Source]+origin.ARN
	m, err := t.Ops.Authz.Identities.Managed(ctx, origin.ARN)
	if err != nil || m == nil {
		return p, "", err
	}
	for _, v := range m.Versions {
		if v.Number == m.Default {
			text = v.Text
		}
	}
	return p, text, nil
}

// inline returns the text of an inline policy: none when it is gone meanwhile.
func (t *trial) inline(ctx context.Context, of, name string) (string, error) {
	list, err := t.inlines(ctx, of)
	for _, p := range list {
		if p.Name == name {
			return p.Text, err
		}
	}
	return "", err
}

// misses are the reasons for which a statement has no effect.
func (t *trial) misses(s *policy.Step, v *authz.Verdict) (all []string) {
	add := func(is bool, format string, args ...any) {
		if is {
			all = append(all, fmt.Sprintf(format, args...))
		}
	}
	add(s.Void, "it lacks Action or Resource, and so has no effect")
	add(s.Means == 0 && s.Former, "it names one who was deleted, and whose name the caller has now")
	add(s.Means == 0 && !s.Former, "it does not name the caller")
	add(!s.Action, "it is not about %s", v.Action)
	add(!s.Resource && !s.Void, "it is not about %s", v.Resource)
	for _, c := range s.Conditions {
		why := "the request has another value"
		switch {
		case c.Met:
			continue
		case c.Hidden:
			why = "a key policy never sees it"
		case !c.Present:
			why = "the request has no such value"
		}
		add(true, "its condition %s %s is not met: %s", c.Operator, c.Key, why)
	}
	return all
}

func (t *trial) grant(s authz.GrantStep) Grant {
	g := Grant{ID: s.Grant.Id, Name: s.Grant.Name, Permits: s.Permits}
	switch {
	case !s.Operation:
		g.Why = "it has not the operation, but " + strings.Join(s.Grant.Operations, ", ")
	case !s.Permits:
		g.Why = "its constraint does not let the request through"
	case s.ForAccount:
		g.Why = "it is to the account of the caller, whose own policies say who may use it"
	default:
		g.Why = "it permits the request"
	}
	return g
}

// reference is to what decided; nil when nothing did but the lack of it.
func (d *Decision) reference(v *authz.Verdict) *Reference {
	switch v.By.Source {
	case policy.NoSource:
		return nil
	case policy.AGrant:
		return &Reference{Source: v.By.Source.String(), Grant: v.Grant}
	}
	for _, p := range d.Policies {
		for _, s := range p.Statements {
			if s.step.Ref == v.By {
				return &Reference{Source: p.Source, Policy: p.Name, Statement: s.Number, Sid: s.Sid, Line: s.Line, Text: s.Text}
			}
		}
	}
	return nil
}

// note is what else decided, beside the statement or the lack of one.
func (t *trial) note(v *authz.Verdict) string {
	c := t.req.Caller
	switch {
	case t.need.KeyID != "" && t.key == nil:
		return "There is no such key. Its account is another than the caller's, who is not told."
	case v.Reason == policy.OutsideTheAccount && t.key != nil && !t.need.CrossAccount:
		return fmt.Sprintf("%s is never allowed to another account: ask from account %s.", v.Action, t.key.Account)
	case v.Allowed && v.By.Source == policy.KeyPolicy && c.Account == v.Owner && c.Kind != authn.KindRoot && delegated(v):
		return "The key policy leaves it to the account, whose own policies allow it."
	case v.Allowed && v.Owner != "" && c.Account != v.Owner && c.Kind != authn.KindService:
		return "The caller's own account allows it too."
	case v.Allowed && v.By.Source == policy.NoSource && c.Kind == authn.KindRoot:
		return "The root user may do what is about nobody else's resources."
	}
	return ""
}

// delegated reports whether the statement that decided means the account alone.
func delegated(v *authz.Verdict) bool {
	for _, s := range v.Trace.Steps {
		if s.Ref == v.By {
			return s.Means == policy.AsAccount
		}
	}
	return false
}
