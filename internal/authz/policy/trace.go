package policy

// A Step is what one statement has to do with a question, for people who ask why.
type Step struct {
	Ref
	Deny bool

	// Void says that it lacks Action or Resource, as a statement of a key policy may, and so has no effect.
	Void bool

	// Means is how it means the principal; a policy of its own, a boundary and a session policy mean it itself.
	Means Reach

	// Former says that it names the principal, but means one of that name who was deleted since.
	Former bool

	Action, Resource bool
	Conditions       []Met
}

// Met says of one condition whether it is. It holds none of the values, neither of the policy nor of the
// request: who may ask why is not always who may see these.
type Met struct {
	Operator, Key string // as the policy has them
	Met           bool
	Present       bool // the request has a value
	Hidden        bool // the request may have one, but policies of this kind never see it
}

// Applies says whether the statement has its effect. Where the policy of a resource means the principal only
// as the account, an Allow lets the account's own policies decide.
func (s *Step) Applies() bool {
	applies := !s.Void && s.Means != 0 && s.Action && s.Resource
	for _, c := range s.Conditions {
		applies = applies && c.Met
	}
	return applies
}

// Trace returns what each statement of each policy has to do with the question, in the order in which Consult
// asks them. It looks at all of them, and so takes longer.
func Trace(q *Question, s *Sources) []Step {
	t := tracer{q: q}
	q.begin()
	switch {
	case q.Key && s.Key != nil:
		t.policy(s.Key, Ref{Source: KeyPolicy})
	case q.Trust && s.Trust != nil:
		t.policy(s.Trust, Ref{Source: TrustPolicy})
	}
	if q.Identity != nil {
		defer func(owners Context) { q.Context = owners }(q.Context)
		q.Context = q.Identity
	}
	for i, p := range s.Identity {
		t.policy(p, Ref{Source: IdentityPolicy, Policy: i})
	}
	if s.Boundary != nil {
		t.policy(s.Boundary, Ref{Source: Boundary})
	}
	for i, p := range s.Session {
		t.policy(p, Ref{Source: SessionPolicy, Policy: i})
	}
	return t.steps
}

type tracer struct {
	q     *Question
	steps []Step
}

func (t *tracer) policy(p *Policy, ref Ref) {
	for i := range p.statements {
		s := &p.statements[i]
		ref.Statement, ref.Sid = i, s.sid
		step := Step{Ref: ref, Deny: s.deny, Void: s.void, Means: AsItself, Action: s.aboutAction(t.q), Resource: s.aboutResource(t.q)}
		if ref.Source == KeyPolicy || ref.Source == TrustPolicy {
			step.Means = s.reaches(t.q.Principal)
			for j := range s.whom {
				step.Former = step.Former || s.whom[j].former(t.q.Principal)
			}
		}
		for j := range s.conditions {
			step.Conditions = append(step.Conditions, s.conditions[j].met(t.q))
		}
		t.steps = append(t.steps, step)
	}
}

func (c *condition) met(q *Question) Met {
	return Met{
		Operator: c.written, Key: c.key, Hidden: c.hidden,
		Met: c.holds(q), Present: !c.hidden && len(q.Context.Values(c.name)) > 0,
	}
}
