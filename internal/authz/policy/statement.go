package policy

import "slices"

// A Policy is a document made ready to decide. It may be used concurrently.
type Policy struct{ statements []statement }

type statement struct {
	sid  string
	deny bool

	whom    []whom // of a key policy
	notWhom bool   // whom lists whom the statement is not about

	actions    []glob // folded
	notActions bool

	resources    []resourceTest
	notResources bool

	conditions []condition
}

// Compile returns the policy of the document.
func (d *Document) Compile() *Policy {
	version, _ := d.root.get("Version")
	speak := dialect{variables: version != nil && version.scalar == "2012-10-17", ofKey: d.grammar == ofKey}
	p := &Policy{statements: make([]statement, len(d.statements))}
	for i, s := range d.statements {
		if !has(s, "Action", "NotAction") || !has(s, "Resource", "NotResource") {
			continue // the zero statement is about no action
		}
		p.statements[i] = d.statement(speak, s)
	}
	return p
}

func (d *Document) statement(speak dialect, v *value) (s statement) {
	for _, m := range v.members {
		texts, _ := m.texts()
		switch m.name {
		case "Sid":
			s.sid = m.scalar
		case "Effect":
			s.deny = m.scalar == "Deny"
		case "Principal", "NotPrincipal":
			s.whom, s.notWhom = whoms(&m.value, d.partition), m.name == "NotPrincipal"
		case "Action", "NotAction":
			s.notActions = m.name == "NotAction"
			for _, t := range texts {
				s.actions = append(s.actions, newGlob(wild(lower(t))))
			}
		case "Resource", "NotResource":
			s.notResources = m.name == "NotResource"
			for _, t := range texts {
				s.resources = append(s.resources, speak.resource(t))
			}
		case "Condition":
			s.conditions = speak.conditions(&m.value)
		}
	}
	return s
}

// about says whether the statement is about the question, whoever asks it.
func (s *statement) about(q *Question) bool {
	if len(s.actions) == 0 {
		return false
	}
	if slices.ContainsFunc(s.actions, func(g glob) bool { return g.match(q.action) }) == s.notActions {
		return false
	}
	if slices.ContainsFunc(s.resources, func(r resourceTest) bool { return r(q) }) == s.notResources {
		return false
	}
	for i := range s.conditions {
		if !s.conditions[i].holds(q.Context) {
			return false
		}
	}
	return true
}

// reaches says in which ways a statement of a key policy means p.
func (s *statement) reaches(p *Principal) (all reach) {
	for _, w := range s.whom {
		all |= w.match(p)
	}
	if !s.notWhom {
		return all
	}
	if all != 0 {
		return 0
	}
	return asEveryone
}
